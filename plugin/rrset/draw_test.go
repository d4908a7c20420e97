package rrset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/miekg/dns"
)

// chiSquared returns how far counts are from those expected: the sum of (count-expected)²/expected.
func chiSquared(counts []int, expected []float64) (x float64) {
	for i, n := range counts {
		d := float64(n) - expected[i]
		x += d * d / expected[i]
	}
	return x
}

// chiSquaredLimit returns a limit that a chi-squared statistic of k degrees of freedom exceeds less
// often than once in 10^9. It is the Wilson-Hilferty approximation, k(1-2/(9k)+z√(2/(9k)))³, with
// z = 6.2. A normal variable exceeds that once in 3.5·10^9, which leaves room for the error of the
// approximation.
func chiSquaredLimit(k int) float64 {
	v := 2 / (9 * float64(k))
	return float64(k) * math.Pow(1-v+6.2*math.Sqrt(v), 3)
}

// checkShares checks that counts are in proportion to weights, as far as chance allows.
func checkShares(t *testing.T, counts, weights []int) {
	t.Helper()
	expected := make([]float64, len(weights))
	for i, w := range weights {
		expected[i] = float64(sum(counts)) * float64(w) / float64(sum(weights))
	}
	if x, limit := chiSquared(counts, expected), chiSquaredLimit(len(weights)-1); x > limit {
		t.Errorf("counts %v, expected %v: chi-squared %.1f, limit %.1f", counts, expected, x, limit)
	}
}

// equal returns n equal weights.
func equal(n int) []int { return slices.Repeat([]int{1}, n) }

func TestRandomPermutationsAreUniform(t *testing.T) {
	for n := 2; n <= 4; n++ {
		permutations := []int{2: 2, 3: 6, 4: 24}[n]
		o, in, q := newOrderer(Random), addresses(numbered("10.4.3", n)...), from("10.4.3.200")
		seen := map[string]int{}
		for range 24_000 {
			seen[fmt.Sprint(addrs(o.Answer(in, q, "")))]++
		}
		var counts []int
		for _, c := range seen {
			counts = append(counts, c)
		}
		if len(counts) != permutations {
			t.Fatalf("%d orders of %d addresses, want %d", len(counts), n, permutations)
		}
		checkShares(t, counts, equal(permutations))
	}
}

func TestRandomFirstsFollowWeights(t *testing.T) {
	weights := []int{1, 2, 5, 12}
	o, in := weighted(Random, weights...)
	counts := make([]int, len(weights))
	for _, got := range answers(t, o, in, 20_000) {
		counts[got[0]]++
	}
	checkShares(t, counts, weights)
}

// TestRandomSecondsFollowWeights checks the second place among the answers with the same first.
func TestRandomSecondsFollowWeights(t *testing.T) {
	o, in := weighted(Random, 6, 3, 1)
	counts := make([]int, 2)
	for _, got := range answers(t, o, in, 20_000) {
		if got[0] == 0 {
			counts[got[1]-1]++
		}
	}
	checkShares(t, counts, []int{3, 1})
}

// stickyOrder returns the addresses that a client gets with Sticky, all in one tier.
func stickyOrder(client string, in []string) []string {
	return addrs(newOrderer(Sticky).Answer(addresses(in...), fromAnywhere(client), ""))
}

// TestStickyIsPinned has the orders that every release gives these clients. With another hash, the
// servers of two releases would disagree during an update.
func TestStickyIsPinned(t *testing.T) {
	numbered6 := []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}
	for _, tt := range []struct {
		client   string
		in, want []string
	}{
		{"10.4.3.2", numbered("192.0.2", 5),
			[]string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}},
		{"10.4.3.3", numbered("192.0.2", 5),
			[]string{"192.0.2.5", "192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.3"}},
		{"172.16.22.8", numbered("192.0.2", 5),
			[]string{"192.0.2.5", "192.0.2.3", "192.0.2.4", "192.0.2.2", "192.0.2.1"}},
		{"2001:db8::1", numbered("192.0.2", 5),
			[]string{"192.0.2.1", "192.0.2.2", "192.0.2.5", "192.0.2.3", "192.0.2.4"}},
		{"10.4.3.2", numbered6, []string{"2001:db8::3", "2001:db8::4", "2001:db8::1", "2001:db8::2"}},
		{"2001:db8::1", numbered6, []string{"2001:db8::3", "2001:db8::1", "2001:db8::4", "2001:db8::2"}},
	} {
		if got := stickyOrder(tt.client, tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%s gets %q, want %q", tt.client, got, tt.want)
		}
	}
}

// TestStickyWeightsArePinned is TestStickyIsPinned with weights.
func TestStickyWeightsArePinned(t *testing.T) {
	o, in := weighted(Sticky, 1, 2, 3, 7, 0)
	for client, want := range map[string]string{
		"10.4.3.2":    "[10.4.3.3 10.4.3.2 10.4.3.4 10.4.3.1 10.4.3.5]",
		"10.4.3.3":    "[10.4.3.4 10.4.3.3 10.4.3.1 10.4.3.2 10.4.3.5]",
		"172.16.22.8": "[10.4.3.4 10.4.3.3 10.4.3.2 10.4.3.1 10.4.3.5]",
		"2001:db8::1": "[10.4.3.4 10.4.3.2 10.4.3.3 10.4.3.1 10.4.3.5]",
	} {
		if got := fmt.Sprint(addrs(o.Answer(in, fromAnywhere(client), ""))); got != want {
			t.Errorf("%s gets %s, want %s", client, got, want)
		}
	}
}

// TestStickyDependsOnNothingElse checks that neither the turn, the name, the base order nor the
// length of the A records changes a sticky order.
func TestStickyDependsOnNothingElse(t *testing.T) {
	in := addresses(numbered("192.0.2", 7)...)
	o, q := newOrderer(Sticky), fromAnywhere("10.4.3.2")
	want := addrs(o.Answer(in, q, ""))
	reversed := slices.Clone(in)
	slices.Reverse(reversed)
	other := addresses(addrs(in)...)
	for _, rr := range other {
		rr.Header().Name = "other.example.org."
	}
	canonical := *q
	canonical.Canonical = true
	for name, got := range map[string][]dns.RR{
		"asked again":                 o.Answer(in, q, ""),
		"another name":                o.Answer(other, q, ""),
		"another order from below":    o.Answer(reversed, q, ""),
		"canonical base order":        o.Answer(reversed, &canonical, ""),
		"addresses of 4 bytes":        o.Answer(in4Bytes(in), q, ""),
		"from another server process": newOrderer(Sticky).Answer(in, q, ""),
	} {
		if !slices.Equal(addrs(got), want) {
			t.Errorf("%s: %v, want %v", name, addrs(got), want)
		}
	}
}

// TestStickyWithoutAddresses checks that records without an address keep one order, whatever the
// order from below.
func TestStickyWithoutAddresses(t *testing.T) {
	o := New(Config{Types: Types(dns.TypeMX), Rotation: Sticky})
	var mx []dns.RR
	for i := range 4 {
		mx = append(mx, record(fmt.Sprintf("%s 300 IN MX 10 m%d.example.org.", owner, i)))
	}
	for i := range mx {
		if got := o.Answer(slices.Concat(mx[i:], mx[:i]), from("10.4.3.2"), ""); !slices.Equal(got, mx) {
			t.Errorf("rotated by %d:\n%s", i, lines(got))
		}
	}
}

// TestStickySpreadsClientsEvenly checks the first, second and last place of many clients.
func TestStickySpreadsClientsEvenly(t *testing.T) {
	for name, client := range map[string]func(i int) string{
		"neighbours":    func(i int) string { return fmt.Sprintf("10.4.%d.%d", i/256, i%256) },
		"far apart":     func(i int) string { return fmt.Sprintf("%d.%d.7.1", 1+i%200, i/200) },
		"IPv6 networks": func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) },
	} {
		t.Run(name, func(t *testing.T) {
			o, in := newOrderer(Sticky), addresses(numbered("192.0.2", 10)...)
			var counts [3][10]int
			for i := range 20_000 {
				got := o.Answer(in, fromAnywhere(client(i)), "")
				for n, place := range []int{0, 1, 9} {
					counts[n][slices.Index(in, got[place])]++
				}
			}
			for _, c := range counts {
				checkShares(t, c[:], equal(len(in)))
			}
		})
	}
}

func TestStickyFollowsWeights(t *testing.T) {
	weights := []int{1, 2, 5, 12}
	o, in := weighted(Sticky, weights...)
	counts := make([]int, len(weights))
	for i := range 20_000 {
		got := o.Answer(in, from(fmt.Sprintf("172.16.%d.%d", i/256, i%256)), "")
		counts[slices.Index(in, got[0])]++
	}
	checkShares(t, counts, weights)
}

// TestStickyMovesOnlyTheClientsOfAnAddress removes one address. For each client, the order of the
// others must stay, with weights and without.
func TestStickyMovesOnlyTheClientsOfAnAddress(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	plain := newOrderer(Sticky)
	heavy, _ := weighted(Sticky, 1, 2, 3, 4, 5, 6, 7, 8)
	in := addresses(numbered("10.4.3", 8)...)
	for range 300 {
		a, _ := netip.AddrFromSlice(randomBytes(rnd, oneOf(rnd, 4, 16)))
		gone := in[rnd.IntN(len(in))]
		isGone := func(rr dns.RR) bool { return rr == gone }
		for _, o := range []*Orderer{plain, heavy} {
			q := fromAnywhere(a.String())
			before := o.Answer(in, q, "")
			after := o.Answer(slices.DeleteFunc(slices.Clone(in), isGone), q, "")
			if want := slices.DeleteFunc(slices.Clone(before), isGone); !slices.Equal(after, want) {
				t.Fatalf("%v had\n%sand gets\n%swithout %v", a, lines(before), lines(after), gone)
			}
		}
	}
}

// TestSameAddressesStayAsReceived checks that records with the same address keep their order in a
// sticky one.
func TestSameAddressesStayAsReceived(t *testing.T) {
	var in []dns.RR
	for range 20 {
		in = append(in, addresses("192.0.2.1", "192.0.2.2", "192.0.2.3")...)
	}
	got := newOrderer(Sticky).Answer(in, fromAnywhere("10.4.3.2"), "")
	checkMembers(t, got, in)
	last := map[string]int{} // by address: the index in in of the record before
	for _, rr := range got {
		addr, i := addrs([]dns.RR{rr})[0], slices.Index(in, rr)
		if i < last[addr] {
			t.Fatalf("record %d of %s is behind record %d", i, addr, last[addr])
		}
		last[addr] = i
	}
}

// TestStickyOrderOfWeightZero checks that the order of addresses of weight 0 does not depend on the
// order from below.
func TestStickyOrderOfWeightZero(t *testing.T) {
	o, in := weighted(Sticky, 0, 0, 0, 2, 0, 0, 0, 0)
	reversed := slices.Clone(in)
	slices.Reverse(reversed)
	for i := range 20 {
		q := fromAnywhere(fmt.Sprintf("10.4.3.%d", i))
		if got, want := o.Answer(reversed, q, ""), o.Answer(in, q, ""); !slices.Equal(got, want) {
			t.Errorf("got\n%swant\n%s", lines(got), lines(want))
		}
	}
}

// TestWeightZeroComesLastForAnyHash has hashes at both ends of their range.
func TestWeightZeroComesLastForAnyHash(t *testing.T) {
	w := new(Weights)
	w.Add(netip.MustParsePrefix("192.0.2.1/32"), 0)
	set := addresses("192.0.2.1", "192.0.2.2")
	for _, u := range []uint64{0, 1, math.MaxUint64} {
		var d weightedDraw
		tier := []uint16{0, 1}
		d.sort(set, tier, w, func(ipaddr.Addr) uint64 { return u })
		if tier[0] != 1 {
			t.Errorf("hash %d: the address of weight 0 comes first", u)
		}
	}
}

// TestGreatestHashComesFirst has two addresses of the same weight, one with the greatest hash and
// one with a hash that is far from it.
func TestGreatestHashComesFirst(t *testing.T) {
	set := addresses("192.0.2.1", "192.0.2.2")
	for _, w := range []*Weights{nil, new(Weights)} {
		var d weightedDraw
		tier := []uint16{0, 1}
		d.sort(set, tier, w, func(a ipaddr.Addr) uint64 {
			if a == addressOf(set[1]) {
				return math.MaxUint64
			}
			return 1 << 32
		})
		if tier[0] != 1 {
			t.Errorf("weights %v: the address with the smaller hash comes first", w != nil)
		}
	}
}
