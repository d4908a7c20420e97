package ordering

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// The tests in this file compare the plugin with config, which is slow and follows the contract.

// TestTierAgainstOracle compares rankings: addresses in equal tiers must be equally far, addresses
// in greater tiers farther.
func TestTierAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for n := range 800 {
		c := randomConfig(rnd)
		if n%100 == 0 {
			c = deepConfig(rnd, 120)
		}
		corefile := c.corefile(t, dir)
		p := policyOf(t, corefile)
		for range 8 {
			client := oneOf(rnd, randomAddr, randomAddr, anyAddr)(rnd)
			if rnd.IntN(20) == 0 {
				client = netip.Addr{}
			}
			checkTiersOf(t, rnd, c, p, client, corefile)
		}
	}
}

func TestSectionAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	for range 1000 {
		checkSections(t, rnd, randomLimits(rnd, randomConfig(rnd)), dir, randomSize(rnd), 4)
	}
}

func TestSectionSizesAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	for _, n := range append(slices.Clone(codeSizes), maxSize) {
		for range 10 {
			checkSections(t, rnd, randomLimits(rnd, randomConfig(rnd)), dir, n, 3)
		}
	}
}

// TestManyTiersAgainstOracle has numbers of tiers on both sides of the number of counters that
// package rrset has, and one that 16 bits cannot hold.
func TestManyTiersAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	sortlistOf := func(words int) *config {
		c := deepConfig(rnd, words)
		c.blind, c.masks, c.masks6, c.topology = true, nil, nil, nil
		return c
	}
	square := deepConfig(rnd, 0)
	square.sortlist, square.masks, square.masks6 = nil, square.masks[:31], square.masks6[:31]
	square.topology = append(randomTopology(rnd, 100, []string{"a", "a/b", "a/b/c/d/e/f/g", "a/b/c/x", "b"}),
		"192.0.2.255/32 a/b/c/d/e/f/g")
	square.classless = true
	deep := deepConfig(rnd, 120)
	for _, tt := range []struct {
		c     *config
		tiers func(int) bool
	}{
		{sortlistOf(127), func(n int) bool { return n == 255 }},
		{square, func(n int) bool { return n == 256 }},
		{sortlistOf(128), func(n int) bool { return n == 257 }},
		{sortlistOf(1000), func(n int) bool { return n == 2001 }},
		{deep, func(n int) bool { return n > math.MaxUint16+1 }},
	} {
		k := rankingOf(policyOf(t, tt.c.corefile(t, dir)), netip.MustParseAddr("10.0.0.1"))
		if !tt.tiers(k.Tiers()) {
			t.Fatalf("the ranking has %d tiers", k.Tiers())
		}
		for _, n := range []int{2, 5, 33, 257, 700} {
			for range 4 {
				checkSections(t, rnd, tt.c, dir, n, 2)
			}
		}
	}
}

// TestLargeSectionsAgainstOracle has one RRset of 5,000 records, 2,500 RRsets of two, and all
// records of one RRset in 2,500 places.
func TestLargeSectionsAgainstOracle(t *testing.T) {
	c := &config{turning: "on", base: "received"}
	client := "10.4.3.2"
	var one, pairs, apart []dns.RR
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{[]byte{10, 192}[i%2], byte(i / 256), byte(i % 256), 1})
		one = append(one, address(hot, a))
		pairs = append(pairs, address(fmt.Sprintf("n%d.example.org.", i%2500), a))
		apart = append(apart, address([]string{hot, fmt.Sprintf("n%d.example.org.", i)}[i%2], a))
	}
	for name, in := range map[string][]dns.RR{"one RRset": one, "RRsets of two": pairs, "an RRset in many places": apart} {
		o := orderingOf(t, c.corefile(t, ""), replying(reply(hot, dns.TypeA, in...)))
		for turn := range 3 {
			want := c.section(in, netip.MustParseAddr(client), turn, true)
			if got := ask(t, o, client, hot, dns.TypeA).Answer; !slices.Equal(got, want) {
				t.Errorf("%s: another order than expected at turn %d", name, turn)
			}
		}
	}
}

// TestLargestSections has sections of more records than a message of 64 KiB can have. Those that an
// index of 16 bits can count are ordered, larger ones come as they are.
func TestLargestSections(t *testing.T) {
	near, far := netip.MustParseAddr("10.4.3.1"), netip.MustParseAddr("192.168.1.1")
	for _, n := range []int{math.MaxUint16 - 1, math.MaxUint16, math.MaxUint16 + 1, 70_000} {
		in := make([]dns.RR, n)
		for i := range in {
			in[i] = address(hot, far)
		}
		in[n-1] = address(hot, near)
		want := in
		if n <= math.MaxUint16 {
			want = slices.Concat(in[n-1:], in[:n-1])
		}
		o := orderingOf(t, "ordering {\nround_robin off\n}", replying(reply(hot, dns.TypeA, in...)))
		if got := ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer; !slices.Equal(got, want) {
			t.Errorf("%d records come in another order than expected", n)
		}
	}
}
