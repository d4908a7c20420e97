package ordering

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// weighing returns a handler that answers with addresses of these weights, and their number.
func weighing(t *testing.T, turning string, weights []int) (o *Ordering, ordered []string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "ordering {\nround_robin %s\n", turning)
	ordered = numbered("10.4.3", len(weights))
	for i, w := range weights {
		if w != 1 {
			fmt.Fprintf(&b, "weight %s %d\n", ordered[i], w)
		}
	}
	b.WriteString("weight 192.0.2.1 7\n}") // so that there is one at all
	return orderingOf(t, b.String(), replying(reply(hot, dns.TypeA, addressRRset(ordered...)...))), ordered
}

// answers returns n answers in a row, as the index of each address.
func answers(t *testing.T, o *Ordering, ordered []string, n int) [][]int {
	t.Helper()
	all := make([][]int, n)
	for i := range all {
		for _, a := range addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer) {
			all[i] = append(all[i], slices.Index(ordered, a))
		}
		if whole := slices.Sorted(slices.Values(all[i])); len(whole) != len(ordered) || whole[0] != 0 || len(slices.Compact(whole)) != len(ordered) {
			t.Fatalf("answer %d has %v", i, all[i])
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

func randomWeights(rnd *rand.Rand, records, most int) []int {
	weights := make([]int, 1+rnd.IntN(records))
	for i := range weights {
		weights[i] = rnd.IntN(most + 1)
	}
	return weights
}

// TestWeightsAreExact checks for any window of one cycle that each address comes first as often as it weighs.
func TestWeightsAreExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	for range 120 {
		weights := randomWeights(rnd, 8, oneOf(rnd, 2, 5, 30))
		cycle := sum(weights)
		if cycle == 0 || len(weights) < 2 {
			continue
		}
		o, ordered := weighing(t, "on", weights)
		all := answers(t, o, ordered, 2*cycle+3)
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

func TestHeaviestWeights(t *testing.T) {
	weights := []int{255, 1, 254, 255, 0, 128}
	o, ordered := weighing(t, "on", weights)
	counts := make([]int, len(weights))
	for _, got := range answers(t, o, ordered, sum(weights)) {
		counts[got[0]]++
	}
	if !slices.Equal(counts, weights) {
		t.Errorf("first %v times, want %v", counts, weights)
	}
}

// longestBurst is how many answers in a row have the same first.
func longestBurst(all [][]int, of int) (longest int) {
	n := 0
	for _, got := range all {
		if n++; got[0] != of {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// TestWeightsAreSpreadOut bounds how often an address comes first in a row, and how far it ever runs ahead of its share or
// behind it. The bounds follow from the records of one weight stopping as evenly as the teeth of a comb: between two
// addresses of one weight, or of two weights whose records weigh the same together, there is no reason for a burst.
func TestWeightsAreSpreadOut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(19, 20))
	vectors := [][]int{{5, 1, 1, 1, 1, 1}, {1, 1, 4, 1, 1}, {5, 4, 1}, {4, 4, 2}, {255, 1}, {2, 1}, {1, 250, 4},
		{30, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}}
	for range 150 {
		vectors = append(vectors, randomWeights(rnd, 10, oneOf(rnd, 2, 5, 30)))
	}
	for _, weights := range vectors {
		cycle := sum(weights)
		if cycle == 0 || len(weights) < 2 {
			continue
		}
		together := map[int]int{} // weight → what the records of this weight add up to
		for _, w := range weights {
			if w > 0 {
				together[w] += w
			}
		}
		o, ordered := weighing(t, "on", weights)
		all := answers(t, o, ordered, 2*cycle)
		for i, w := range weights {
			if w == 0 {
				continue
			}
			if got, most := longestBurst(all, i), burstAllowed(w, together); got > most {
				t.Errorf("weights %v: number %d comes first %d times in a row, at most %d are due", weights, i, got, most)
			}
			firsts, share := 0, float64(w)/float64(cycle)
			for turn, got := range all {
				if got[0] == i {
					firsts++
				}
				ahead := float64(firsts) - share*float64(turn+1)
				if math.Abs(ahead) > 1+share*float64(len(together)) {
					t.Fatalf("weights %v: number %d is %.1f ahead of its share at turn %d", weights, i, ahead, turn)
				}
			}
		}
	}
}

// burstAllowed returns how often in a row an address of weight w may come first, given what the addresses of each weight add
// up to.
func burstAllowed(w int, together map[int]int) int {
	if together[w] > w {
		return 1
	}
	most := 0
	for other, sum := range together {
		if other != w {
			most = max(most, sum)
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

func TestEqualWeightsRotate(t *testing.T) {
	for _, weight := range []int{1, 2, 7, 255} {
		for n := 2; n <= 12; n++ {
			o, ordered := weighing(t, "on", slices.Repeat([]int{weight}, n))
			for turn, got := range answers(t, o, ordered, 3*n) {
				for i := range got {
					if want := (turn + i) % n; got[i] != want {
						t.Fatalf("%d addresses of weight %d at turn %d: %v", n, weight, turn, got)
					}
				}
			}
		}
	}
}

func TestWeightZeroStandsBehind(t *testing.T) {
	for _, turning := range []string{"on", "off", "random", "sticky"} {
		t.Run(turning, func(t *testing.T) {
			weights := []int{0, 3, 0, 1, 0, 2}
			o, ordered := weighing(t, turning, weights)
			lasts := map[int]int{}
			for _, got := range answers(t, o, ordered, 60) {
				for i, record := range got {
					if idle := weights[record] == 0; idle != (i >= 3) {
						t.Fatalf("%v", got)
					}
				}
				lasts[got[3]]++
			}
			if want := map[int]int{0: 20, 2: 20, 4: 20}; turning == "on" && fmt.Sprint(lasts) != fmt.Sprint(want) {
				t.Errorf("first of weight 0: %v, want %v", lasts, want)
			}
		})
	}
}

func TestAllOfWeightZeroRotate(t *testing.T) {
	o, ordered := weighing(t, "on", []int{0, 0, 0})
	for turn, got := range answers(t, o, ordered, 6) {
		if want := []int{turn % 3, (turn + 1) % 3, (turn + 2) % 3}; !slices.Equal(got, want) {
			t.Errorf("turn %d: %v, want %v", turn, got, want)
		}
	}
}

// TestWeightsCountInsideTheTier checks that a heavy address far away does not come before a light one nearby, and that the
// tiers keep cycles of their own.
func TestWeightsCountInsideTheTier(t *testing.T) {
	o := orderingOf(t, "ordering {\nweight 192.168.1.0/24 9\nweight 192.168.1.2 3\nweight 10.4.3.2 2\n}",
		replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1", "192.168.1.2", "10.4.3.2")...)))
	first, third := map[string]int{}, map[string]int{}
	for range 3 * 12 {
		got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
		first[got[0]]++
		third[got[2]]++
	}
	if want := map[string]int{"10.4.3.1": 12, "10.4.3.2": 24}; fmt.Sprint(first) != fmt.Sprint(want) {
		t.Errorf("near tier: %v, want %v", first, want)
	}
	if want := map[string]int{"192.168.1.1": 27, "192.168.1.2": 9}; fmt.Sprint(third) != fmt.Sprint(want) {
		t.Errorf("far tier: %v, want %v", third, want)
	}
}

func TestWeightsOfOtherTypesAreOne(t *testing.T) {
	o := orderingOf(t, "ordering {\ntypes MX\nweight 0.0.0.0/0 5\nweight ::/0 0\n}", replying(reply(hot, dns.TypeMX,
		record(hot+" 300 IN MX 10 a.example.org."), record(hot+" 300 IN MX 10 b.example.org."))))
	firsts := ""
	for range 4 {
		firsts += ask(t, o, "10.4.3.200", hot, dns.TypeMX).Answer[0].(*dns.MX).Mx[:1]
	}
	if firsts != "abab" {
		t.Errorf("firsts %s, want abab", firsts)
	}
}
