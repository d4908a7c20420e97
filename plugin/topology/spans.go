package topology

import (
	"cmp"
	"math/bits"
	"net/netip"
)

// maxIndexBits limits the index of spans to 65,537 numbers, 256 KiB.
const maxIndexBits = 16

// entry is a network of a Builder with its location.
type entry[K address[K]] struct {
	first    K      // the first address of the network
	location uint32 // the number of its location, from 1 up
	order    uint32 // how many entries were added before it
	length   uint8  // of the prefix
}

// compare orders entries by first address, then the wider before the narrower, then by order.
func (n entry[K]) compare(m entry[K]) int {
	switch {
	case n.first.Less(m.first):
		return -1
	case m.first.Less(n.first):
		return 1
	}
	return cmp.Or(cmp.Compare(n.length, m.length), cmp.Compare(n.order, m.order))
}

// endsBefore reports whether a comes after the last address of the network.
func (n entry[K]) endsBefore(a K) bool { return n.first.Last(int(n.length)).Less(a) }

// prefix returns the network.
func (n entry[K]) prefix() netip.Prefix {
	return netip.PrefixFrom(n.first.Netip(), int(n.length))
}

// spans divides the addresses of one family into spans: consecutive addresses that have the same
// location by a network of the same length. Neighbouring spans differ in one of the two. Nested
// networks
//
//	10.0.0.0/8    A   ├───────────────────────────────────────┤
//	10.1.0.0/16   B            ├──────────┤
//	10.1.2.0/24   C                ├──┤
//
// become
//
//	none ├─── A ──┤ B ├ C ┤ B ├──── A ────┤ none
//
// so that one binary search finds the longest prefix, and the two ends of a span are all that a
// scope depends on.
type spans[K address[K]] struct {
	starts    []K      // ascending; the first is the first address of the family
	locations []uint32 // the number of the location of each span, 0 for none
	lengths   []uint8  // of the network that gives each span its location, 0 for none

	// index narrows the search. The addresses from starts[1] up to the one before the last start
	// share their first skip bits. By the next width bits of an address, index[bits] to
	// index[bits+1] are the spans that it can be in.
	index       []uint32
	skip, width int
}

// newSpans returns the spans of entries, which must be sorted by entry.compare and have each
// network once.
func newSpans[K address[K]](entries []entry[K]) spans[K] {
	var s spans[K]
	if len(entries) == 0 {
		return s
	}
	var zero K
	s.put(zero, 0, 0)
	var open []entry[K] // those whose networks contain the current address, widest first
	closeInnermost := func() {
		inner := open[len(open)-1]
		open = open[:len(open)-1]
		var outer entry[K]
		if len(open) > 0 {
			outer = open[len(open)-1]
		}
		if after, ok := inner.first.Last(int(inner.length)).Next(); ok {
			s.put(after, outer.location, outer.length)
		}
	}
	for _, n := range entries {
		for len(open) > 0 && open[len(open)-1].endsBefore(n.first) {
			closeInnermost()
		}
		s.put(n.first, n.location, n.length)
		open = append(open, n)
	}
	for len(open) > 0 {
		closeInnermost()
	}
	// Copies without the spare capacity of append: a table lives long.
	s.starts = append([]K(nil), s.starts...)
	s.locations = append([]uint32(nil), s.locations...)
	s.lengths = append([]uint8(nil), s.lengths...)
	s.buildIndex()
	return s
}

// put begins a span at start, which must not be before the start of the last call. A second call
// with the same start replaces the first.
func (s *spans[K]) put(start K, location uint32, length uint8) {
	n := len(s.starts)
	if n > 0 && s.starts[n-1] == start {
		n--
		s.starts, s.locations, s.lengths = s.starts[:n], s.locations[:n], s.lengths[:n]
	}
	if n > 0 && s.locations[n-1] == location && s.lengths[n-1] == length {
		return
	}
	s.starts = append(s.starts, start)
	s.locations, s.lengths = append(s.locations, location), append(s.lengths, length)
}

// buildIndex makes the index. With one or two spans there is nothing to search for, and no index.
func (s *spans[K]) buildIndex() {
	n := len(s.starts)
	if n < 3 {
		return
	}
	first, last := s.starts[1], s.starts[n-1]
	s.skip = first.CommonBits(last.Prev())
	s.width = min(bits.Len(uint(n)), maxIndexBits, first.Size()-s.skip)
	s.index = make([]uint32, 1<<s.width+1)
	next := 0 // the first element of index that is not set yet
	for i, start := range s.starts[1 : n-1] {
		for ; next <= start.Bits(s.skip, s.width); next++ {
			s.index[next] = uint32(i)
		}
	}
	for ; next < len(s.index); next++ {
		s.index[next] = uint32(n - 2)
	}
}

// find returns the number of the span that contains a. There must be at least one span.
func (s *spans[K]) find(a K) int {
	n := len(s.starts)
	if !a.Less(s.starts[n-1]) {
		return n - 1
	}
	if a.Less(s.starts[1]) {
		return 0
	}
	bucket := a.Bits(s.skip, s.width)
	low, high := s.index[bucket], s.index[bucket+1]
	for low < high {
		middle := (low + high + 1) / 2
		if a.Less(s.starts[middle]) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	return int(low)
}

// location returns the number of the location of a, 0 for none, and the length of the network that
// gives it.
func (s *spans[K]) location(a K) (number uint32, length uint8) {
	if len(s.starts) == 0 {
		return 0, 0
	}
	i := s.find(a)
	return s.locations[i], s.lengths[i]
}

// around returns the first address of the span that contains a, and the first one after it; false
// if it is the last span.
func (s *spans[K]) around(a K) (start, after K, found bool) {
	if len(s.starts) == 0 {
		return start, after, false
	}
	i := s.find(a)
	if i+1 == len(s.starts) {
		return s.starts[i], after, false
	}
	return s.starts[i], s.starts[i+1], true
}
