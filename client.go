package ordering

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// sourceAddr returns the address that the query of ctx, which is answered to w, comes from; the zero Addr
// when there is none. CoreDNS loses that of an HTTPS client whose address has a zone, which is left
// only in the HTTP request.
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

// clientAddr returns the address in a, which is a source of packets or connections as CoreDNS reports
// it: an IPv4-mapped IPv6 address counts as IPv4, a zone is left out. It returns the zero Addr when
// there is none in a.
func clientAddr(a net.Addr) netip.Addr {
	var client netip.Addr
	switch a := a.(type) {
	case nil:
	case *net.UDPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	case *net.TCPAddr:
		client, _ = netip.AddrFromSlice(a.IP)
	default:
		client = parseHost(a.String()).WithZone("") // proxyproto has a type of its own
	}
	return client.Unmap()
}

// parseHost returns the address in host, which may have a port; the zero Addr when there is none.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}
