package rrset

import (
	"math/rand/v2"
	"sync/atomic"
)

// The table of turns has room for sets × ways questions, 256 KiB, whatever is asked.
const (
	sets = 1 << 12
	ways = 8 // one cache line
)

// A word of the table is one question: from the top its turn (32 bits), its tag (24 bits), which
// tells it from the others in its set, and its stay (8 bits). The zero word is empty.
const (
	turnShift = 32
	oneTurn   = 1 << turnShift
	tagMask   = oneTurn - 1<<tagShift
	tagShift  = 8
	stayMask  = 1<<tagShift - 1
)

// A stay says how long a question keeps its word. When a question finds its set full it replaces the
// one with the shortest stay, and shortens the stay of the others by as much. So a question that is
// asked again and again stays through a flood of names that are asked once, and a question that
// nobody asks any more leaves soon, however often it was asked before.
const (
	shortStay = 1  // asked once
	longStay  = 15 // asked again
)

// Turns counts how often each question was answered. It has a fixed size, takes no lock and is safe
// for concurrent use. The zero Turns is ready to use.
type Turns struct {
	words [sets][ways]atomic.Uint64
}

// take returns the turn of the question with this key and counts it. A question that is asked for
// the first time has turn first. One that had to replace another has a random turn, because it may
// have been replaced itself before: two questions that replace each other would otherwise give each
// of their clients the same address for ever.
func (t *Turns) take(key uint64, first uint32) uint32 {
	set := &t.words[key%sets]
	tag := key>>(64-24)<<tagShift | 1<<tagShift // never that of an empty word
	for {
		least, at := ^uint64(0), 0
		for i := range set {
			w := set[i].Load()
			if w&tagMask == tag {
				return hit(&set[i], w)
			}
			if w == 0 || least != 0 && w&stayMask < least&stayMask {
				least, at = w, i
			}
		}
		turn := first
		if least != 0 {
			turn = rand.Uint32()
		}
		if set[at].CompareAndSwap(least, uint64(turn+1)<<turnShift|tag|shortStay) {
			age(set, at, least&stayMask)
			return turn
		}
	}
}

// Forget makes every question one that is asked for the first time.
func (t *Turns) Forget() {
	for i := range t.words {
		for j := range t.words[i] {
			t.words[i][j].Store(0)
		}
	}
}

// hit counts a turn of the question in word, which was w a moment ago, and returns it. If another
// question has replaced it since, that one loses a turn, and nothing else.
func hit(word *atomic.Uint64, w uint64) uint32 {
	for w&stayMask < longStay {
		if word.CompareAndSwap(w, (w+oneTurn)&^stayMask|longStay) {
			return uint32(w >> turnShift)
		}
		w = word.Load()
	}
	return uint32(word.Add(oneTurn)>>turnShift) - 1
}

// age shortens the stay of all questions in set but the one at index except.
func age(set *[ways]atomic.Uint64, except int, by uint64) {
	if by == 0 {
		return
	}
	for i := range set {
		if w := set[i].Load(); i != except && w&stayMask >= by {
			set[i].CompareAndSwap(w, w-by) // a word that has just changed keeps its stay
		}
	}
}
