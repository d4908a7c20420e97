package ranking

import (
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// MaskLengths are the lengths of the subnet masks that addresses are compared with, in any order.
// Without lengths every address is in one tier.
type MaskLengths struct {
	IPv4     []int // 0 to 32
	IPv6     []int // 0 to 128
	Classful bool  // the length of an IPv4 client's classful network counts as well
}

// A class says which masks a client has. For IPv4 clients it is that of RFC 791, section 3.2.
type class uint8

const (
	unknown class = iota // a client without an address, so without masks
	classA               // 0.0.0.0 to 127.255.255.255, /8
	classB               // 128.0.0.0 to 191.255.255.255, /16
	classC               // 192.0.0.0 to 223.255.255.255, /24
	classDE              // 224.0.0.0 and up, multicast and reserved: no classful network
	ip6
	classes // how many classes there are
)

// classOf returns the class of a client.
func classOf(client netip.Addr) class {
	switch {
	case !client.IsValid():
		return unknown
	case !client.Is4():
		return ip6
	}
	switch first := client.As4()[0]; {
	case first < 128:
		return classA
	case first < 192:
		return classB
	case first < 224:
		return classC
	}
	return classDE
}

// length returns the prefix length of a classful network of c; 0 if c has none.
func (c class) length() int {
	return [classes]int{classA: 8, classB: 16, classC: 24}[c]
}

// tierByBits gives an address its tier. The index is how many leading bits it shares with the
// client, as ipaddr.Addr counts them.
type tierByBits [129]uint8

// masks give addresses their tiers by subnet masks, for the clients of one class. They are
// immutable.
type masks struct {
	tier      tierByBits // of an address of the client's family
	other     tierByBits // of an address of the other family: the last tier, whatever bits it shares
	lengths   []int      // longest first
	scope     int        // all clients that share this many bits with one of the class have its tiers
	classOnly bool       // the only length is that of the classful network
}

// newClassMasks returns the masks of every class.
func newClassMasks(l MaskLengths) (all [classes]*masks) {
	for c := range classes {
		lengths, offset := l.IPv4, ipaddr.Offset4
		switch {
		case c == unknown:
			lengths = nil
		case c == ip6:
			lengths, offset = l.IPv6, 0
		case l.Classful && c.length() > 0:
			lengths = append(slices.Clone(l.IPv4), c.length())
		}
		lengths = slices.Compact(slices.Sorted(slices.Values(lengths)))
		slices.Reverse(lengths)
		all[c] = newMasks(lengths, offset)
		all[c].classOnly = c != ip6 && len(l.IPv4) == 0
	}
	if l.Classful {
		// The first 3 bits tell a client without a classful network from the others.
		all[classDE].scope = max(all[classDE].scope, 3)
	}
	return all
}

// newMasks returns the masks of these lengths, which must be longest first and without repetition.
// offset is the number of bits in an ipaddr.Addr before an address of the client's family.
func newMasks(lengths []int, offset int) *masks {
	m := &masks{lengths: lengths}
	if len(lengths) > 0 {
		m.scope = lengths[0]
	}
	for n := range m.tier {
		t := 0
		for t < len(lengths) && n < offset+lengths[t] {
			t++
		}
		m.tier[n], m.other[n] = uint8(t), uint8(len(lengths))
	}
	return m
}

// tiers returns how many tiers m has: one for each length, and one for all the rest.
func (m *masks) tiers() int { return len(m.lengths) + 1 }

// near returns the Near of the addresses in a tier.
func (m *masks) near(tier uint32) Near {
	switch {
	case int(tier) >= len(m.lengths):
		return NearElsewhere
	case tier > 0 || m.classOnly:
		return NearNetwork
	}
	return NearSubnet
}

// canBe reports whether there is a tier whose addresses are near.
func (m *masks) canBe(near Near) bool {
	for tier := range m.lengths {
		if m.near(uint32(tier)) == near {
			return true
		}
	}
	return false
}
