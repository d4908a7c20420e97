package topology

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// Table maps networks to locations. The longest prefix decides. A Table is immutable and safe for
// concurrent use. The zero Table and a nil one are empty; Builder makes others.
type Table struct {
	v4 spans[addr4]
	v6 spans[ipaddr.Addr]

	locations []*Location // the spans have indexes of it; the first is nil, for none
	networks  int
	depth     int
}

// Find returns the location of addr, nil if no network of the table contains it. An IPv4-mapped
// IPv6 address is looked up as the IPv4 address. A zone is ignored. Find does not allocate.
func (t *Table) Find(addr netip.Addr) *Location {
	if t == nil || t.networks == 0 || !addr.IsValid() {
		return nil
	}
	if addr = addr.Unmap(); addr.Is4() {
		return t.locations[t.v4.location(addr4From(addr))]
	}
	return t.locations[t.v6.location(ipaddr.FromNetip(addr))]
}

// Scope returns the length of the shortest prefix around addr in which Find returns the same for
// every address. An answer that depends on this table alone has it as its SCOPE PREFIX-LENGTH
// (RFC 7871, section 7.2.1). For an IPv4-mapped IPv6 address it is that of the IPv4 address, from 0
// to 32. It is 0 for an address that is not valid. Scope does not allocate.
func (t *Table) Scope(addr netip.Addr) int {
	if t == nil || !addr.IsValid() {
		return 0
	}
	if addr = addr.Unmap(); addr.Is4() {
		return t.v4.scope(addr4From(addr))
	}
	return t.v6.scope(ipaddr.FromNetip(addr))
}

// Depth returns the largest number of labels of any location in the table. Depth minus the labels
// that two locations share is how far they are apart.
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
