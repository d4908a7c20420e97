package ordering

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"reflect"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// sourceAddr returns the source address of a query, the zero Addr if it has none. ctx and w are
// those that ServeDNS got with the query. If the address of an HTTPS client has a zone, CoreDNS
// puts no address into w; only the HTTP request in ctx still has it.
func sourceAddr(ctx context.Context, w dns.ResponseWriter) netip.Addr {
	client := clientAddr(w.RemoteAddr())
	if client.IsValid() {
		return client
	}
	if r, ok := ctx.Value(dnsserver.HTTPRequestKey{}).(*http.Request); ok {
		client = parseHost(r.RemoteAddr).WithZone("").Unmap()
	}
	return client
}

// clientAddr returns the IP address in a, the source of a query as CoreDNS reports it. It returns
// an IPv4-mapped IPv6 address as IPv4, and leaves out a zone. If a has no address it returns the
// zero Addr.
func clientAddr(a net.Addr) netip.Addr {
	var client netip.Addr
	switch a := a.(type) {
	case nil:
	case *net.UDPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	case *net.TCPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	default:
		client = parseHost(a.String()).WithZone("") // as for the plugin proxyproto, which has its own type
	}
	return client.Unmap()
}

// parseHost returns the IP address in host, which may have a port. If host has no address it
// returns the zero Addr.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}

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

// originOf returns the origin of a query for records of type qtype. ctx and w are those that
// ServeDNS got with the query.
//
// A look-up is for an alias in two cases: if an Ordering above orders the answer that it is for, or
// if it does not ask for the other family.
func originOf(ctx context.Context, w dns.ResponseWriter, qtype uint16) origin {
	if ctx.Value(orderedKey{}) != nil {
		return fromAlias
	}
	// The server begins each query, and so each look-up, with a ScrubWriter. That of a look-up
	// wraps the nonwriter of upstream.Lookup, which wraps the writer of the query that needs the
	// look-up.
	scrub := scrubWriter(w)
	if scrub == nil {
		return fromClient
	}
	lookup, ok := scrub.ResponseWriter.(*nonwriter.Writer)
	switch {
	case !ok:
		return fromClient
	case isOtherFamily(qtype, askedType(scrubWriter(lookup.ResponseWriter))):
		return fromSynthesis
	}
	return fromAlias
}

// orderedKey is the context key of the writer that orders the answer for which a query is made.
type orderedKey struct{}

// isOtherFamily reports whether a look-up of type qtype for a query of type asked is one of dns64 or
// siit: these look up A for AAAA, or AAAA for A. A look-up for an alias has the type of its query, or
// is for the target of an MX, SRV or the like.
func isOtherFamily(qtype, asked uint16) bool {
	return qtype == dns.TypeA && asked == dns.TypeAAAA || qtype == dns.TypeAAAA && asked == dns.TypeA
}

// askedType returns the type that the query of w asks for; TypeNone if that cannot be told. The
// query is in a field that is not exported, which another version of CoreDNS may not have.
func askedType(w *request.ScrubWriter) uint16 {
	if w == nil {
		return dns.TypeNone
	}
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

// scrubWriter returns the ScrubWriter that w is or wraps, the outermost of several; nil if there is
// none. Plugins wrap the writer that they get. It unwraps the types that it names without
// reflection.
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

// embedded returns the writer in an exported field of w, a struct or a pointer to one: writers of
// plugins embed the one that they wrap. It returns nil if there is no such field. It needs
// reflection, because plugin.NextOrFailure wraps every writer in a type that is not exported.
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
