package rrset

import (
	"cmp"
	"math"
	"slices"

	"github.com/miekg/dns"
)

// A weightedCycle rotates a tier whose records have weights.
//
// A cycle has as many turns as the weights of the tier add up to. Each record of weight w comes
// first in w of them, spread out evenly. Think of the cycle as a circle. Each record has w slots on
// it, at equal distances, and the slots of all records of that weight together are at equal
// distances too. The turn says how many slots have passed. The record with the next slot comes
// first in the answer, then the record with the slot after that, and so on, each record once. With
// equal weights this is plain rotation.
//
// For example, with weights A 2, B 1 and C 1, the slots are at
//
//	A 1/4   B 1/4   A 3/4   C 3/4
//
// of the circle. Of two slots at the same place, that of the larger weight is first. So the four
// turns begin with A, B, A and C. Turn 0 gives A B C, turn 1 gives B A C, turn 2 gives A C B.
//
// The turn is the only state. slotsFrom computes the slots around a turn, without those before.
type weightedCycle struct {
	weights []uint64      // of the records of the tier with a weight above 0
	classes []weightClass // by weight
	slots   []slot
	members []uint16 // a copy of part of the tier
}

// A slot is one turn of one record in the cycle.
type slot struct {
	at     uint64 // where it is on the circle, in units of 1/(2·rate) of it
	rate   uint64 // how many slots all records of this weight have
	record int    // index in the tier
}

// A weightClass counts the records of a tier that have the same weight.
type weightClass struct {
	all  uint16
	seen uint16 // by slotsFrom so far
}

// order puts tier, members of set in base order, into the order of this turn. Records of weight 0
// come after the others and rotate among themselves.
func (c *weightedCycle) order(set []dns.RR, tier []uint16, w *Weights, turn uint64) {
	weighted := c.zeroLast(set, tier, w)
	rotateLeft(tier[len(weighted):], turn)
	if len(weighted) > 1 {
		c.orderBySlots(weighted, c.slotsFrom(turn))
	}
}

// zeroLast moves the records of weight 0 in tier behind the others. Both stay in base order. It
// returns the others, and sets c.weights to their weights.
func (c *weightedCycle) zeroLast(set []dns.RR, tier []uint16, w *Weights) []uint16 {
	c.weights, c.members = c.weights[:0], c.members[:0]
	weighted := tier[:0]
	for _, m := range tier {
		if n := w.of(set[m]); n > 0 {
			weighted, c.weights = append(weighted, m), append(c.weights, n)
		} else {
			c.members = append(c.members, m)
		}
	}
	copy(tier[len(weighted):], c.members)
	return weighted
}

// rotateLeft rotates tier left by turn places.
func rotateLeft(tier []uint16, turn uint64) {
	if n := uint64(len(tier)); n > 1 {
		turn %= n
		slices.Reverse(tier[:turn])
		slices.Reverse(tier[turn:])
		slices.Reverse(tier)
	}
}

// slotsFrom returns, in order, the slots from the given turn on, at least one of each record.
//
// On the part x of the circle, the records of one weight have rate·x slots, rounded, and so all
// records together have total·x slots, give or take half a slot for each different weight. So the
// slot of the turn is not far from turn/total of the circle. slotsFrom only counts the slots before
// a place that is surely before it, lists those up to a place that is surely behind it, and sorts
// the list.
func (c *weightedCycle) slotsFrom(turn uint64) []slot {
	total, different := c.countClasses()
	turn %= total
	before, behind := turn-min(turn, different), turn+different // places, in units of 1/total
	c.slots = c.slots[:0]
	passed := turn // how many slots at the beginning of the list have passed
	for i, w := range c.weights {
		class := &c.classes[w]
		n := uint64(class.all)
		rate := n * w
		k, first := uint64(0), 2*uint64(class.seen)+1 // slot k of the record is at 2nk+first
		class.seen++
		if from := 2 * rate * before / total; from >= first {
			k = (from-first)/(2*n) + 1 // so many slots are not listed
			passed -= k
		}
		for last := false; !last; k++ {
			at := 2*n*k + first
			c.slots = append(c.slots, slot{at, rate, i})
			last = at*total > 2*rate*behind
		}
	}
	slices.SortFunc(c.slots, func(a, b slot) int {
		if c := cmp.Compare(a.at*b.rate, b.at*a.rate); c != 0 {
			return c
		}
		return cmp.Compare(c.weights[b.record], c.weights[a.record])
	})
	return c.slots[passed:]
}

// countClasses sets c.classes. It returns the sum of the weights and how many different weights
// there are.
func (c *weightedCycle) countClasses() (total, different uint64) {
	c.classes = resize(c.classes, math.MaxUint8+1)
	clear(c.classes)
	for _, w := range c.weights {
		total += w
		if c.classes[w].all++; c.classes[w].all == 1 {
			different++
		}
	}
	return total, different
}

// orderBySlots puts tier into the order in which its records have their first slot. It overwrites
// c.weights.
func (c *weightedCycle) orderBySlots(tier []uint16, slots []slot) {
	c.members = append(c.members[:0], tier...)
	at := 0
	for _, s := range slots {
		if c.weights[s.record] > 0 {
			c.weights[s.record] = 0 // placed
			tier[at] = c.members[s.record]
			at++
		}
	}
}
