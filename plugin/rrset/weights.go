package rrset

import (
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// Weights say how often an address comes first in its tier, compared with the other addresses of
// the tier. The longest prefix decides. An address that no prefix holds has weight 1. Add must not
// be called once an Orderer has the Weights; from then on they are safe for concurrent use.
type Weights struct{ networks bart.Table[uint8] }

// Add gives the addresses of a network a weight and returns true. If the network has a weight
// already, Add changes nothing and returns false.
func (w *Weights) Add(network netip.Prefix, weight uint8) bool {
	if _, twice := w.networks.Get(network); twice {
		return false
	}
	w.networks.Insert(network, weight)
	return true
}

// of returns the weight of the address in rr; 1 if it has none. A nil w gives every address weight
// 1.
func (w *Weights) of(rr dns.RR) uint64 {
	a, ip4, ok := Address(rr)
	if w == nil || !ok {
		return 1
	}
	if n, ok := w.networks.Lookup(a.NetipAs(ip4)); ok {
		return uint64(n)
	}
	return 1
}
