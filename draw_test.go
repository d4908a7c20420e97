package ordering

import (
	"fmt"
	"math"
	"slices"
	"testing"

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

// chiSquaredLimit returns what a chi-squared statistic of k degrees of freedom stays below but for one time in 10^9. It is
// the Wilson-Hilferty approximation, k(1-2/(9k)+z√(2/(9k)))³, at z = 6.2, which a normal variable passes once in 3.5·10^9;
// between there and 10^-9 is room for the error of the approximation.
func chiSquaredLimit(k int) float64 {
	v := 2 / (9 * float64(k))
	return float64(k) * math.Pow(1-v+6.2*math.Sqrt(v), 3)
}

func evenly(n, total int) []float64 {
	return slices.Repeat([]float64{float64(total) / float64(n)}, n)
}

func TestRandomPermutationsAreUniform(t *testing.T) {
	for n := 2; n <= 4; n++ {
		o := orderingOf(t, "ordering {\nround_robin random\n}", replying(reply(hot, dns.TypeA, addressRRset(numbered("10.4.3", n)...)...)))
		permutations, trials := []int{0, 1, 2, 6, 24}[n], 24_000
		seen := map[string]int{}
		for range trials {
			seen[fmt.Sprint(addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer))]++
		}
		if len(seen) != permutations {
			t.Fatalf("%d orders of %d addresses, want %d", len(seen), n, permutations)
		}
		var counts []int
		for _, c := range seen {
			counts = append(counts, c)
		}
		if x, limit := chiSquared(counts, evenly(permutations, trials)), chiSquaredLimit(permutations-1); x > limit {
			t.Errorf("%d addresses: chi-squared %.1f, limit %.1f: %v", n, x, limit, seen)
		}
	}
}

// TestRandomStaysInsideTheTier checks that nothing but the order inside a tier is left to chance.
func TestRandomStaysInsideTheTier(t *testing.T) {
	near, far := numbered("10.4.3", 3), numbered("192.168.1", 3)
	for _, turning := range []string{"random", "sticky"} {
		o := orderingOf(t, "ordering {\nround_robin "+turning+"\n}", replying(reply(hot, dns.TypeA, addressRRset(slices.Concat(far, near)...)...)))
		for range 100 {
			got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
			slices.Sort(got[:3])
			slices.Sort(got[3:])
			if !slices.Equal(got, slices.Concat(near, far)) {
				t.Fatalf("%s: %v", turning, got)
			}
		}
	}
}

func TestRandomHonoursWeights(t *testing.T) {
	weights := []int{1, 2, 5, 12}
	o, ordered := weighing(t, "random", weights)
	const trials = 20_000
	counts, expected := make([]int, len(weights)), make([]float64, len(weights))
	for _, got := range answers(t, o, ordered, trials) {
		counts[got[0]]++
	}
	for i, w := range weights {
		expected[i] = trials * float64(w) / float64(sum(weights))
	}
	if x, limit := chiSquared(counts, expected), chiSquaredLimit(len(weights)-1); x > limit {
		t.Errorf("first %v times, expected %v: chi-squared %.1f, limit %.1f", counts, expected, x, limit)
	}
}

// TestRandomRunnersUpHonourWeights checks the second place, given who is first: it is drawn among the rest by weight.
func TestRandomRunnersUpHonourWeights(t *testing.T) {
	weights := []int{6, 3, 1}
	o, ordered := weighing(t, "random", weights)
	counts, trials := map[int]int{}, 0
	for _, got := range answers(t, o, ordered, 20_000) {
		if got[0] == 0 {
			counts[got[1]]++
			trials++
		}
	}
	expected := []float64{float64(trials) * 3 / 4, float64(trials) * 1 / 4}
	if x, limit := chiSquared([]int{counts[1], counts[2]}, expected), chiSquaredLimit(1); x > limit {
		t.Errorf("second behind the heaviest: %v, expected %v", counts, expected)
	}
}

// stickyOrder returns what one client gets with round_robin sticky.
func stickyOrder(t *testing.T, client string, in []string) []string {
	t.Helper()
	qtype := addressRRset(in[0])[0].Header().Rrtype
	o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin sticky\n}", replying(reply(hot, qtype, addressRRset(in...)...)))
	return addrs(ask(t, o, client, hot, qtype).Answer)
}

// TestStickyIsPinned has the orders that every release gives these clients: with another hash each server would send them
// elsewhere while a rollout lasts.
func TestStickyIsPinned(t *testing.T) {
	for _, tt := range []struct {
		client string
		in     []string
		want   []string
	}{
		{"10.4.3.2", numbered("192.0.2", 5), []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}},
		{"10.4.3.3", numbered("192.0.2", 5), []string{"192.0.2.5", "192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.3"}},
		{"172.16.22.8", numbered("192.0.2", 5), []string{"192.0.2.5", "192.0.2.3", "192.0.2.4", "192.0.2.2", "192.0.2.1"}},
		{"2001:db8::1", numbered("192.0.2", 5), []string{"192.0.2.1", "192.0.2.2", "192.0.2.5", "192.0.2.3", "192.0.2.4"}},
		{"10.4.3.2", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, []string{"2001:db8::3", "2001:db8::4", "2001:db8::1", "2001:db8::2"}},
		{"2001:db8::1", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, []string{"2001:db8::3", "2001:db8::1", "2001:db8::4", "2001:db8::2"}},
	} {
		if got := stickyOrder(t, tt.client, tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%s gets %q, want %q", tt.client, got, tt.want)
		}
	}
}

func TestStickyDependsOnNothingElse(t *testing.T) {
	in := numbered("192.0.2", 7)
	want := stickyOrder(t, "10.4.3.2", in)
	o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin sticky\nbase_order canonical\n}", replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
	for range 10 {
		if got := addrs(ask(t, o, "10.4.3.2", "other.example.org.", dns.TypeA).Answer); !slices.Equal(got, want) {
			t.Fatalf("asked again: %v, want %v", got, want)
		}
	}
	slices.Reverse(in)
	if got := stickyOrder(t, "10.4.3.2", in); !slices.Equal(got, want) {
		t.Errorf("from the other end: %v, want %v", got, want)
	}
	short := reply(hot, dns.TypeA, addressRRset(in...)...)
	for _, rr := range short.Answer {
		rr.(*dns.A).A = rr.(*dns.A).A[12:]
	}
	o.Next = replying(short)
	if got := addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer); !slices.Equal(got, want) {
		t.Errorf("in four bytes: %v, want %v", got, want)
	}
}

func TestStickyIsOneOrderWithoutAddressesToo(t *testing.T) {
	var mx []dns.RR
	for i := range 4 {
		mx = append(mx, record(fmt.Sprintf("%s 300 IN MX 10 m%d.example.org.", hot, i)))
	}
	o := orderingOf(t, "ordering {\ntypes MX\nround_robin sticky\n}", nil)
	var want []string
	for range mx { // an upstream that rotates
		mx = append(mx[1:], mx[0])
		o.Next = replying(reply(hot, dns.TypeMX, mx...))
		var got []string
		for _, rr := range ask(t, o, "10.4.3.2", hot, dns.TypeMX).Answer {
			got = append(got, rr.(*dns.MX).Mx)
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, and before %v", got, want)
		}
	}
}

func TestStickySpreadsClientsEvenly(t *testing.T) {
	for name, client := range map[string]func(i int) string{
		"neighbours":   func(i int) string { return fmt.Sprintf("10.4.%d.%d", i/256, i%256) },
		"far apart":    func(i int) string { return fmt.Sprintf("%d.%d.7.1", 1+i%200, i/200) },
		"IPv6 of LANs": func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) },
	} {
		t.Run(name, func(t *testing.T) {
			const clients = 20_000
			in := numbered("192.0.2", 10)
			o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin sticky\n}", replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
			for _, place := range []int{0, 1, 9} {
				counts := make([]int, len(in))
				for i := range clients {
					counts[slices.Index(in, addrs(ask(t, o, client(i), hot, dns.TypeA).Answer)[place])]++
				}
				if x, limit := chiSquared(counts, evenly(len(in), clients)), chiSquaredLimit(len(in)-1); x > limit {
					t.Errorf("place %d: chi-squared %.1f, limit %.1f: %v", place, x, limit, counts)
				}
			}
		})
	}
}

func TestStickyHonoursWeights(t *testing.T) {
	weights := []int{1, 2, 5, 12}
	o, ordered := weighing(t, "sticky", weights)
	const clients = 20_000
	counts, expected := make([]int, len(weights)), make([]float64, len(weights))
	for i := range clients {
		got := addrs(ask(t, o, fmt.Sprintf("172.16.%d.%d", i/256, i%256), hot, dns.TypeA).Answer)
		counts[slices.Index(ordered, got[0])]++
	}
	for i, w := range weights {
		expected[i] = clients * float64(w) / float64(sum(weights))
	}
	if x, limit := chiSquared(counts, expected), chiSquaredLimit(len(weights)-1); x > limit {
		t.Errorf("first %v times, expected %v: chi-squared %.1f, limit %.1f", counts, expected, x, limit)
	}
}

// TestStickyMovesOnlyWhoMust takes one address away: the order of the others stays, for each client.
func TestStickyMovesOnlyWhoMust(t *testing.T) {
	in := numbered("192.0.2", 8)
	gone := in[3]
	for i := range 300 {
		client := fmt.Sprintf("10.4.%d.7", i)
		if i > 255 {
			client = fmt.Sprintf("2001:db8::%x", i)
		}
		before := stickyOrder(t, client, in)
		after := stickyOrder(t, client, slices.DeleteFunc(slices.Clone(in), func(a string) bool { return a == gone }))
		want := slices.DeleteFunc(slices.Clone(before), func(a string) bool { return a == gone })
		if !slices.Equal(after, want) {
			t.Fatalf("%s had %v, and gets %v without %s", client, before, after, gone)
		}
	}
}
