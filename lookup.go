package ordering

import (
	"context"
	"reflect"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// An origin says where a query comes from.
type origin uint8

const (
	fromClient    origin = iota
	fromSynthesis        // dns64 or siit ask for the addresses of the other family
	fromAlias            // a plugin follows an alias, and puts what it gets into its own answer
)

// CoreDNS follows aliases with upstream.Lookup, and dns64 and siit ask for themselves with it: it
// runs the whole chain again, in the server block that the new name belongs to.
//
// The answer that carries the addresses of an alias is ordered, and the look-up for it is not; it
// would otherwise be ordered twice, and what stands between, as cache may, would keep the order of
// one client for all. dns64 and siit stand above ordering, so what they get has to be ordered here.
// A look-up for an alias can be told in two ways: it was asked for below an Ordering that orders the
// answer, or its writer is that of a look-up and it does not ask for the other family.

// origin returns where the query for records of type qtype comes from that is answered to w.
func (z *zones) origin(ctx context.Context, w dns.ResponseWriter, qtype uint16) origin {
	if ctx.Value(orderedKey{}) != nil {
		return fromAlias
	}
	outer := lookedUpFor(w)
	switch {
	case outer == nil:
		return fromClient
	case z.synthesises && isOtherFamily(qtype, outer):
		return fromSynthesis
	}
	return fromAlias
}

// orderedKey is the context key of the writer that orders the answer for which a query is made.
type orderedKey struct{}

// lookedUpFor returns the writer of the query for which the server makes a look-up for itself, where
// w takes the response to the look-up; nil where w takes the response to a client. Every query enters
// the server through a ScrubWriter; upstream.Lookup lets it end in a nonwriter.
func lookedUpFor(w dns.ResponseWriter) *request.ScrubWriter {
	if entry := scrubWriter(w); entry != nil {
		if end, ok := entry.ResponseWriter.(*nonwriter.Writer); ok {
			return scrubWriter(end.ResponseWriter)
		}
	}
	return nil
}

// isOtherFamily reports whether a look-up of type qtype for the query of outer is one of dns64 or
// siit: these look up A for AAAA, or AAAA for A. A look-up for an alias has the type of its query, or
// is for the target of an MX, SRV or the like.
func isOtherFamily(qtype uint16, outer *request.ScrubWriter) bool {
	switch askedType(outer) {
	case dns.TypeA:
		return qtype == dns.TypeAAAA
	case dns.TypeAAAA:
		return qtype == dns.TypeA
	case dns.TypeNone:
		return true // more likely than an alias from another server block
	}
	return false
}

// askedType returns the type that the query of w asks for; TypeNone if that cannot be told. The
// query is in a field that is not exported, which another version of CoreDNS may not have.
func askedType(w *request.ScrubWriter) uint16 {
	query, ok := reflect.TypeOf(*w).FieldByName("req")
	if !ok || query.Type != reflect.TypeFor[*dns.Msg]() {
		return dns.TypeNone
	}
	msg := reflect.ValueOf(w).Elem().FieldByIndex(query.Index)
	if msg.IsNil() || msg.Elem().FieldByName("Question").Len() == 0 {
		return dns.TypeNone
	}
	return uint16(msg.Elem().FieldByName("Question").Index(0).FieldByName("Qtype").Uint())
}

// scrubWriter returns the innermost ScrubWriter that w writes to; nil if there is none.
func scrubWriter(w dns.ResponseWriter) *request.ScrubWriter {
	for w != nil {
		switch outer := w.(type) {
		case *request.ScrubWriter:
			return outer
		case *metrics.Recorder:
			w = outer.ResponseWriter
		case *dnstest.Recorder:
			w = outer.ResponseWriter
		case *nonwriter.Writer:
			w = outer.ResponseWriter
		default:
			w = embedded(w)
		}
	}
	return nil
}

var responseWriterType = reflect.TypeFor[dns.ResponseWriter]()

// embedded returns the writer that the struct behind w embeds, as writers of plugins do; nil if it
// embeds none. plugin.NextOrFailure wraps every writer in a type that is not exported.
func embedded(w dns.ResponseWriter) dns.ResponseWriter {
	v := reflect.ValueOf(w)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == responseWriterType && f.CanInterface() {
			inner, _ := f.Interface().(dns.ResponseWriter)
			return inner
		}
	}
	return nil
}
