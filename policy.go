package ordering

import (
	"slices"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// A policy is what one directive of the Corefile says, frozen: it gives a ranking for each client and puts sections in
// order by it. It is immutable but for the turns and the topology, and safe for concurrent use.
type policy struct {
	arranger
	base     base
	limit    int
	masks    [classes]*masks
	sortlist *sortlist       // nil: none
	topology topology.Source // nil: none
	ecs      *trust          // nil: nobody is trusted
	line     int             // of the directive in the Corefile
}

// base says where the turns of an RRset start from.
type base uint8

const (
	automatic base = iota // canonical for answers without AA, received for the others
	received              // as it came from the plugins below
	canonical             // by octets, RFC 4034 section 6.3
)

// A class is what decides which masks a client has. Those of IPv4 differ by the classful network, RFC 791 section 3.2.
type class uint8

const (
	unknown class = iota // no address, so no masks
	classA               // 0.0.0.0 to 127.255.255.255, /8
	classB               // 128.0.0.0 to 191.255.255.255, /16
	classC               // 192.0.0.0 to 223.255.255.255, /24
	classDE              // 224.0.0.0 and up: multicast and reserved, no network
	ip6
	classes
)

// classful returns the length of the class's network; 0 where it has none.
func (c class) classful() int {
	return [classes]int{classA: 8, classB: 16, classC: 24}[c]
}

// classOf returns the class of a client.
func classOf(o octets) class {
	switch first := uint8(o.lo >> 24); {
	case o == nowhere:
		return unknown
	case !o.is4():
		return ip6
	case first < 128:
		return classA
	case first < 192:
		return classB
	case first < 224:
		return classC
	}
	return classDE
}

// newClassMasks returns the masks of every class. v4 and v6 are mask lengths in any order; classful adds the length of the
// client's classful network. Without lengths every address is in one tier.
func newClassMasks(v4, v6 []int, classful bool) (all [classes]*masks) {
	for c := range classes {
		lengths, front := v4, ip4bits
		switch {
		case c == unknown:
			lengths = nil
		case c == ip6:
			lengths, front = v6, 0
		case classful && c.classful() > 0:
			lengths = append(slices.Clone(v4), c.classful())
		}
		lengths = slices.Compact(slices.Sorted(slices.Values(lengths)))
		slices.Reverse(lengths)
		all[c] = newMasks(lengths, front)
	}
	return all
}

// rank fills k with what p says about client, which may be nowhere: then no address is nearer than another.
func (p *policy) rank(k *ranking, client octets) {
	k.client, k.masks = client, p.masks[classOf(client)]
	if p.sortlist != nil {
		k.list = p.sortlist.find(client.addr())
	}
	if p.topology != nil {
		k.table = p.topology.Table()
		k.place = k.table.Find(client.addr())
	}
}

// startsCanonical reports whether turns start from the canonical order in a response that is authoritative (AA) or not.
func (p *policy) startsCanonical(authoritative bool) bool {
	switch p.base {
	case canonical:
		return true
	case automatic:
		return p.rotation == cyclic && !authoritative
	}
	return false
}
