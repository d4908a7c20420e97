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

// An origin says who makes a query: a client, or a plugin of this server. A plugin makes one with
// upstream.Lookup, which runs the whole chain again, in the server block that the new name belongs
// to.
type origin uint8

const (
	fromClient origin = iota

	// fromSynthesis is a look-up by dns64 or siit, for the addresses of the other family. These two
	// stand above ordering in the chain, so the answer that they make of the response is not
	// ordered. The response is, and they keep its order.
	fromSynthesis

	// fromAlias is a look-up by a plugin that follows an alias and puts the addresses into its own
	// answer. That answer is ordered. If the look-up were ordered too, each query would take two
	// turns, and a cache between the two would keep the order of one client for all.
	fromAlias
)

// originOf returns the origin of the query that comes with ctx and is answered to w. synthesises
// says that the server block has dns64 or siit.
//
// A look-up is for an alias in two cases: if an Ordering above orders the answer that it is for, or
// if no dns64 or siit can have made it.
func originOf(ctx context.Context, w dns.ResponseWriter, synthesises bool) origin {
	switch {
	case ctx.Value(orderedKey{}) != nil:
		return fromAlias
	case !isLookup(w):
		return fromClient
	case synthesises:
		return fromSynthesis
	}
	return fromAlias
}

// orderedKey is the context key of the writer that orders the answer for which a query is made.
type orderedKey struct{}

// isLookup reports whether w is the writer of a look-up, and not that of a client's query. Plugins
// wrap the writer that they are given, so isLookup unwraps w down to the ScrubWriter that the
// server begins each query with. In a look-up, the writer below that is the nonwriter of
// upstream.Lookup.
//
// For the types that it names, isLookup needs no reflection.
func isLookup(w dns.ResponseWriter) bool {
	for w != nil {
		switch wrapper := w.(type) {
		case *request.ScrubWriter:
			_, ok := wrapper.ResponseWriter.(*nonwriter.Writer)
			return ok
		case *metrics.Recorder:
			w = wrapper.ResponseWriter
		case *dnstest.Recorder:
			w = wrapper.ResponseWriter
		case *nonwriter.Writer:
			w = wrapper.ResponseWriter
		default:
			w = embedded(w)
		}
	}
	return false
}

var responseWriterType = reflect.TypeFor[dns.ResponseWriter]()

// embedded returns the writer that w wraps, if w is a struct, or a pointer to one, with an exported
// field for it; otherwise nil. The wrappers of plugins embed that writer, and so have such a field.
// A type switch is not enough, because many of their types are not exported, such as that of
// plugin.NextOrFailure.
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
