package e2e

import (
	"net/netip"

	"github.com/miekg/dns"
)

// subnet returns the Client Subnet option of a query for clients in network.
func subnet(network string) *dns.EDNS0_SUBNET {
	n := netip.MustParsePrefix(network)
	o := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(n.Bits()), Address: n.Addr().AsSlice()}
	if n.Addr().Is6() {
		o.Family = 2
	}
	return o
}
