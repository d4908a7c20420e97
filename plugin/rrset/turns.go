package rrset

import (
	"math/rand/v2"
	"sync/atomic"
)

// Turns has a fixed number of sets, and each set has room for as many questions as there are ways:
// 256 KiB in all.
const (
	sets = 1 << 12
	ways = 8 // one cache line
)

// A question takes one word. From the highest bit down, the word has the question's turn (32 bits),
// its tag (24 bits), which tells it from the other questions in its set, and its stay (8 bits). The
// zero word is empty.
const (
	tagShift  = 8
	turnShift = 32
	stayMask  = 1<<tagShift - 1
	tagMask   = oneTurn - 1<<tagShift
	oneTurn   = 1 << turnShift
)

// The stay says how long a question keeps its word. A question that finds its set full replaces the
// one with the shortest stay, and shortens the stay of all others by as much. So a question that is
// asked again and again stays through a flood of names that are asked once. A question that nobody
// asks any more leaves soon, however often it was asked before.
const (
	shortStay = 1  // asked once
	longStay  = 15 // asked again
)

// Turns counts how often each question was answered. It has a fixed size, takes no lock and is safe
// for concurrent use. The zero Turns is ready to use.
type Turns struct {
	words [sets][ways]atomic.Uint64 // the set of a question is its key modulo sets
}

// take returns the turn of the question with this key and counts it. A question that is not in the
// table has turn first if its set has an empty word. Otherwise it has a random turn, because it may
// have been in the table before and lost its word: if two questions replaced each other all the
// time and began with the same turn, each would give all its clients the same address first.
func (t *Turns) take(key uint64, first uint32) uint32 {
	set := &t.words[key%sets]
	tag := key>>(64-24)<<tagShift | 1<<tagShift // the lowest bit is set: an empty word has no such tag
	for {
		least, at := ^uint64(0), 0 // the word to replace and its index: an empty one, else the shortest stay
		for i := range set {
			w := set[i].Load()
			if w&tagMask == tag {
				return hit(&set[i], w)
			}
			if w == 0 || w&stayMask < least&stayMask {
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

// hit returns the turn of the question in word and counts it. w is the value of word when the
// question was found there. Another question may have replaced it since. Then that question skips a
// turn, and nothing else goes wrong.
func hit(word *atomic.Uint64, w uint64) uint32 {
	for w&stayMask < longStay {
		if word.CompareAndSwap(w, (w+oneTurn)&^stayMask|longStay) {
			return uint32(w >> turnShift)
		}
		w = word.Load()
	}
	return uint32(word.Add(oneTurn)>>turnShift) - 1
}

// age shortens the stay of all questions in set by n, except that of the word at index except.
func age(set *[ways]atomic.Uint64, except int, n uint64) {
	if n == 0 {
		return
	}
	for i := range set {
		if w := set[i].Load(); i != except && w&stayMask >= n {
			set[i].CompareAndSwap(w, w-n) // if the word has just changed, its stay is left alone
		}
	}
}
