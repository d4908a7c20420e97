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

// shuffle puts tier into a random order, every permutation equally likely.
func shuffle(tier []uint16) {
	for i := len(tier) - 1; i > 0; i-- {
		j := rand.IntN(i + 1)
		tier[i], tier[j] = tier[j], tier[i]
	}
}

// A weightedDraw puts a tier into an order that is random, or looks random: an address of weight n
// is n times as likely to come first as one of weight 1. An address of weight 0 comes after all
// others.
//
// It sorts by -ln(u)/weight, where each address has a u of its own, uniform between 0 and 1. The
// probability that the smallest of these numbers is that of a given address is in proportion to its
// weight (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006). If u is a
// hash of the client and the address, this is weighted rendezvous hashing.
type weightedDraw struct{ keys []drawKey }

// A drawKey is a member of a tier with what it is sorted by: rank, then uniform, then member.
type drawKey struct {
	rank    uint64 // -ln(u)/weight, as a number in the same order
	uniform uint64 // u, as 64 bits
	member  uint16
}

// sort puts tier, members of set, in order. key returns u for an address, as 64 uniform bits. A nil
// w gives every address weight 1.
func (d *weightedDraw) sort(set []dns.RR, tier []uint16, w *Weights, key func(ipaddr.Addr) uint64) {
	d.keys = d.keys[:0]
	for _, m := range tier {
		u := key(addressOf(set[m]))
		rank := ^u // in the order of -ln(u)
		if w != nil {
			// The bits of positive floating-point numbers are in the order of the numbers.
			rank = math.Float64bits(-math.Log((float64(u>>12)+0.5)/(1<<52)) / float64(w.of(set[m])))
		}
		d.keys = append(d.keys, drawKey{rank, u, m})
	}
	slices.SortFunc(d.keys, func(a, b drawKey) int {
		switch {
		case a.rank != b.rank:
			return cmp.Compare(a.rank, b.rank)
		case a.uniform != b.uniform: // as with weight 0, where all ranks are infinite
			return cmp.Compare(a.uniform, b.uniform)
		}
		return cmp.Compare(a.member, b.member)
	})
	for i, k := range d.keys {
		tier[i] = k.member
	}
}

// randomKey returns a random number that does not depend on the address.
func randomKey(ipaddr.Addr) uint64 { return rand.Uint64() }

// stickyKey returns a function that hashes an address together with client. The hash has no seed,
// so every server gives a client the same order, also after a restart. Each address has its own
// hash, so when an address goes away, the others keep their order (rendezvous hashing, Thaler and
// Ravishankar, 1998).
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
