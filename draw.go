package ordering

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/miekg/dns"
)

// shuffle puts tier in a random order, every permutation equally likely.
func shuffle(tier []uint16) {
	for i := len(tier) - 1; i > 0; i-- {
		j := rand.IntN(i + 1)
		tier[i], tier[j] = tier[j], tier[i]
	}
}

// sortByLot orders tier by lot: a record of weight n comes first n times as often as one of weight 1, of weight 0 behind
// all others. lot gives each address a number that is as good as random, for one client always the same where lots are sticky.
//
// The records are sorted by -ln(u)/weight for u uniform between 0 and 1: the smallest of such numbers is the one of a given
// record with a probability in proportion to its weight (Efraimidis and Spirakis, "Weighted random sampling with a
// reservoir", 2006; for sticky lots it is weighted rendezvous hashing).
func (s *scratch) sortByLot(set []dns.RR, tier []uint16, w *weights, lot func(octets) uint64) {
	s.keys = s.keys[:0]
	for _, m := range tier {
		o := octetsOf(set[m])
		u := lot(o)
		wait := ^u // the logarithm keeps the order, so that it can be left out where all weigh the same
		if w != nil {
			wait = math.Float64bits(-math.Log((float64(u>>11)+0.5)/(1<<53)) / float64(w.of(o)))
		}
		s.keys = append(s.keys, sortKey{wait, u, m})
	}
	slices.SortFunc(s.keys, compareKeys)
	for i, k := range s.keys {
		tier[i] = k.member
	}
}

// randomLot is a new lot each time.
func randomLot(octets) uint64 { return rand.Uint64() }

// stickyLot returns the lots of one client: a hash of the client and the address without a seed, so that every server gives
// a client the same order, after a restart too, and an address that goes moves none of the others (rendezvous hashing,
// Thaler and Ravishankar, 1998).
func stickyLot(client octets) func(octets) uint64 {
	k := secret{0x243f6a8885a308d3, 0x9e3779b97f4a7c15} // not so secret: the same everywhere
	c := k.mix(k.mix(k.seed, client.hi), client.lo)
	return func(a octets) uint64 {
		return k.mix(k.mix(k.mix(c, a.hi), a.lo), 0x13198a2e03707344)
	}
}

// A sortKey is a member with its lot, and with how long it waits for its place.
type sortKey struct {
	wait, lot uint64
	member    uint16
}

func compareKeys(a, b sortKey) int {
	switch {
	case a.wait != b.wait:
		return cmp.Compare(a.wait, b.wait)
	case a.lot != b.lot:
		return cmp.Compare(a.lot, b.lot)
	}
	return cmp.Compare(a.member, b.member)
}
