package topology

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// Table says where addresses are; the longest prefix decides. It is immutable, and so safe for concurrent use. The zero Table
// and a nil one are empty. A Builder makes others.
type Table struct {
	v4 spans[addr4]
	v6 spans[ipaddr.Addr]

	locations []*Location // by the numbers in the spans; the first is nil, for none
	networks  int
	depth     int
}

// Find returns where addr is, and nil when no network in the table holds it. An IPv4-mapped IPv6 address is taken as the
// IPv4 address, a zone is ignored. Find does not allocate.
func (t *Table) Find(addr netip.Addr) *Location {
	if t == nil || t.networks == 0 || !addr.IsValid() {
		return nil
	}
	if addr = addr.Unmap(); addr.Is4() {
		return t.locations[t.v4.location(addr4From(addr))]
	}
	return t.locations[t.v6.location(ipaddr.FromNetip(addr))]
}

// Scope returns the length of the shortest prefix around addr inside which every address has the same Find result as addr.
// It is what an answer that depends on this table alone carries as SCOPE PREFIX-LENGTH (RFC 7871, section 7.2.1). An
// IPv4-mapped IPv6 address is taken as the IPv4 address, so that the length counts from 0 to 32.
func (t *Table) Scope(addr netip.Addr) int {
	if t == nil || !addr.IsValid() {
		return 0
	}
	if addr = addr.Unmap(); addr.Is4() {
		return t.v4.scope(addr4From(addr))
	}
	return t.v6.scope(ipaddr.FromNetip(addr))
}

// Depth returns the most labels that any location in the table has: Depth minus Location.Shared is a tier.
func (t *Table) Depth() int {
	if t == nil {
		return 0
	}
	return t.depth
}

// Len returns the number of networks in the table.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.networks
}
