package topology

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// Table maps networks to locations, and can have Hosts on top. The longest prefix decides. A Table is
// immutable and safe for concurrent use. The zero Table and a nil one are empty; Builder makes others.
type Table struct {
	v4 layers[addr4]
	v6 layers[ipaddr.Addr]

	other  *Table // decides where it has a longer prefix; nil: none
	length int
	depth  int
}

// Locations are the locations of Hosts by their numbers. It is immutable.
type Locations struct {
	byNumber []*Location
	depth    int
}

// NewLocations returns Locations with these, of which the first is not used. A nil Location stands
// for one that is not known. The caller must not change the argument any more.
func NewLocations(byNumber []*Location) *Locations {
	l := &Locations{byNumber: byNumber}
	for _, location := range byNumber {
		l.depth = max(l.depth, location.Labels())
	}
	return l
}

// WithHosts returns a table with the networks of t, and with h in place of the Hosts that t has. The
// numbers in h must be indexes of what locations was made from. An address in h whose location is not
// known is not looked up among the networks. WithHosts does not change t, and copies no addresses.
func (t *Table) WithHosts(h *Hosts, locations *Locations) *Table {
	with := *t
	with.v4.hosts, with.v6.hosts = h.v4, h.v6
	with.v4.hostLocations, with.v6.hostLocations = locations.byNumber, locations.byNumber
	with.length += h.Len() - t.v4.hosts.length - t.v6.hosts.length
	with.depth = max(t.depth, locations.depth)
	return &with
}

// joined returns a table with all of t and all of other. Where both know an address, the longer prefix
// decides, and that of t if they are of one length.
func (t *Table) joined(other *Table) *Table {
	both := *t
	both.other = other
	both.length, both.depth = t.length+other.Len(), max(t.depth, other.Depth())
	return &both
}

// Find returns the location of addr, nil if the table has none for it. An IPv4-mapped IPv6 address is
// looked up as the IPv4 address. A zone is ignored. Find does not allocate.
func (t *Table) Find(addr netip.Addr) *Location {
	if t == nil || t.length == 0 || !addr.IsValid() {
		return nil
	}
	location, _ := t.find(addr.Unmap())
	return location
}

// find returns the location of addr and the length of the network that gives it. addr must be valid
// and not IPv4-mapped.
func (t *Table) find(addr netip.Addr) (location *Location, length int) {
	if addr.Is4() {
		location, length = t.v4.find(addr4From(addr))
	} else {
		location, length = t.v6.find(ipaddr.FromNetip(addr))
	}
	if t.other != nil && (location == nil || length < addr.BitLen()) {
		if l, n := t.other.find(addr); location == nil || n > length {
			return l, n
		}
	}
	return location, length
}

// Scope returns the length of the shortest prefix around addr in which Find returns the same location
// for every address. An answer that depends on this table alone has it as its SCOPE PREFIX-LENGTH
// (RFC 7871, section 7.2.1). In some tables a longer prefix is returned, in which the same is true:
// where hundreds of networks or addresses with one location lie side by side, and where the tables of
// two sources were joined. For an IPv4-mapped IPv6 address it is that of the IPv4 address, from 0 to
// 32. It is 0 for an address that is not valid. Scope does not allocate.
func (t *Table) Scope(addr netip.Addr) int {
	if t == nil || !addr.IsValid() {
		return 0
	}
	if addr = addr.Unmap(); t.other == nil {
		return t.scope(addr, false)
	}
	return max(t.scope(addr, true), t.other.scope(addr, true))
}

// scope is layers.scope of a valid address that is not IPv4-mapped.
func (t *Table) scope(addr netip.Addr, sameLength bool) int {
	if addr.Is4() {
		return t.v4.scope(addr4From(addr), sameLength)
	}
	return t.v6.scope(ipaddr.FromNetip(addr), sameLength)
}

// Depth returns the largest number of labels of any location in the table. Depth minus the labels
// that two locations share is how far they are apart.
func (t *Table) Depth() int {
	if t == nil {
		return 0
	}
	return t.depth
}

// Len returns the number of networks and single addresses in the table.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.length
}
