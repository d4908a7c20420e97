package ordering

import (
	"slices"

	"github.com/miekg/dns"
)

// A span is the part [first:end] of the RRset in its new order that one tier fills. next is where its next record goes.
type span struct{ first, end, next uint16 }

// maxTiers bounds the counters of the counting sort. Where a ranking has more, those that occur are numbered anew.
const maxTiers = 256

// rank writes the tier of every record of set and, where maxTiers allows, how many each tier has. The base order is as
// received.
func (s *scratch) rank(set []dns.RR, k *ranking) {
	tiers, members := s.tiers[:len(set)], s.members[:len(set)]
	for i := range members {
		members[i] = uint16(i)
	}
	s.moves = false
	if s.addresses = isAddress(set[0]); !s.addresses {
		clear(tiers)
		s.spanEnd = 1
		s.spans[0].end = uint16(len(set))
		return
	}
	s.spanEnd = k.tiers()
	if s.spanEnd > maxTiers {
		for i, rr := range set {
			tiers[i] = k.tier(octetsOf(rr))
		}
		s.moves = !slices.IsSorted(tiers)
		return
	}
	spans := s.spans[:s.spanEnd]
	clear(spans)
	_, is4 := set[0].(*dns.A)
	last, near, client, tables := uint32(0), k.nearness(is4), k.client, k.hasTables()
	for i, rr := range set {
		// This is k.tier, and the counting, in one loop: it is the one that a query spends most time in.
		o := octetsOf(rr)
		t := uint32(near[client.shared(o)])
		if tables {
			t = k.tableTier(o.addr(), t)
		}
		tiers[i] = t
		spans[t].end++
		s.moves = s.moves || t < last
		last = t
	}
}

// turnKey returns the key under which the turns of set are counted: owner, class, type and tier assignment.
func (s *scratch) turnKey(set []dns.RR, k secret) uint64 {
	h := set[0].Header()
	key := k.mix(k.owner(h.Name), uint64(len(set))<<32|uint64(h.Class)<<16|uint64(h.Rrtype))
	tiers := s.tiers[:len(set)]
	for ; len(tiers) >= 4; tiers = tiers[4:] {
		key = k.mix(key, uint64(tiers[0])^uint64(tiers[1])<<16^uint64(tiers[2])<<32^uint64(tiers[3])<<48)
	}
	for _, t := range tiers {
		key = k.mix(key, uint64(t))
	}
	return key
}

// layOut gives each tier its span, and folds a rotation of each tier of m records left by turn mod m into where the span
// starts to be filled.
func (s *scratch) layOut(n int, turn uint64) {
	if s.spanEnd > maxTiers {
		s.renumber(n)
	}
	first := uint16(0)
	for t := range s.spans[:s.spanEnd] {
		p := &s.spans[t]
		m := p.end
		*p = span{first: first, end: first + m, next: first}
		if m > 1 {
			if r := uint16(turn % uint64(m)); r > 0 {
				p.next = p.end - r
				s.moves = true
			}
		}
		first = p.end
	}
}

// renumber replaces the tiers of n members by their rank among those that occur, and counts the members of each.
func (s *scratch) renumber(n int) {
	tiers := s.tiers[:n]
	s.ranks = append(s.ranks[:0], tiers...)
	slices.Sort(s.ranks)
	s.ranks = slices.Compact(s.ranks)
	s.spanEnd = len(s.ranks)
	clear(s.spans[:s.spanEnd])
	for i, t := range tiers {
		at, _ := slices.BinarySearch(s.ranks, t)
		tiers[i] = uint32(at)
		s.spans[at].end++
	}
}

// scatter writes values to dst in the new order: by tier, in base order but for the rotation that layOut has folded in.
// values[m] is what stands for member m.
func scatter[T any](s *scratch, dst, values []T) {
	tiers, spans := s.tiers[:len(dst)], s.spans[:s.spanEnd]
	for i, m := range s.members[:len(dst)] {
		p := &spans[tiers[i]]
		dst[p.next] = values[m]
		if p.next++; p.next == p.end {
			p.next = p.first
		}
	}
}

// rearrange has f order the members of each tier, n in all, where that takes more than a rotation: f gets them in base order.
func (s *scratch) rearrange(n int, f func(tier []uint16)) {
	members, order := s.members[:n], s.order[:n]
	s.idle = sized(s.idle, n)
	for i := range s.idle {
		s.idle[i] = uint16(i) // what stands for a member is itself
	}
	scatter(s, order, s.idle)
	for t, p := range s.spans[:s.spanEnd] {
		if p.end-p.first > 1 {
			f(order[p.first:p.end])
		}
		for i := p.first; i < p.end; i++ {
			s.tiers[i] = uint32(t)
		}
	}
	copy(members, order)
	s.moves = !slices.IsSorted(members)
}

// cut sets to nil what stands behind the first limit of the addresses in dst, which are in their new order. When the nearest
// tier fills more than one place alone, the last place goes to the first of the next tier, so that a client can still fail
// over.
func (s *scratch) cut(dst []dns.RR, limit int) {
	nearest := slices.IndexFunc(s.spans[:s.spanEnd], func(p span) bool { return p.end > 0 })
	if next := int(s.spans[nearest].end); limit > 1 && limit <= next && next < len(dst) {
		dst[limit-1] = dst[next]
	}
	clear(dst[limit:])
	s.cuts = true
}
