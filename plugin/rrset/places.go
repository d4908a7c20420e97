package rrset

import (
	"slices"

	"github.com/miekg/dns"
)

// A span is the part [first:end] that one tier fills of an RRset in its new order. Until
// placeTiers, end is the number of records in the tier instead.
type span struct {
	first, end uint16
	next       uint16 // where the next record goes
}

// maxSpans bounds the counters of the counting sort. If a ranking has more tiers, those that occur
// in the RRset are renumbered.
const maxSpans = 256

// places are the new places of the records of one RRset: a stable counting sort by tier, with a
// rotation inside each tier. For example
//
//	set    A1  A2  A3   the records, as received
//	tiers  2   2   0    their tiers
//	base   0   2   1    indexes into set in base order, where that is not as received: A1 A3 A2
//	order  2   0   1    indexes into set in the new order, where write needs them: A3 A1 A2
type places struct {
	spans []span
	n     int  // spans in use
	moved bool // a record changes its place

	base    []uint16 // nil: base order is as received
	order   []uint16 // valid if ordered; otherwise write sorts and rotates the records themselves
	ordered bool

	received []uint16 // 0, 1, 2, …
	tierBuf  []uint32 // for rebase and renumber
}

// reset makes room for RRsets of up to n records and a ranking of so many tiers. If there are more
// than maxSpans, renumber leaves at most one tier for each record.
func (p *places) reset(n, tiers int) {
	if tiers = min(tiers, max(n, maxSpans)); tiers > len(p.spans) {
		p.spans = make([]span, tiers)
	}
}

// count begins a new RRset, whose base order is as received. tiers has the tier of each record, and
// the ranking has tierCount tiers. count counts the records in each tier, and sets p.moved if
// sorting by tier moves a record. It reports whether a tier may have several records: otherwise
// turns make no difference.
func (p *places) count(tiers []uint32, tierCount int) (several bool) {
	p.base, p.ordered, p.n = nil, false, tierCount
	if tierCount > maxSpans {
		p.moved = !slices.IsSorted(tiers)
		return true // placeTiers counts them
	}
	spans := p.spans[:tierCount]
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

// rebase makes base the base order of the RRset, and puts tiers into that order. p keeps base until
// the next count.
func (p *places) rebase(base []uint16, tiers []uint32) {
	p.base = base
	p.tierBuf = append(p.tierBuf[:0], tiers...)
	for i, m := range base {
		tiers[i] = p.tierBuf[m]
	}
}

// rotate completes the places of the RRset: sorted by tier, and each tier of m records rotated left
// by turn mod m.
func (p *places) rotate(tiers []uint32, turn uint64) {
	p.placeTiers(tiers, turn)
	if p.base != nil {
		p.sort(tiers, p.base)
		p.moved = !slices.IsSorted(p.order)
	}
}

// permute completes the places of the RRset: sorted by tier, and each tier of two records or more
// in the order that arrange gives it. arrange gets the indexes of the tier's records in the RRset,
// in base order, and puts that slice in order.
func (p *places) permute(tiers []uint32, arrange func(tier []uint16)) {
	p.placeTiers(tiers, 0)
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

// placeTiers turns the counts into spans, one behind the other. It rotates a tier by filling its
// span from another place than the first. If a rotation moves a record, it sets p.moved.
func (p *places) placeTiers(tiers []uint32, turn uint64) {
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

// renumber numbers the tiers that occur from 0 up, in the same order, and counts the records of
// each.
func (p *places) renumber(tiers []uint32) {
	p.tierBuf = append(p.tierBuf[:0], tiers...)
	slices.Sort(p.tierBuf)
	p.tierBuf = slices.Compact(p.tierBuf)
	p.n = len(p.tierBuf)
	clear(p.spans[:p.n])
	for i, t := range tiers {
		at, _ := slices.BinarySearch(p.tierBuf, t)
		tiers[i] = uint32(at)
		p.spans[at].end++
	}
}

// sort sets p.order to base, sorted by tier as the spans say.
func (p *places) sort(tiers []uint32, base []uint16) {
	p.order = resize(p.order, len(tiers))
	scatter(p, tiers, p.order, base)
	p.ordered = true
}

// write writes set, the records as received, to dst in their new order.
func (p *places) write(dst, set []dns.RR, tiers []uint32) {
	if !p.ordered {
		scatter(p, tiers, dst, set)
		return
	}
	for i, m := range p.order {
		dst[i] = set[m]
	}
}

// scatter writes values to dst, sorted by tier as the spans say. tiers has the tier of each value.
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

// cut keeps limit records of dst, which write has filled, and sets the rest to nil. It keeps the
// first ones, with one exception: if they are all in the nearest tier, limit is above 1 and there
// is another tier, the first record of that replaces the last of them, so that a client can still
// fail over.
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
