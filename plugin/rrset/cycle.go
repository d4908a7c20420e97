package rrset

import (
	"cmp"
	"math"
	"slices"

	"github.com/miekg/dns"
)

// A weightedCycle rotates tiers whose records have weights.
//
// A cycle has as many turns as the weights of the tier add up to, and each record of weight w comes
// first in w of them, spread out evenly. Think of the cycle as a circle on which each record has w
// slots at equal distances; the slots of m records of equal weight are 1/m of that distance apart.
// The record with the next slot comes first in the answer, the one with the slot after that second,
// and so on, each record once. The turn says how many slots are over. With equal weights this is
// plain rotation.
//
// It needs no state but the turn. The slots of the records of one weight are evenly spaced, so slot
// j of all lies at j/total of the circle, give or take one slot for each weight; arithmetic finds
// the slots around there.
type weightedCycle struct {
	weights []uint64      // of the records of the tier that have one
	classes []weightClass // by weight
	slots   []slot
	members []uint16
}

// A slot is one turn of one record in the cycle.
type slot struct {
	at     uint64 // where it lies on the circle, in units of 1/(2·rate) of it
	rate   uint64 // how many slots the records of this weight have together
	record int    // index in the tier
}

// A weightClass counts the records of a tier that have the same weight.
type weightClass struct {
	all, seen uint16
}

// order puts tier, members of set in base order, in the order of the given turn. Records of weight
// 0 come after the others and rotate among themselves.
func (c *weightedCycle) order(set []dns.RR, tier []uint16, w *Weights, turn uint64) {
	weighted := c.zeroLast(set, tier, w)
	rotateLeft(tier[len(weighted):], turn)
	if len(weighted) > 1 {
		c.orderBySlots(weighted, c.slotsFrom(turn))
	}
}

// zeroLast moves the records of weight 0 behind the others, both in base order, and returns the
// others. Their weights are in c.weights.
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
func (c *weightedCycle) slotsFrom(turn uint64) []slot {
	total, different := c.countClasses()
	turn %= total
	before, after := turn-min(turn, different), turn+different
	c.slots = c.slots[:0]
	over := turn // how many of c.slots are over
	for i, w := range c.weights {
		class := &c.classes[w]
		n := uint64(class.all)
		rate := n * w
		k, first := uint64(0), 2*uint64(class.seen)+1 // slot k is at 2nk+first
		class.seen++
		if reached := 2 * rate * before / total; reached >= first {
			k = (reached-first)/(2*n) + 1
			over -= k
		}
		for last := false; !last; k++ {
			at := 2*n*k + first
			c.slots = append(c.slots, slot{at, rate, i})
			last = at*total > 2*rate*after
		}
	}
	slices.SortFunc(c.slots, func(a, b slot) int {
		if c := cmp.Compare(a.at*b.rate, b.at*a.rate); c != 0 {
			return c
		}
		return cmp.Compare(c.weights[b.record], c.weights[a.record])
	})
	return c.slots[over:]
}

// countClasses fills c.classes, and returns what the weights add up to and how many different ones
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

// orderBySlots puts tier in the order of each record's first slot.
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
