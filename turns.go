package ordering

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
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

// turns counts how often each question was answered. It has a fixed size and takes no lock; the seed keeps a stranger from
// finding names that share a set. A question that finds its set full goes on from the count of the least asked one there
// (the Space-Saving algorithm of Metwally, Agrawal and El Abbadi): a flood of random names pushes out one another, and not
// the names that are asked for again and again. The zero value is not usable; see newTurns.
type turns struct {
	words [sets][ways]atomic.Uint64
	secret
}

func newTurns() *turns { return &turns{secret: secret{rand.Uint64(), rand.Uint64() | 1}} }

// take returns the turn of the question with this key and counts it: 0, 1, 2, …
func (t *turns) take(key uint64) uint64 {
	set := &t.words[key%sets]
	tag := key>>(64-tagBits) | 1 // never that of an empty word
	for {
		least, at := uint64(math.MaxUint64), 0
		for i := range set {
			w := set[i].Load()
			if w&tagMask == tag {
				// Should another question have taken this word since, it loses a turn: it keeps its place all the same.
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

// A secret makes hashes that a stranger cannot foretell. It is drawn anew at every start.
type secret struct{ seed, factor uint64 }

// mix folds word into h, the hash of what went before: a multiplication to 128 bits, its halves folded together.
func (k secret) mix(h, word uint64) uint64 {
	hi, lo := bits.Mul64(h^word, k.factor)
	return hi ^ lo
}

// mixPair folds two words into h by one multiplication. It takes a pair that meets the secret to lose what went before.
func (k secret) mixPair(h, a, b uint64) uint64 {
	hi, lo := bits.Mul64(h^a, k.factor^b)
	return hi ^ lo
}

// owner returns a hash of an owner name that is alike for upper and lower case, RFC 4343, and for nothing else: a stranger who
// knew names that are alike whatever the secret could fill a table with them.
func (k secret) owner(name string) uint64 {
	h, n := k.seed^uint64(len(name)), len(name)
	if n < 8 {
		last := uint64(0)
		for i := range n {
			last = last<<8 | uint64(name[i])
		}
		return k.mix(h, lower(last))
	}
	for i := 0; i < n-8; i += 8 {
		h = k.mix(h, lower(binary.LittleEndian.Uint64([]byte(name[i:i+8]))))
	}
	return k.mix(h, lower(binary.LittleEndian.Uint64([]byte(name[n-8:])))) // some octets twice
}

// lower returns the eight octets of word with the letters A to Z in lower case. All eight are compared at once: adding to the
// seven low bits of an octet sets its high bit when they are large enough.
func lower(word uint64) uint64 {
	const each, high = 0x0101010101010101, 0x8080808080808080
	low := word &^ high
	fromA, pastZ := low+(0x80-'A')*each, low+(0x7f-'Z')*each
	return word | fromA&^pastZ&^word&high>>2
}
