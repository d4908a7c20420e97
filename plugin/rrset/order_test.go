package rrset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

func TestAnswerAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1200 {
		set := randomAddresses(rnd, randomSize(rnd))
		m, q := randomModel(rnd, set), randomQuery(rnd, set)
		sets := [][]dns.RR{set}
		for range rnd.IntN(3) {
			sets = append(sets, oneOf(rnd, randomAddresses, randomRecords)(rnd, 1+rnd.IntN(oneOf(rnd, 6, 6, 40))))
		}
		checkAgainstModel(t, m, mixed(rnd, sets...), q, 5)
	}
}

// TestSizesAgainstModel has RRsets of each size at which the package takes another branch.
func TestSizesAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, n := range append(slices.Clone(branchSizes), 1000, maxSize) {
		for range min(40, 1+20_000/n) {
			set := randomAddresses(rnd, n)
			checkAgainstModel(t, randomModel(rnd, set), set, randomQuery(rnd, set), 4)
		}
	}
}

// located is a topology with one table.
type located struct {
	topology.Source
	table *topology.Table
}

func (l located) Table() *topology.Table { return l.table }
func (l located) Ready() bool            { return true }
func (l located) Synced() bool           { return true }

// TestTiersAgainstModel has numbers of tiers on both sides of the number of counters, and one that
// 16 bits cannot hold.
func TestTiersAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, tt := range []struct {
		words, masks int
		located      bool // one address has a location of one label
		tiers        int
	}{
		{words: 127, tiers: maxSpans - 1},
		{masks: 127, located: true, tiers: maxSpans},
		{words: 128, tiers: maxSpans + 1},
		{words: 600, masks: 120, located: true, tiers: 1201 * 121 * 2},
	} {
		for range 12 {
			size := oneOf(rnd, 1, 100, 128, 150, 350)
			set := addressesThatDiffer(rnd, size, 16, 6, 7)
			for _, rr := range set { // so that a tier has two records or more
				set = append(set, dns.Copy(rr))
			}
			q := queryOf(manyTiers(set, tt.words, tt.masks, tt.located), around(rnd, set[0]).Addr())
			q.Canonical = rnd.IntN(2) == 0
			if got := q.Ranking.Tiers(); got != tt.tiers {
				t.Fatalf("%+v gives %d tiers", tt, got)
			}
			checkAgainstModel(t, randomModel(rnd, set), set, q, 5)
		}
	}
}

// manyTiers returns a ranking with a word for each of so many addresses of set and with masks of so
// many lengths.
func manyTiers(set []dns.RR, words, masks int, locations bool) (c ranking.Config) {
	st := ranking.Statement{Clients: network.Any}
	for i := range words {
		a, _ := netip.AddrFromSlice(rdata(set[i%len(set)]))
		st.Preference = append(st.Preference, ranking.Word{
			Networks: []netip.Prefix{netip.PrefixFrom(a, 128)},
			Negated:  i%3 == 0,
		})
	}
	c.Sortlist = []ranking.Statement{st}
	for n := range masks {
		c.Masks.IPv6 = append(c.Masks.IPv6, n)
	}
	if locations {
		var b topology.Builder
		a, _ := netip.AddrFromSlice(rdata(set[0]))
		if err := b.Add(netip.PrefixFrom(a, 128), "zone"); err != nil {
			panic(err)
		}
		table, err := b.Table()
		if err != nil {
			panic(err)
		}
		c.Topology = located{table: table}
	}
	return c
}

// TestLargestSections has sections of as many records as an index of 16 bits can count, and of more,
// which are left as they are.
func TestLargestSections(t *testing.T) {
	for _, n := range []int{math.MaxUint16 - 1, math.MaxUint16, math.MaxUint16 + 1} {
		near, far := addresses("10.4.3.1")[0], addresses("192.168.1.1")[0]
		in := slices.Repeat([]dns.RR{far}, n)
		in[n-1] = near
		got := newOrderer(Fixed).Answer(in, from("10.4.3.2"), "")
		if want := n <= math.MaxUint16; (got[0] == near) != want || len(got) != n {
			t.Errorf("%d records of %d, ordered %v, want %v", len(got), n, got[0] == near, want)
		}
	}
	near, far := addresses("10.4.3.1", "10.4.3.2"), addresses("192.168.1.1", "192.168.1.2")
	far[1].Header().Name, near[1].Header().Name = "b.", "b."
	in := slices.Concat(far[:1], slices.Repeat(near[:1], math.MaxUint16), far[1:], near[1:])
	if got := newOrderer(Fixed).Answer(in, from("10.4.3.2"), ""); !slices.Equal(got, in) {
		t.Errorf("of two RRsets in %d records one was ordered", len(in))
	}
}

// TestManyRRsets has a section of 2,500 RRsets of two, and one of 1,000 RRsets whose records
// alternate. It also has a section of 1,000 names with RRsets of two types and two classes, whose
// records alternate.
func TestManyRRsets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	pairs, alternating := make([]dns.RR, 5000), make([]dns.RR, 4000)
	for i := range pairs {
		a := netip.AddrFrom4([4]byte{oneOf[byte](rnd, 10, 192), byte(i >> 8), byte(i), 1})
		pairs[i] = address(fmt.Sprintf("n%d.", i/2), a)
		if i < len(alternating) {
			alternating[i] = address(fmt.Sprintf("n%d.", i%1000), a)
		}
	}
	var kinds []dns.RR
	for i := range 2000 {
		name := fmt.Sprintf("n%d.", i%1000)
		ip4, chaos := address(name, netip.AddrFrom4([4]byte{192, 0, 2, 1})), address(name, netip.AddrFrom4([4]byte{10, 4, 3, 1}))
		ip6 := address(name, netip.MustParseAddr("2001:db8::1"))
		chaos.Header().Class = dns.ClassCHAOS
		kinds = append(kinds, ip4, chaos, ip6)
	}
	m := &model{types: []uint16{dns.TypeA, dns.TypeAAAA}, turns: map[string]int{}}
	for _, in := range [][]dns.RR{pairs, alternating, kinds} {
		checkAgainstModel(t, m, in, from("10.4.3.2"), 2)
	}
}

// TestConcurrentUse has many goroutines order sections of different sizes with one Orderer.
func TestConcurrentUse(t *testing.T) {
	o, q := newOrderer(Fixed), from("10.4.3.2")
	m := &model{types: []uint16{dns.TypeA, dns.TypeAAAA}, rotation: Fixed, turns: map[string]int{}}
	var all sync.WaitGroup
	for worker := range uint64(8) {
		rnd := rand.New(rand.NewPCG(9, worker))
		in := mixed(rnd, randomAddresses(rnd, 3+int(worker)*7), randomAddresses(rnd, 5))
		want := m.section(in, q, 0)
		all.Go(func() {
			for range 200 {
				if got := o.Answer(in, q, ""); !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", lines(got), lines(want))
					return
				}
			}
		})
	}
	all.Wait()
}
