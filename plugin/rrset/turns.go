package rrset

import (
	"math"
	"sync/atomic"
)

// The table of turns has room for sets × ways questions, 256 KiB, whatever is asked.
const (
	sets = 1 << 12
	ways = 8 // one cache line
)

// A word of the table is the count of a question above the tag that tells it from others in its set.
const (
	tagBits = 24
	tagMask = 1<<tagBits - 1
	oneTurn = 1 << tagBits
)

// Turns counts how often each question was answered. It has a fixed size, takes no lock and is safe
// for concurrent use. The zero Turns is ready to use.
//
// A question that finds its set full goes on from the count of the least asked one there (the
// Space-Saving algorithm of Metwally, Agrawal and El Abbadi): random names in a flood push out each
// other, and not the names that are asked again and again.
type Turns struct {
	words [sets][ways]atomic.Uint64
}

// take returns the turn of the question with this key and counts it: 0, 1, 2, …
func (t *Turns) take(key uint64) uint64 {
	set := &t.words[key%sets]
	tag := key>>(64-tagBits) | 1 // never that of an empty word
	for {
		least, at := uint64(math.MaxUint64), 0
		for i := range set {
			w := set[i].Load()
			if w&tagMask == tag {
				// If another question has taken this word since, it loses a turn, and nothing else.
				return set[i].Add(oneTurn)>>tagBits - 1
			}
			if w < least {
				least, at = w, i
			}
		}
		turn := least >> tagBits
		if set[at].CompareAndSwap(least, (turn+1)<<tagBits|tag) {
			return turn
		}
	}
}
