package topology

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Builder collects networks and their locations and freezes them into a Table. The zero Builder is ready to use.
type Builder struct {
	v4 []network[addr4]
	v6 []network[addr6]

	numbers   map[string]uint32 // of locations, by path
	locations []*Location
	added     uint32
}

// DuplicateError says that a network was added twice.
type DuplicateError struct {
	Network       netip.Prefix
	First, Second int // which calls of Add, counted from 0
}

// Error names the network.
func (e *DuplicateError) Error() string { return e.Network.String() + " is there twice" }

// Add says where the addresses of a network are. The location is a path from wide to narrow, "region/zone/node": 1 to
// MaxLabels labels, none empty, without spaces and "#". An IPv4-mapped network is taken as the IPv4 network.
//
// A network with host bits set is refused, and the error says which network was probably meant. That a network was added
// before shows in Table.
func (b *Builder) Add(net netip.Prefix, location string) error {
	net, err := checkNetwork(net)
	if err != nil {
		return err
	}
	number, err := b.number(location)
	if err != nil {
		return err
	}
	if addr, length := net.Addr(), uint8(net.Bits()); addr.Is4() {
		b.v4 = append(b.v4, network[addr4]{makeAddr4(addr), number, b.added, length})
	} else {
		b.v6 = append(b.v6, network[addr6]{makeAddr6(addr), number, b.added, length})
	}
	b.added++
	return nil
}

func checkNetwork(net netip.Prefix) (netip.Prefix, error) {
	if !net.IsValid() {
		return net, errors.New("not a network")
	}
	if masked := net.Masked(); masked != net {
		return net, fmt.Errorf("%s has host bits set, did you mean %s?", net, masked)
	}
	if net.Addr().Is4In6() {
		// Without host bits set, such a network is at least as narrow as ::ffff:0:0/96.
		return netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96), nil
	}
	return net, nil
}

// number interns a location. The path is copied, for it may be a piece of something big.
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

// Table freezes what was added. The error is a *DuplicateError for the earliest network that was there before.
func (b *Builder) Table() (*Table, error) {
	slices.SortFunc(b.v4, func(m, n network[addr4]) int {
		return cmp.Or(cmp.Compare(m.first, n.first), cmp.Compare(m.length, n.length), cmp.Compare(m.order, n.order))
	})
	slices.SortFunc(b.v6, func(m, n network[addr6]) int {
		return cmp.Or(cmp.Compare(m.first.high, n.first.high), cmp.Compare(m.first.low, n.first.low),
			cmp.Compare(m.length, n.length), cmp.Compare(m.order, n.order))
	})
	if err := b.duplicate(); err != nil {
		return nil, err
	}
	t := &Table{
		v4:        freezeSpans(b.v4),
		v6:        freezeSpans(b.v6),
		locations: slices.Clone(b.locations),
		networks:  len(b.v4) + len(b.v6),
	}
	for _, l := range t.locations {
		t.depth = max(t.depth, l.Labels())
	}
	return t, nil
}

// duplicate looks at sorted networks.
func (b *Builder) duplicate() error {
	d4, d6 := firstDuplicate(b.v4), firstDuplicate(b.v6)
	switch {
	case d4 == nil && d6 == nil:
		return nil
	case d6 == nil || d4 != nil && d4.Second < d6.Second:
		return d4
	default:
		return d6
	}
}

func firstDuplicate[K address[K]](sorted []network[K]) *DuplicateError {
	var found *DuplicateError
	for i := 1; i < len(sorted); i++ {
		m, n := sorted[i-1], sorted[i]
		if m.first == n.first && m.length == n.length && (found == nil || int(n.order) < found.Second) {
			found = &DuplicateError{netip.PrefixFrom(n.first.addr(), int(n.length)), int(m.order), int(n.order)}
		}
	}
	return found
}
