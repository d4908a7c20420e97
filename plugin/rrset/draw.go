package rrset

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/cespare/xxhash/v2"
	"github.com/miekg/dns"
)

// shuffle puts tier in a random order, every permutation equally likely.
func shuffle(tier []uint16) {
	for i := len(tier) - 1; i > 0; i-- {
		j := rand.IntN(i + 1)
		tier[i], tier[j] = tier[j], tier[i]
	}
}

// A weightedDraw puts tiers in an order in which an address of weight n comes first n times as
// often as one of weight 1, in probability, and one of weight 0 after all others.
//
// It sorts by -ln(u)/weight, where u is uniform between 0 and 1. The smallest of these numbers
// belongs to a given address with a probability in proportion to its weight (Efraimidis and
// Spirakis, "Weighted random sampling with a reservoir", 2006). Where u is a hash of the client and
// the address, that is weighted rendezvous hashing.
type weightedDraw struct{ keys []drawKey }

// A drawKey is what one member of a tier is sorted by: first by rank, then by hash.
type drawKey struct {
	rank, hash uint64
	member     uint16
}

// sort puts tier, members of set, in order. key returns u for an address, as 64 uniform bits.
func (d *weightedDraw) sort(set []dns.RR, tier []uint16, w *Weights, key func(ipaddr.Addr) uint64) {
	d.keys = d.keys[:0]
	for _, m := range tier {
		u := key(addressOf(set[m]))
		rank := ^u // where all weigh the same, no logarithm is needed: it would keep the order
		if w != nil {
			rank = math.Float64bits(-math.Log((float64(u>>11)+0.5)/(1<<53)) / float64(w.of(set[m])))
		}
		d.keys = append(d.keys, drawKey{rank, u, m})
	}
	slices.SortFunc(d.keys, func(a, b drawKey) int {
		switch {
		case a.rank != b.rank:
			return cmp.Compare(a.rank, b.rank)
		case a.hash != b.hash:
			return cmp.Compare(a.hash, b.hash)
		}
		return cmp.Compare(a.member, b.member)
	})
	for i, k := range d.keys {
		tier[i] = k.member
	}
}

// randomKey returns a new random number, whatever the address.
func randomKey(ipaddr.Addr) uint64 { return rand.Uint64() }

// stickyKey returns a function that hashes an address together with client. It has no seed, so that
// every server gives a client the same order, also after a restart, and an address that goes away
// moves none of the others (rendezvous hashing, Thaler and Ravishankar, 1998).
func stickyKey(client ipaddr.Addr) func(ipaddr.Addr) uint64 {
	return func(a ipaddr.Addr) uint64 {
		var b [32]byte
		binary.LittleEndian.PutUint64(b[0:], client.Hi)
		binary.LittleEndian.PutUint64(b[8:], client.Lo)
		binary.LittleEndian.PutUint64(b[16:], a.Hi)
		binary.LittleEndian.PutUint64(b[24:], a.Lo)
		return xxhash.Sum64(b[:])
	}
}
