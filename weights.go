package ordering

import (
	"cmp"
	"math"
	"slices"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"
)

// weights say how often an address comes first in its tier, compared with the others there. They are immutable; nil gives
// every address weight 1.
type weights struct {
	networks bart.Table[uint8]
}

// of returns the weight of an address: that of the longest prefix that holds it, 1 where none does.
func (w *weights) of(o octets) uint64 {
	if w != nil {
		if n, ok := w.networks.Lookup(o.addr()); ok {
			return uint64(n)
		}
	}
	return 1
}

// turnWeighted orders tier, members of set in base order, for the given turn. Records of weight 0 take turns behind the others.
func (s *scratch) turnWeighted(set []dns.RR, tier []uint16, w *weights, turn uint64) {
	weighted := s.weightedFirst(set, tier, w)
	turnLeft(tier[len(weighted):], turn)
	if len(weighted) > 1 {
		s.orderByStops(weighted, s.stopsFrom(turn))
	}
}

// weightedFirst moves the records of weight 0 behind the others, keeping base order among both, and returns the others.
// Their weights are in s.weight.
func (s *scratch) weightedFirst(set []dns.RR, tier []uint16, w *weights) []uint16 {
	s.weight, s.idle = s.weight[:0], s.idle[:0]
	weighted := tier[:0]
	for _, m := range tier {
		if n := w.of(octetsOf(set[m])); n > 0 {
			weighted, s.weight = append(weighted, m), append(s.weight, n)
		} else {
			s.idle = append(s.idle, m)
		}
	}
	copy(tier[len(weighted):], s.idle)
	return weighted
}

// turnLeft rotates tier left by turn places.
func turnLeft(tier []uint16, turn uint64) {
	if n := uint64(len(tier)); n > 1 {
		turn %= n
		slices.Reverse(tier[:turn])
		slices.Reverse(tier[turn:])
		slices.Reverse(tier)
	}
}

// A stop is one turn of one record in the cycle of a weighted tier.
type stop struct {
	at     uint64 // where it lies on the circle, in units of 1/(2·rate) of it
	rate   uint64 // how many stops the records of this weight have together
	record int    // index in the tier
}

// mates are the records of one weight in a tier.
type mates struct {
	all, met uint16
}

// stopsFrom returns, in order, the stops that come from the given turn on, of each record of tier one at least.
//
// A cycle has as many turns as the weights add up to. It is a circle on which a record of weight w stops w times, at equal
// distances; m records of one weight follow each other at 1/m of that distance. Whose stop comes next is first in the
// answer, whose comes after is second, and so on, and the turn says how many stops are over. So each record has exactly w
// first places in a cycle, as far apart as whole turns allow, and with equal weights it is plain rotation. It needs no state
// but the turn: which stops are over follows by arithmetic, as the records of one weight together stop as evenly as the
// teeth of a comb, and so stop j of all lies at j/total of the circle, give or take one stop for each weight.
func (s *scratch) stopsFrom(turn uint64) []stop {
	total, combs := s.countMates()
	turn %= total
	before, after := turn-min(turn, combs), turn+combs
	s.stops = s.stops[:0]
	over := turn // of the stops in s.stops
	for i, w := range s.weight {
		m := &s.mates[w]
		n := uint64(m.all)
		rate := n * w
		k, first := uint64(0), 2*uint64(m.met)+1 // stop k is at 2nk+first
		m.met++
		if reached := 2 * rate * before / total; reached >= first {
			k = (reached-first)/(2*n) + 1
			over -= k
		}
		for last := false; !last; k++ {
			at := 2*n*k + first
			s.stops = append(s.stops, stop{at, rate, i})
			last = at*total > 2*rate*after
		}
	}
	slices.SortFunc(s.stops, func(a, b stop) int {
		if c := cmp.Compare(a.at*b.rate, b.at*a.rate); c != 0 {
			return c
		}
		return cmp.Compare(s.weight[b.record], s.weight[a.record])
	})
	return s.stops[over:]
}

// countMates fills s.mates with how many records have each weight, and returns what the weights add up to and how many
// different ones there are.
func (s *scratch) countMates() (total, different uint64) {
	s.mates = slices.Grow(s.mates[:0], math.MaxUint8+1)[:math.MaxUint8+1]
	clear(s.mates)
	for _, w := range s.weight {
		total += w
		if s.mates[w].all++; s.mates[w].all == 1 {
			different++
		}
	}
	return total, different
}

// orderByStops orders tier by which record stops first.
func (s *scratch) orderByStops(tier []uint16, stops []stop) {
	s.idle = append(s.idle[:0], tier...)
	at := 0
	for _, p := range stops {
		if s.weight[p.record] > 0 {
			s.weight[p.record] = 0 // it has its place
			tier[at] = s.idle[p.record]
			at++
		}
	}
}
