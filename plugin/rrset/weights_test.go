package rrset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// weighted returns an Orderer and addresses that have these weights in it. An address of weight 1
// has no network of its own.
func weighted(r Rotation, weights ...int) (o *Orderer, in []dns.RR) {
	w := new(Weights)
	in = addresses(numbered("10.4.3", len(weights))...)
	for i, weight := range weights {
		if weight != 1 {
			w.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 4, 3, byte(i + 1)}), 32), uint8(weight))
		}
	}
	return New(Config{Types: Types(dns.TypeA), Rotation: r, Weights: w, Turns: new(Turns)}), in
}

// answers returns n answers in a row, each as the indexes of its records in in.
func answers(t *testing.T, o *Orderer, in []dns.RR, n int) [][]int {
	t.Helper()
	all, q := make([][]int, n), from("10.4.3.200")
	for i := range all {
		got := o.Answer(in, q, "")
		checkMembers(t, got, in)
		for _, rr := range got {
			all[i] = append(all[i], slices.Index(in, rr))
		}
	}
	return all
}

func sum(weights []int) (total int) {
	for _, w := range weights {
		total += w
	}
	return total
}

// randomWeights returns the weights of up to 8 addresses, with 2 at least and not all of them 0.
func randomWeights(rnd *rand.Rand) []int {
	most := oneOf(rnd, 2, 5, 30)
	weights := make([]int, 2+rnd.IntN(7))
	for i := range weights {
		weights[i] = rnd.IntN(most + 1)
	}
	if sum(weights) == 0 {
		weights[0] = most
	}
	return weights
}

// TestWeightsAreExact checks for any full cycle of answers that each address comes first as often as
// it weighs.
func TestWeightsAreExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	vectors := [][]int{{255, 1, 254, 255, 0, 128}}
	for range 120 {
		vectors = append(vectors, randomWeights(rnd))
	}
	for _, weights := range vectors {
		cycle := sum(weights)
		o, in := weighted(Cyclic, weights...)
		all := answers(t, o, in, 2*cycle+3)
		counts := make([]int, len(weights))
		for i, got := range all {
			counts[got[0]]++
			if i < cycle-1 {
				continue
			}
			if !slices.Equal(counts, weights) {
				t.Fatalf("weights %v: first %v times in the cycle up to answer %d", weights, counts, i)
			}
			counts[all[i-cycle+1][0]]--
		}
	}
}

// TestWeightsAreSpreadOut bounds how often an address comes first in a row, and how far it is ever
// ahead of its share or behind it.
func TestWeightsAreSpreadOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(19, 20))
	vectors := [][]int{
		{5, 1, 1, 1, 1, 1}, {1, 1, 4, 1, 1}, {5, 4, 1}, {4, 4, 2}, {255, 1}, {2, 1}, {1, 250, 4},
		{30, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
	}
	for range 150 {
		vectors = append(vectors, randomWeights(rnd))
	}
	for _, weights := range vectors {
		cycle := sum(weights)
		totals := map[int]int{} // by weight: what the addresses of this weight weigh together
		for _, w := range weights {
			if w > 0 {
				totals[w] += w
			}
		}
		o, in := weighted(Cyclic, weights...)
		all := answers(t, o, in, 2*cycle)
		for i, w := range weights {
			if w == 0 {
				continue
			}
			if got, most := longestBurst(all, i), burstAllowed(w, totals); got > most {
				t.Errorf("weights %v: number %d comes first %d times in a row, want at most %d", weights, i, got, most)
			}
			firsts, share := 0, float64(w)/float64(cycle)
			for turn, got := range all {
				if got[0] == i {
					firsts++
				}
				ahead := float64(firsts) - share*float64(turn+1)
				if math.Abs(ahead) > 1+share*float64(len(totals)) {
					t.Fatalf("weights %v: number %d is %.1f ahead of its share at turn %d", weights, i, ahead, turn)
				}
			}
		}
	}
}

// longestBurst returns how often number i comes first in a row.
func longestBurst(all [][]int, i int) (longest int) {
	n := 0
	for _, got := range all {
		if n++; got[0] != i {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// burstAllowed returns how often in a row an address of weight w may come first. The slots of the
// addresses of one weight are at equal distances on the circle. So no address follows itself if
// another one has its weight, or if the addresses of another weight weigh as much together.
func burstAllowed(w int, totals map[int]int) int {
	if totals[w] > w {
		return 1
	}
	most := 0
	for other, total := range totals {
		if other != w {
			most = max(most, total)
		}
	}
	switch {
	case most == 0:
		return math.MaxInt
	case most == w:
		return 1
	}
	return w/most + 1
}

// randomTier returns n addresses in one tier, with weights that are mostly great and of three
// different values.
func randomTier(rnd *rand.Rand, n int) (set []dns.RR, tier []uint16, w *Weights, weights []int) {
	set, w = addressesThatDiffer(rnd, n, 16, 0, 1, 2, 3, 4, 5, 6, 7), new(Weights)
	for i, rr := range set {
		weight := oneOf(rnd, 255, 254, 1)
		a, _ := netip.AddrFromSlice(rdata(rr))
		w.Add(netip.PrefixFrom(a, 128), uint8(weight))
		tier, weights = append(tier, uint16(i)), append(weights, weight)
	}
	return set, tier, w, weights
}

// TestCyclesAtAnyTurn compares the order at a turn in any round of a cycle with the same turn of the
// first round.
func TestCyclesAtAnyTurn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(25, 26))
	for range 20 {
		set, tier, w, weights := randomTier(rnd, 60)
		m := &model{weights: []networkWeight{{}}}
		length := uint64(sum(weights))
		for _, turn := range []uint64{0, length - 1, length, math.MaxUint32, math.MaxUint64 - rnd.Uint64N(1000)} {
			var c weightedCycle
			got := slices.Clone(tier)
			c.order(set, got, w, turn)
			want := m.cycle(set, weights, int(turn%length))
			for i, member := range got {
				if set[member] != want[i] {
					t.Fatalf("turn %d of %d: number %d is %v, want %v", turn, length, i, set[member], want[i])
				}
			}
		}
	}
}

// TestCyclesListFewSlots checks that what an order takes does not grow with the weights.
func TestCyclesListFewSlots(t *testing.T) {
	rnd := rand.New(rand.NewPCG(27, 28))
	for range 50 {
		set, tier, w, weights := randomTier(rnd, 200)
		var c weightedCycle
		c.order(set, tier, w, uint64(sum(weights)*9/10))
		if most := 2 * len(set); len(c.slots) > most {
			t.Errorf("%d slots of %d were listed, want at most %d", len(c.slots), sum(weights), most)
		}
	}
}

func TestEqualWeightsRotate(t *testing.T) {
	for _, weight := range []int{0, 1, 2, 7, 255} {
		for n := 2; n <= 12; n++ {
			o, in := weighted(Cyclic, slices.Repeat([]int{weight}, n)...)
			for turn, got := range answers(t, o, in, 3*n) {
				for i := range got {
					if want := (turn + i) % n; got[i] != want {
						t.Fatalf("%d addresses of weight %d at turn %d: %v", n, weight, turn, got)
					}
				}
			}
		}
	}
}

// TestWeightZeroComesLast checks that addresses of weight 0 come after all others, and rotate among
// themselves where the others do.
func TestWeightZeroComesLast(t *testing.T) {
	for rotation, name := range []string{"cyclic", "fixed", "random", "sticky"} {
		t.Run(name, func(t *testing.T) {
			weights := []int{0, 3, 0, 1, 0, 2}
			o, in := weighted(Rotation(rotation), weights...)
			firsts := map[int]int{} // of those of weight 0
			for _, got := range answers(t, o, in, 60) {
				for i, record := range got {
					if zero := weights[record] == 0; zero != (i >= 3) {
						t.Fatalf("answer %v", got)
					}
				}
				firsts[got[3]]++
			}
			if Rotation(rotation) == Cyclic && fmt.Sprint(firsts) != "map[0:20 2:20 4:20]" {
				t.Errorf("first of weight 0: %v", firsts)
			}
		})
	}
}

// TestWeightsCountInsideATier checks that a heavy address far away does not come before a light one
// nearby, and that each tier has a cycle of its own.
func TestWeightsCountInsideATier(t *testing.T) {
	w := new(Weights)
	w.Add(netip.MustParsePrefix("192.168.1.0/24"), 9)
	w.Add(netip.MustParsePrefix("192.168.1.2/32"), 3)
	w.Add(netip.MustParsePrefix("10.4.3.2/32"), 2)
	o := New(Config{Types: Types(dns.TypeA), Weights: w, Turns: new(Turns)})
	in := addresses("192.168.1.1", "10.4.3.1", "192.168.1.2", "10.4.3.2")
	near, far := map[string]int{}, map[string]int{}
	for range 3 * 12 {
		got := addrs(o.Answer(in, from("10.4.3.200"), ""))
		near[got[0]]++
		far[got[2]]++
	}
	if fmt.Sprint(near, far) != "map[10.4.3.1:12 10.4.3.2:24] map[192.168.1.1:27 192.168.1.2:9]" {
		t.Errorf("first of the near tier %v, of the far tier %v", near, far)
	}
}

// TestWeightsOfTheLongestPrefix checks Add, and which network decides the weight of an address.
func TestWeightsOfTheLongestPrefix(t *testing.T) {
	w := new(Weights)
	for _, tt := range []struct {
		network string
		weight  uint8
		want    bool
	}{
		{"10.0.0.0/8", 3, true}, {"10.4.0.0/16", 0, true}, {"2001:db8::/32", 7, true},
		{"10.0.0.0/8", 5, false}, {"10.4.0.0/16", 0, false}, {"0.0.0.0/0", 2, true},
	} {
		if got := w.Add(netip.MustParsePrefix(tt.network), tt.weight); got != tt.want {
			t.Errorf("Add of %s returns %v", tt.network, got)
		}
	}
	for addr, want := range map[string]uint64{
		"10.9.9.9": 3, "10.4.3.1": 0, "192.0.2.1": 2, "2001:db8::1": 7, "2001:db9::1": 1,
	} {
		if got := w.of(addresses(addr)[0]); got != want {
			t.Errorf("%s weighs %d, want %d", addr, got, want)
		}
	}
	if got := w.of(record("a. 300 IN MX 10 b.")); got != 1 {
		t.Errorf("an MX record weighs %d, want 1", got)
	}
	if got := (*Weights)(nil).of(addresses("10.4.3.1")[0]); got != 1 {
		t.Errorf("an address weighs %d without weights, want 1", got)
	}
}

func TestRecordsWithoutAnAddressWeighTheSame(t *testing.T) {
	w := new(Weights)
	w.Add(netip.MustParsePrefix("0.0.0.0/0"), 5)
	w.Add(netip.MustParsePrefix("::/0"), 0)
	o := New(Config{Types: Types(dns.TypeMX), Weights: w, Turns: new(Turns)})
	in := []dns.RR{record("a. 300 IN MX 10 a."), record("a. 300 IN MX 10 b.")}
	for turn, got := range answers(t, o, in, 4) {
		if got[0] != turn%2 {
			t.Errorf("number %d is first at turn %d", got[0], turn)
		}
	}
}
