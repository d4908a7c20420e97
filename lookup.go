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
// answer, or its writer is that of a look-up and no plugin of this server block asks for itself.

// origin returns where the query comes from that is answered to w.
func (z *zones) origin(ctx context.Context, w dns.ResponseWriter) origin {
	switch {
	case ctx.Value(orderedKey{}) != nil:
		return fromAlias
	case !isLookup(w):
		return fromClient
	case z.synthesises:
		return fromSynthesis
	}
	return fromAlias
}

// orderedKey is the context key of the writer that orders the answer for which a query is made.
type orderedKey struct{}

// isLookup reports whether w takes the response to a look-up that the server makes for itself. Every
// query enters the server through a ScrubWriter; upstream.Lookup lets it end in a nonwriter.
func isLookup(w dns.ResponseWriter) bool {
	for w != nil {
		switch outer := w.(type) {
		case *request.ScrubWriter:
			_, ok := outer.ResponseWriter.(*nonwriter.Writer)
			return ok
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
	return false
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
