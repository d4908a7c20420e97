package ordering

import (
	"slices"

	"github.com/miekg/dns"
)

// A span is the part [first:end] of the RRset in its new order that one tier fills. next is where its next record goes.
type span struct{ first, end, next uint16 }

// maxTiers bounds the counters of the counting sort. Where a ranking has more, those that occur are numbered anew.
const maxTiers = 256

// count counts how many records each of n tiers has, and finds whether the tiers move any. It reports whether one may have several,
// so that turns make a difference. The base order is as received.
func (s *scratch) count(tiers []uint32, n int) (several bool) {
	s.sorted, s.permuted, s.spanEnd = false, false, n
	if n > maxTiers {
		s.moves = !slices.IsSorted(tiers)
		return true // layOut counts those that occur
	}
	spans := s.spans[:n]
	for t := range spans {
		spans[t].end = 0 // and no clear, which writes more at once than is read next: the processor waits for such
	}
	last, most, moves := uint32(0), uint16(0), false
	for _, t := range tiers {
		so := spans[t].end + 1
		spans[t].end = so
		most = max(most, so)
		moves = moves || t < last
		last = t
	}
	s.moves = moves
	return most > 1
}

// turnKey returns the key under which the turns of set are counted: owner, class, type and tier assignment.
func turnKey(k secret, set []dns.RR, tiers []uint32) uint64 {
	h := set[0].Header()
	key := k.mix(k.owner(h.Name), uint64(len(set))<<32|uint64(h.Class)<<16|uint64(h.Rrtype))
	for ; len(tiers) >= 8; tiers = tiers[8:] { // two words at once, as a long set is a long chain of multiplications
		key = k.mixPair(key, fourOf(tiers[:4]), fourOf(tiers[4:8]))
	}
	a, b := uint64(0), uint64(0)
	for _, t := range tiers {
		a, b = a<<16^uint64(t), b<<16|a>>48
	}
	return k.mixPair(key, a, b)
}

// fourOf returns four tiers in a word. Those from 65,536 on run into each other.
func fourOf(t []uint32) uint64 {
	return uint64(t[0]) ^ uint64(t[1])<<16 ^ uint64(t[2])<<32 ^ uint64(t[3])<<48
}

// layOut gives each tier its span, and folds a rotation of each tier of m records left by turn mod m into where the span
// starts to be filled.
func (s *scratch) layOut(tiers []uint32, turn uint64) {
	if s.spanEnd > maxTiers {
		s.renumber(tiers)
	}
	spans, first := s.spans[:s.spanEnd], uint16(0)
	for t := range spans {
		p := &spans[t]
		m := p.end
		end := first + m
		p.first, p.end, p.next = first, end, first
		if m > 1 {
			if r := uint16(turn % uint64(m)); r > 0 {
				p.next = end - r
				s.moves = true
			}
		}
		first = end
	}
}

// renumber replaces tiers by their rank among those that occur, and counts the records of each.
func (s *scratch) renumber(tiers []uint32) {
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

// write writes set to dst in its new order.
func (s *scratch) write(dst, set []dns.RR, tiers []uint32) {
	if !s.permuted {
		scatter(s, tiers, dst, set)
		return
	}
	for i, m := range s.order {
		dst[i] = set[m]
	}
}

// scatter writes values, which are in base order, to dst by tier, with the rotation that layOut has folded in.
func scatter[T any](s *scratch, tiers []uint32, dst, values []T) {
	spans := s.spans[:s.spanEnd]
	values = values[:len(tiers)]
	for i, t := range tiers {
		p := &spans[t]
		dst[p.next] = values[i]
		first, next := p.first, p.next+1
		if next == p.end {
			next = first // compiled to no jump: nobody could foretell it, as the turns move it
		}
		p.next = next
	}
}

// permute works out order where that takes more than a rotation as received. Unless f is nil, it gets the members of each tier in
// base order, and puts them in order.
func (s *scratch) permute(tiers []uint32, f func(tier []uint16)) {
	if !s.sorted {
		s.receive(len(tiers))
	}
	s.order = sized(s.order, len(tiers))
	scatter(s, tiers, s.order, s.base)
	for _, p := range s.spans[:s.spanEnd] {
		if f != nil && p.end-p.first > 1 {
			f(s.order[p.first:p.end])
		}
	}
	s.permuted, s.moves = true, !slices.IsSorted(s.order)
}

// receive makes base the order in which n records were received.
func (s *scratch) receive(n int) {
	s.base = sized(s.base, n)
	for i := range s.base {
		s.base[i] = uint16(i)
	}
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
