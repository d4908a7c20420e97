package contract

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// A Nearness says how near an address is to a client. Rank decides first, then Shared, then Mask.
// Addresses with the same Nearness are in one tier.
type Nearness struct {
	Rank   int // by the sort list: the smaller the nearer
	Shared int // how many leading labels the two locations share: the more the nearer
	Mask   int // 0: on one network with the client by the longest mask, 1: by the next, and so on
}

// Compare returns a negative number if n is nearer than m, 0 if they are in one tier, and otherwise
// a positive number.
func (n Nearness) Compare(m Nearness) int {
	return cmp.Or(cmp.Compare(n.Rank, m.Rank), cmp.Compare(m.Shared, n.Shared), cmp.Compare(n.Mask, m.Mask))
}

// Nearness returns how near address a is to client. source is where the query came from, which
// differs from client if a resolver asked for it. All are unmapped and have no zone.
func (p *Policy) Nearness(client, source, a netip.Addr) Nearness {
	n := Nearness{Rank: p.rank(client, a), Mask: p.mask(client, a)}
	from, known := p.locate(client)
	if !known {
		from, known = p.locate(source)
	}
	if to, knownToo := p.locate(a); known && knownToo {
		n.Shared = shared(from, to)
		n.Mask = len(p.Masks(client)) // masks rank only what the topology cannot
	}
	return n
}

// Tier returns the number of the tier of addresses with this Nearness to a client: how many tiers are
// nearer, with those that have no address.
func (p *Policy) Tier(client netip.Addr, n Nearness) int {
	tier, tiers := n.Mask, len(p.Masks(client))+1
	if p.Topology != nil {
		depth := 0
		for _, place := range p.Topology {
			depth = max(depth, 1+strings.Count(place.Location, "/"))
		}
		tier += tiers * (depth - n.Shared)
		tiers *= depth + 1
	}
	if s := p.Statement(client); s != nil {
		tier += tiers * (n.Rank + max(1, len(s.Words)))
	}
	return tier
}

// Masks returns the lengths of the masks that count for a client, longest first.
func (p *Policy) Masks(client netip.Addr) []int {
	var all []int
	switch {
	case !p.LocalNetPriority:
	case client.Is6():
		all = slices.Clone(p.Netmask6)
	default:
		all = slices.Clone(p.Netmask)
		if n := classLength(client); p.Classful && n > 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return slices.Compact(all)
}

// classLength returns the length of the classful network of an IPv4 client; 0 if it has none.
func classLength(client netip.Addr) int {
	switch first := client.As4()[0]; {
	case first < 128:
		return 8
	case first < 192:
		return 16
	case first < 224:
		return 24
	}
	return 0
}

// mask returns the index of the first of the client's masks under which a is on one network with
// it, and the number of masks if there is none.
func (p *Policy) mask(client, a netip.Addr) int {
	masks := p.Masks(client)
	for i, n := range masks {
		if netip.PrefixFrom(client, n).Masked().Contains(a) {
			return i
		}
	}
	return len(masks)
}

// Statement returns the statement of the sort list that decides for a client; nil if none does.
func (p *Policy) Statement(client netip.Addr) *Statement {
	for i := range p.Sortlist {
		if holds(p.Sortlist[i].Clients, client) {
			return &p.Sortlist[i]
		}
	}
	return nil
}

// rank returns the rank of a in the sort list: below 0 if it is listed, 0 if not, above 0 if it is
// negated.
func (p *Policy) rank(client, a netip.Addr) int {
	s := p.Statement(client)
	if s == nil {
		return 0
	}
	words := s.Words
	if len(words) == 0 {
		words = []Word{{Networks: s.Clients}}
	}
	for i, w := range words {
		switch {
		case !holds(w.Networks, a):
		case w.Negated:
			return len(words) - i // the earlier the later
		default:
			return i - len(words)
		}
	}
	return 0
}

// locate returns the location of an address: the longest prefix decides.
func (p *Policy) locate(a netip.Addr) (location string, known bool) {
	longest := -1
	for _, place := range p.Topology {
		if place.Network.Contains(a) && place.Network.Bits() > longest {
			location, longest = place.Location, place.Network.Bits()
		}
	}
	return location, longest >= 0
}

// shared returns how many leading labels two locations share.
func shared(a, b string) int {
	left, right, n := strings.Split(a, "/"), strings.Split(b, "/"), 0
	for n < len(left) && n < len(right) && left[n] == right[n] {
		n++
	}
	return n
}
