package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/internal/network"
)

// Builder collects networks with their locations and makes a Table of them. The zero Builder is
// ready to use. A Builder is not safe for concurrent use.
type Builder struct {
	v4 []entry[addr4]
	v6 []entry[ipaddr.Addr]

	numbers   map[string]uint32 // by the path of a location its index in locations
	locations []*Location       // the first is nil, for none
	added     uint32
}

// DuplicateError is the error of Builder.Table for a network that was added twice.
type DuplicateError struct {
	Network       netip.Prefix // what was added twice
	First, Second int          // by which calls of Add, counted from 0
}

// Error returns a message that names the network.
func (e *DuplicateError) Error() string { return fmt.Sprintf("%v was added twice", e.Network) }

// Add says where the addresses of a network are. An IPv4-mapped network is added as the IPv4
// network. The location is a path as ParseLocation takes it.
//
// Add returns an error, and adds nothing, if the network is not valid or has host bits set, or if
// the location is refused by ParseLocation. It does not notice that a network was added before:
// Table does.
func (b *Builder) Add(net netip.Prefix, location string) error {
	net, err := network.Check(net)
	if err != nil {
		return err
	}
	number, err := b.number(location)
	if err != nil {
		return err
	}
	if addr, length := net.Addr(), uint8(net.Bits()); addr.Is4() {
		b.v4 = append(b.v4, entry[addr4]{addr4From(addr), number, b.added, length})
	} else {
		b.v6 = append(b.v6, entry[ipaddr.Addr]{ipaddr.FromNetip(addr), number, b.added, length})
	}
	b.added++
	return nil
}

// number returns the index of a location in b.locations, to which it adds the location if it is a
// new one. It keeps a copy of path, which may be a part of a long text.
func (b *Builder) number(path string) (uint32, error) {
	if n, ok := b.numbers[path]; ok {
		return n, nil
	}
	l, err := ParseLocation(strings.Clone(path))
	if err != nil {
		return 0, err
	}
	if b.numbers == nil {
		b.numbers = map[string]uint32{}
		b.locations = []*Location{nil}
	}
	n := uint32(len(b.locations))
	b.numbers[l.path] = n
	b.locations = append(b.locations, l)
	return n, nil
}

// Table returns a Table of what was added so far. The Builder can be used further. If a network was
// added twice, the error is a *DuplicateError for the earliest second addition.
func (b *Builder) Table() (*Table, error) {
	slices.SortFunc(b.v4, entry[addr4].compare)
	slices.SortFunc(b.v6, entry[ipaddr.Addr].compare)
	d4, d6 := firstDuplicate(b.v4), firstDuplicate(b.v6)
	switch {
	case d4 != nil && (d6 == nil || d4.Second < d6.Second):
		return nil, d4
	case d6 != nil:
		return nil, d6
	}
	locations := NewLocations(slices.Clone(b.locations))
	t := &Table{length: len(b.v4) + len(b.v6), depth: locations.depth}
	t.v4.networks, t.v4.networkLocations = newSpans(b.v4), locations.byNumber
	t.v6.networks, t.v6.networkLocations = newSpans(b.v6), locations.byNumber
	return t, nil
}

// firstDuplicate returns an error for the network that was the earliest to be added again, nil if
// there is none.
func firstDuplicate[K address[K]](sorted []entry[K]) *DuplicateError {
	var found *DuplicateError
	for i := 1; i < len(sorted); i++ {
		m, n := sorted[i-1], sorted[i]
		if m.first == n.first && m.length == n.length && (found == nil || int(n.order) < found.Second) {
			found = &DuplicateError{n.prefix(), int(m.order), int(n.order)}
		}
	}
	return found
}
