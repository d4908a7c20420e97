package ordering

import (
	"net"
	"net/netip"
)

// clientAddr returns the address in a, which is a packet's or a connection's source as CoreDNS reports it: an IPv4-mapped
// IPv6 address unmapped, a zone removed. It returns the zero Addr when there is none in it.
func clientAddr(a net.Addr) netip.Addr {
	var addr netip.Addr
	switch a := a.(type) {
	case nil:
		return netip.Addr{}
	case *net.UDPAddr:
		addr, _ = netip.AddrFromSlice(a.IP)
	case *net.TCPAddr:
		addr, _ = netip.AddrFromSlice(a.IP)
	default: // proxyproto's own type among them
		addr = parseHost(a.String())
	}
	return addr.Unmap().WithZone("")
}

// parseHost returns the address in host, with a port behind it or without.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host) // the zero Addr on an error
	return addr
}
