package proxied

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Subnet returns a Client Subnet option for the clients in network, as a query has it.
func Subnet(network netip.Prefix) *dns.EDNS0_SUBNET {
	o := &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(network.Bits()), Address: network.Addr().AsSlice(),
	}
	if network.Addr().Is6() {
		o.Family = 2
	}
	return o
}
