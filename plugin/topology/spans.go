package topology

import "math/bits"

// maxIndexBits bounds the index of spans to 256 KB.
const maxIndexBits = 16

// network is a network on its way into spans.
type network[K address[K]] struct {
	first    K
	location uint32 // 1 and up; 0 is no location
	order    uint32 // which Add it came by
	length   uint8
}

// spans cuts the addresses of one family into spans that have one location each, no two neighbours the same. Nested networks
//
//	10.0.0.0/8    A   ├───────────────────────────────────────┤
//	10.1.0.0/16   B            ├──────────┤
//	10.1.2.0/24   C                ├──┤
//
// become
//
//	none ├─── A ──┤ B ├ C ┤ B ├──── A ────┤ none
//
// so that the longest prefix needs one search, and the neighbours of a span say how far its location reaches.
type spans[K address[K]] struct {
	starts    []K      // ascending; the first is the first address of the family
	locations []uint32 // of the span that starts there

	// index narrows the search. All starts but the first have their leading skip bits in common, up to the last one, which
	// need not. Of the width bits after those, index tells which span is the last to start before each of their values.
	index       []uint32
	skip, width int
}

// freezeSpans takes networks in ascending order, the wider before the narrower, none twice.
func freezeSpans[K address[K]](networks []network[K]) spans[K] {
	var s spans[K]
	if len(networks) == 0 {
		return s
	}
	var zero K
	s.put(zero, 0)
	var around []network[K] // the networks that hold the place reached so far, widest first
	leave := func() {
		inner := around[len(around)-1]
		around = around[:len(around)-1]
		outer := uint32(0)
		if len(around) > 0 {
			outer = around[len(around)-1].location
		}
		if after, ok := inner.first.last(int(inner.length)).next(); ok {
			s.put(after, outer)
		}
	}
	for _, n := range networks {
		for len(around) > 0 && around[len(around)-1].ends(n.first) {
			leave()
		}
		s.put(n.first, n.location)
		around = append(around, n)
	}
	for len(around) > 0 {
		leave()
	}
	s.starts = append([]K(nil), s.starts...)
	s.locations = append([]uint32(nil), s.locations...)
	s.buildIndex()
	return s
}

// ends reports whether a is behind the network.
func (n network[K]) ends(a K) bool { return n.first.last(int(n.length)).before(a) }

// put says that from start on, up to what is put next, addresses have this location.
func (s *spans[K]) put(start K, location uint32) {
	n := len(s.starts)
	if n > 0 && s.starts[n-1] == start {
		n--
		s.starts, s.locations = s.starts[:n], s.locations[:n]
	}
	if n > 0 && s.locations[n-1] == location {
		return
	}
	s.starts, s.locations = append(s.starts, start), append(s.locations, location)
}

func (s *spans[K]) buildIndex() {
	n := len(s.starts)
	if n < 3 {
		return
	}
	first, final := s.starts[1], s.starts[n-1]
	s.skip = first.common(final.prev())
	s.width = min(bits.Len(uint(n)), maxIndexBits, first.size()-s.skip)
	s.index = make([]uint32, 1<<s.width+1)
	bucket := 0
	for i, start := range s.starts[1 : n-1] {
		for ; bucket <= start.bucket(s.skip, s.width); bucket++ {
			s.index[bucket] = uint32(i)
		}
	}
	for ; bucket < len(s.index); bucket++ {
		s.index[bucket] = uint32(n - 2)
	}
}

// find returns which span a is in. There must be one.
func (s *spans[K]) find(a K) int {
	n := len(s.starts)
	if !a.before(s.starts[n-1]) {
		return n - 1
	}
	if a.before(s.starts[1]) {
		return 0
	}
	bucket := a.bucket(s.skip, s.width)
	low, high := s.index[bucket], s.index[bucket+1]
	for low < high {
		middle := (low + high + 1) / 2
		if a.before(s.starts[middle]) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	return int(low)
}

// location returns the location of a, 0 for none.
func (s *spans[K]) location(a K) uint32 {
	if len(s.starts) == 0 {
		return 0
	}
	return s.locations[s.find(a)]
}

// scope returns the length of the shortest prefix around a that stays inside a's span: one bit more than a shares with the
// nearest address outside.
func (s *spans[K]) scope(a K) int {
	if len(s.starts) == 0 {
		return 0
	}
	i, length := s.find(a), 0
	if i > 0 {
		length = a.common(s.starts[i].prev()) + 1
	}
	if i+1 < len(s.starts) {
		length = max(length, a.common(s.starts[i+1])+1)
	}
	return length
}
