package rrset

import (
	"slices"

	"github.com/miekg/dns"
)

// A span is the part [first:end] of an RRset in its new order that one tier fills.
type span struct {
	first, end uint16
	next       uint16 // where the next record goes
}

// maxSpans bounds the counters of the counting sort. Where a ranking has more tiers, those that
// occur are numbered anew.
const maxSpans = 256

// places are the new places of the records of one RRset: a stable counting sort by tier, with a
// rotation inside each tier. For example
//
//	set    A1  A2  A3   the records, as received
//	tiers  2   2   0    their tiers
//	base   0   2   1    indexes into set in base order, where that is not as received: A1 A3 A2
//	order  2   0   1    indexes into set in the new order, where a rotation is not all: A3 A1 A2
type places struct {
	spans []span
	n     int  // spans in use
	moved bool // a record changes its place

	base     []uint16 // nil: base order is as received
	order    []uint16
	ordered  bool     // order counts
	received []uint16 // 0, 1, 2, …
	ranks    []uint32
}

// reset makes room for RRsets of up to n records in so many tiers.
func (p *places) reset(n, tiers int) {
	if tiers = min(tiers, max(n, maxSpans)); tiers > len(p.spans) {
		p.spans = make([]span, tiers)
	}
}

// count begins with a new RRset, whose base order is as received. It counts how many records are in
// each of n tiers, and finds whether sorting by tier moves any. It reports whether a tier may have
// several records, so that turns make a difference.
func (p *places) count(tiers []uint32, n int) (several bool) {
	p.base, p.ordered, p.n = nil, false, n
	if n > maxSpans {
		p.moved = !slices.IsSorted(tiers)
		return true // rotate or permute count the tiers that occur
	}
	spans := p.spans[:n]
	for t := range spans {
		spans[t].end = 0 // not clear, whose wide stores would stall the narrow loads below
	}
	last, most, moved := uint32(0), uint16(0), false
	for _, t := range tiers {
		c := spans[t].end + 1
		spans[t].end = c
		most = max(most, c)
		moved = moved || t < last
		last = t
	}
	p.moved = moved
	return most > 1
}

// rebase makes base the base order, and puts tiers in it. It keeps base for this RRset.
func (p *places) rebase(base []uint16, tiers []uint32) {
	p.base = base
	p.ranks = append(p.ranks[:0], tiers...)
	for i, m := range base {
		tiers[i] = p.ranks[m]
	}
}

// rotate gives each tier of m records its span, rotated left by turn mod m.
func (p *places) rotate(tiers []uint32, turn uint64) {
	p.layOut(tiers, turn)
	if p.base != nil {
		p.sort(tiers, p.base)
		p.moved = !slices.IsSorted(p.order)
	}
}

// permute gives each tier its span and lets arrange order the members of each tier, which it gets
// in base order as indexes into the RRset.
func (p *places) permute(tiers []uint32, arrange func(tier []uint16)) {
	p.layOut(tiers, 0)
	base := p.base
	if base == nil {
		p.received = ascending(p.received, len(tiers))
		base = p.received
	}
	p.sort(tiers, base)
	for _, s := range p.spans[:p.n] {
		if s.end-s.first > 1 {
			arrange(p.order[s.first:s.end])
		}
	}
	p.moved = !slices.IsSorted(p.order)
}

// layOut turns the counts into spans. The rotation is folded into where each span starts to be
// filled.
func (p *places) layOut(tiers []uint32, turn uint64) {
	if p.n > maxSpans {
		p.renumber(tiers)
	}
	spans, first := p.spans[:p.n], uint16(0)
	for t := range spans {
		s := &spans[t]
		m := s.end
		end := first + m
		s.first, s.end, s.next = first, end, first
		if m > 1 {
			if r := uint16(turn % uint64(m)); r > 0 {
				s.next = end - r
				p.moved = true
			}
		}
		first = end
	}
}

// renumber replaces tiers by their rank among those that occur, and counts the records of each.
func (p *places) renumber(tiers []uint32) {
	p.ranks = append(p.ranks[:0], tiers...)
	slices.Sort(p.ranks)
	p.ranks = slices.Compact(p.ranks)
	p.n = len(p.ranks)
	clear(p.spans[:p.n])
	for i, t := range tiers {
		at, _ := slices.BinarySearch(p.ranks, t)
		tiers[i] = uint32(at)
		p.spans[at].end++
	}
}

// sort writes base to order by tier.
func (p *places) sort(tiers []uint32, base []uint16) {
	p.order = resize(p.order, len(tiers))
	scatter(p, tiers, p.order, base)
	p.ordered = true
}

// write writes set to dst in its new order.
func (p *places) write(dst, set []dns.RR, tiers []uint32) {
	if !p.ordered {
		scatter(p, tiers, dst, set)
		return
	}
	for i, m := range p.order {
		dst[i] = set[m]
	}
}

// scatter writes values, which are in base order, to dst by tier.
func scatter[T any](p *places, tiers []uint32, dst, values []T) {
	spans := p.spans[:p.n]
	values = values[:len(tiers)]
	for i, t := range tiers {
		s := &spans[t]
		dst[s.next] = values[i]
		first, next := s.first, s.next+1
		if next == s.end {
			next = first // Compiles to a conditional move; a branch would mispredict.
		}
		s.next = next
	}
}

// cut sets to nil all but limit records of dst, which is in its new order: the first ones stay. If
// the nearest tier alone fills limit > 1 places, the last of them goes to the first record of the
// next tier, so that a client can still fail over.
func (p *places) cut(dst []dns.RR, limit int) {
	nearest := slices.IndexFunc(p.spans[:p.n], func(s span) bool { return s.end > 0 })
	if next := int(p.spans[nearest].end); limit > 1 && limit <= next && next < len(dst) {
		dst[limit-1] = dst[next]
	}
	clear(dst[limit:])
}

// ascending returns the numbers below n in ascending order, in the memory of s if they fit.
func ascending(s []uint16, n int) []uint16 {
	s = resize(s, n)
	for i := range s {
		s[i] = uint16(i)
	}
	return s
}
