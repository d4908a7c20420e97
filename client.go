package ordering

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// sourceAddr returns the address that the query of ctx, which is answered to w, comes from; the zero
// Addr when there is none. CoreDNS loses that of an HTTPS client whose address has a zone; only the
// HTTP request still has it.
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
