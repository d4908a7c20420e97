package ordering

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// clientOctets returns the address in a, which is a packet's or a connection's source as CoreDNS reports it: an IPv4-mapped
// IPv6 address is taken as IPv4, a zone is left out. It returns nowhere when there is no address in it.
func clientOctets(a net.Addr) octets {
	switch a := a.(type) {
	case nil:
		return nowhere
	case *net.UDPAddr:
		return octetsOfIP(a.IP)
	case *net.TCPAddr:
		return octetsOfIP(a.IP)
	}
	return octetsFrom(parseHost(a.String()).Unmap()) // proxyproto has a type of its own
}

// octetsOfIP returns the octets of ip, which has 4 bytes, or 16 of which an IPv4 address may be mapped into the last.
func octetsOfIP(ip net.IP) octets {
	switch len(ip) {
	case 4:
		return ip4(binary.BigEndian.Uint32(ip))
	case 16:
		o := octets{binary.BigEndian.Uint64(ip), binary.BigEndian.Uint64(ip[8:])}
		if o.hi == 0 && o.lo>>32 == 0xffff {
			return ip4(uint32(o.lo))
		}
		return o
	}
	return nowhere
}

// parseHost returns the address in host, with a port behind it or without; the zero Addr when there is none.
func parseHost(host string) netip.Addr {
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}
