package rrset

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// oneOf returns one of words at random.
func oneOf[T any](rnd *rand.Rand, words ...T) T { return words[rnd.IntN(len(words))] }

// branchSizes are the numbers of records on both sides of each at which the package takes another
// branch.
var branchSizes = []int{
	2, 3, smallLimit - 1, smallLimit, smallLimit + 1, blockSize - 1, blockSize, blockSize + 1,
	maxSpans - 1, maxSpans, maxSpans + 1,
}

// maxSize is the size of the largest random RRset.
const maxSize = 4000

// randomSize returns a number of records from 2 on: mostly small, sometimes one of branchSizes, and
// sometimes any number up to maxSize.
func randomSize(rnd *rand.Rand) int {
	switch n := rnd.IntN(50); {
	case n == 0:
		return 2 + rnd.IntN(maxSize-1)
	case n < 8:
		return oneOf(rnd, branchSizes...)
	}
	return 2 + rnd.IntN(12)
}

// randomBytes returns so many random bytes.
func randomBytes(rnd *rand.Rand, length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// addressesThatDiffer returns n address records of a. that differ only in these bytes of 4 or 16.
// Half of the A records have 4 bytes, half have 16.
func addressesThatDiffer(rnd *rand.Rand, n, length int, differ ...int) []dns.RR {
	base := randomBytes(rnd, length)
	if length == 16 && base[0] == 0 {
		base[0] = 0x20 // not IPv4-mapped
	}
	all := make([]dns.RR, n)
	for i := range all {
		b := slices.Clone(base)
		for _, at := range differ {
			b[at] = byte(rnd.Uint32())
		}
		a, _ := netip.AddrFromSlice(b)
		all[i] = address("a.", a)
		if rr, ok := all[i].(*dns.A); ok && rnd.IntN(2) == 0 {
			rr.A = rr.A[12:]
		}
	}
	return all
}

// randomAddresses returns an RRset of n addresses of one family. They differ in any of their bytes,
// in one or two, or are one after the other.
func randomAddresses(rnd *rand.Rand, n int) []dns.RR {
	length := oneOf(rnd, 4, 16)
	switch rnd.IntN(4) {
	case 0:
		all := make([]int, length)
		for i := range all {
			all[i] = i
		}
		return addressesThatDiffer(rnd, n, length, all...)
	case 1:
		a, _ := netip.AddrFromSlice(rdata(addressesThatDiffer(rnd, 1, length)[0]))
		all := make([]dns.RR, n)
		for i := range all {
			if a = a.Next(); !a.IsValid() {
				a = netip.AddrFrom4([4]byte{10})
			}
			all[i] = address("a.", a)
		}
		rnd.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	return addressesThatDiffer(rnd, n, length, rnd.IntN(length), rnd.IntN(length))
}

// randomRecords returns an RRset of n records of a type without an address.
func randomRecords(rnd *rand.Rand, n int) []dns.RR {
	all, rrtype := make([]dns.RR, n), oneOf(rnd, "MX", "TXT", "NS", "SRV")
	for i := range all {
		host := fmt.Sprintf("h%d.example.org.", rnd.IntN(n))
		text := map[string]string{
			"MX": "10 " + host, "TXT": `"` + host + `"`, "NS": host, "SRV": "0 0 80 " + host,
		}[rrtype]
		all[i] = record("a. 300 IN " + rrtype + " " + text)
	}
	return all
}

// around returns a network with the address in rr.
func around(rnd *rand.Rand, rr dns.RR) netip.Prefix {
	a, _ := netip.AddrFromSlice(rdata(rr))
	return netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1)).Masked()
}

// randomRanking returns a configuration that ranks the addresses in set in various tiers, and
// another number of tiers each time.
func randomRanking(rnd *rand.Rand, set []dns.RR) (c ranking.Config) {
	c.Masks.Classful = rnd.IntN(2) == 0
	for range rnd.IntN(4) {
		c.Masks.IPv4 = append(c.Masks.IPv4, rnd.IntN(33))
		c.Masks.IPv6 = append(c.Masks.IPv6, rnd.IntN(129))
	}
	words := 0
	switch rnd.IntN(8) {
	case 0:
		words = oneOf(rnd, 127, 128, 1000) // 255, 257 and 2001 ranks
	case 1, 2, 3:
		words = 1 + rnd.IntN(5)
	}
	if words == 0 {
		return c
	}
	st := ranking.Statement{Clients: network.Any}
	for range words {
		st.Preference = append(st.Preference, ranking.Word{
			Networks: []netip.Prefix{around(rnd, set[rnd.IntN(len(set))])},
			Negated:  rnd.IntN(2) == 0,
		})
	}
	c.Sortlist = []ranking.Statement{st}
	return c
}

// randomQuery returns a query for a section with this RRset of addresses.
func randomQuery(rnd *rand.Rand, set []dns.RR) *Query {
	client := around(rnd, set[rnd.IntN(len(set))]).Addr()
	if rnd.IntN(10) == 0 {
		client = netip.Addr{}
	}
	q := queryOf(randomRanking(rnd, set), client)
	q.Canonical = rnd.IntN(2) == 0
	if rnd.IntN(4) == 0 {
		q.Limit = 1 + rnd.IntN(len(set)+1)
	}
	return q
}

// randomModel returns a model of any configuration, with weights for some of the addresses in set.
func randomModel(rnd *rand.Rand, set []dns.RR) *model {
	m := &model{
		types:    oneOf(rnd, []uint16{dns.TypeA, dns.TypeAAAA}, []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT}),
		rotation: oneOf(rnd, Cyclic, Cyclic, Fixed, Random, Sticky),
		turns:    map[string]int{},
	}
	if rnd.IntN(2) == 0 {
		m.weights = []networkWeight{{netip.MustParsePrefix("192.0.2.0/24"), 3}}
		for range 1 + rnd.IntN(6) {
			weight := oneOf(rnd, 0, 1, 2, 3, 7, rnd.IntN(256))
			if len(set) > 300 {
				weight %= 4 // more slots would take the model too long
			}
			around := around(rnd, set[rnd.IntN(len(set))])
			if !slices.ContainsFunc(m.weights, func(w networkWeight) bool { return w.network == around }) {
				m.weights = append(m.weights, networkWeight{around, uint8(weight)})
			}
		}
	}
	return m
}

// mixed returns the records of several RRsets as one section: one after the other, or in a random
// order. Their owners are b., c., …, in mixed case.
func mixed(rnd *rand.Rand, sets ...[]dns.RR) []dns.RR {
	var all []dns.RR
	for i, set := range sets {
		for _, rr := range set {
			rr.Header().Name = oneOf(rnd, string(rune('b'+i)), string(rune('B'+i))) + "."
		}
		all = append(all, set...)
	}
	if rnd.IntN(2) == 0 {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all
}
