package ordering

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// unevenness is how often the address that comes first most does so, over how often the one that does so least; addresses
// that never come first count.
func unevenness(firsts map[string]int, addrs []string) float64 {
	least, most := math.MaxInt, 0
	for _, a := range addrs {
		least, most = min(least, firsts[a]), max(most, firsts[a])
	}
	return float64(most) / float64(least)
}

// numbered returns n addresses of a /24.
func numbered(network string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s.%d", network, i+1)
	}
	return all
}

func TestFairness(t *testing.T) {
	near, far := numbered("10.4.3", 10), numbered("192.168.1", 5)
	a := reply(hot, dns.TypeA, addressRRset(slices.Concat(near, far)...)...)
	aaaa := reply(hot, dns.TypeAAAA, addressRRset("2001:db8::1", "2001:db8::2", "2001:db8::3")...)

	t.Run("one client", func(t *testing.T) {
		o := orderingOf(t, "ordering", replying(a))
		firsts, farFirsts := map[string]int{}, map[string]int{}
		for range 3000 {
			got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
			firsts[got[0]]++
			farFirsts[got[len(near)]]++
		}
		if u, v := unevenness(firsts, near), unevenness(farFirsts, far); u != 1 || v != 1 {
			t.Errorf("max/min %v in the near tier, %v in the far one: %v %v", u, v, firsts, farFirsts)
		}
	})

	t.Run("A and AAAA in pairs", func(t *testing.T) {
		o := orderingOf(t, "ordering", replying(a))
		o6 := &Ordering{Next: replying(aaaa), zones: o.zones}
		firsts := map[string]int{}
		for range 3000 {
			firsts[addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)[0]]++
			firsts[addrs(ask(t, o6, "10.4.3.200", hot, dns.TypeAAAA).Answer)[0]]++
		}
		if u, v := unevenness(firsts, near), unevenness(firsts, addrs(aaaa.Answer)); u != 1 || v != 1 {
			t.Errorf("max/min %v of A, %v of AAAA: %v", u, v, firsts)
		}
	})

	t.Run("two clients in turn", func(t *testing.T) {
		o := orderingOf(t, "ordering", replying(a))
		ofNear, ofFar := map[string]int{}, map[string]int{}
		for range 3000 {
			ofNear[addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)[0]]++
			ofFar[addrs(ask(t, o, "192.168.1.200", hot, dns.TypeA).Answer)[0]]++
		}
		if u, v := unevenness(ofNear, near), unevenness(ofFar, far); u != 1 || v != 1 {
			t.Errorf("max/min %v for the one, %v for the other: %v %v", u, v, ofNear, ofFar)
		}
	})

	t.Run("two clients that see the same tiers", func(t *testing.T) {
		o := orderingOf(t, "ordering", replying(a))
		firsts := map[string]int{}
		for i := range 3000 {
			firsts[addrs(ask(t, o, fmt.Sprintf("10.4.3.%d", 200+i%7), hot, dns.TypeA).Answer)[0]]++
		}
		if u := unevenness(firsts, near); u != 1 {
			t.Errorf("max/min %v over both: %v", u, firsts)
		}
	})

	t.Run("names in any case", func(t *testing.T) {
		o := orderingOf(t, "ordering", replying(a))
		O := &Ordering{Next: replying(reply("SERVER1.Example.org.", dns.TypeA, upper(a.Answer)...)), zones: o.zones}
		firsts := map[string]int{}
		for i := range 3000 {
			firsts[addrs(ask(t, []*Ordering{o, O}[i%2], "10.4.3.200", hot, dns.TypeA).Answer)[0]]++
		}
		if u := unevenness(firsts, near); u != 1 {
			t.Errorf("max/min %v: %v", u, firsts)
		}
	})
}

// upper returns the records with an owner in capitals.
func upper(rrs []dns.RR) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = "SERVER1.Example.org."
	}
	return out
}

// TestEveryWindowIsFair looks at any m answers in a row of one tier assignment, among those for others.
func TestEveryWindowIsFair(t *testing.T) {
	near, far := numbered("10.4.3", 4), numbered("10.9.9", 3)
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA, addressRRset(slices.Concat(far, near)...)...)))
	rnd := rand.New(rand.NewPCG(11, 12))
	var firsts, seconds []string
	for len(firsts) < 200 {
		got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
		firsts, seconds = append(firsts, got[0]), append(seconds, got[len(near)])
		for range rnd.IntN(4) {
			ask(t, o, oneOf(rnd, "10.9.9.9", "192.168.1.1", "2001:db8::1"), hot, dns.TypeA)
		}
	}
	for i := range firsts[len(near):] {
		window := slices.Sorted(slices.Values(firsts[i : i+len(near)]))
		if !slices.Equal(window, near) {
			t.Fatalf("firsts from %d on: %v", i, window)
		}
	}
	for i := range seconds[len(far):] {
		if window := slices.Sorted(slices.Values(seconds[i : i+len(far)])); !slices.Equal(window, far) {
			t.Fatalf("firsts of the next tier from %d on: %v", i, window)
		}
	}
}

// TestFirstTurnIsBaseOrder checks the two examples of the contract, and that nothing but the first answer comes so.
func TestFirstTurnIsBaseOrder(t *testing.T) {
	for _, tt := range []struct {
		name, corefile, client string
		in, want               []string
	}{
		{"nearest subnet", "ordering", "10.4.3.2",
			[]string{"192.168.1.27", "10.0.0.14", "172.16.20.4"}, []string{"10.0.0.14", "192.168.1.27", "172.16.20.4"}},
		{"two on the network", "ordering", "172.16.22.8",
			[]string{"192.168.1.27", "172.16.22.4", "10.0.0.14", "172.16.31.5"}, []string{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"}},
		{"two on the network, with another mask", "ordering {\nnetmask 255.255.248.0\n}", "172.16.22.8",
			[]string{"192.168.1.27", "172.16.22.4", "10.0.0.14", "172.16.31.5"}, []string{"172.16.22.4", "172.16.31.5", "192.168.1.27", "10.0.0.14"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := orderingOf(t, tt.corefile, replying(reply(hot, dns.TypeA, addressRRset(tt.in...)...)))
			if got := addrs(ask(t, o, tt.client, hot, dns.TypeA).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("first answer %v, want %v", got, tt.want)
			}
			n := len(tt.want)
			tt.want[n-1], tt.want[n-2] = tt.want[n-2], tt.want[n-1]
			if got := addrs(ask(t, o, tt.client, hot, dns.TypeA).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("second answer %v, want %v", got, tt.want)
			}
		})
	}
}

func TestToggles(t *testing.T) {
	in := []string{"192.168.1.27", "10.0.0.14", "172.16.20.4"}
	for _, tt := range []struct {
		priority, roundRobin string
		want                 [][]string // answers in a row
	}{
		{"on", "on", [][]string{
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
			{"10.0.0.14", "172.16.20.4", "192.168.1.27"},
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
		}},
		{"on", "off", [][]string{
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
			{"10.0.0.14", "192.168.1.27", "172.16.20.4"},
		}},
		{"off", "on", [][]string{
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
			{"10.0.0.14", "172.16.20.4", "192.168.1.27"},
			{"172.16.20.4", "192.168.1.27", "10.0.0.14"},
			{"192.168.1.27", "10.0.0.14", "172.16.20.4"},
		}},
		{"off", "off", [][]string{in, in}},
	} {
		t.Run(tt.priority+" "+tt.roundRobin, func(t *testing.T) {
			o := orderingOf(t, "ordering {\nlocal_net_priority "+tt.priority+"\nround_robin "+tt.roundRobin+"\n}",
				replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
			for i, want := range tt.want {
				if got := addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer); !slices.Equal(got, want) {
					t.Errorf("answer %d is %v, want %v", i, got, want)
				}
			}
		})
	}
}

// TestTwoRoundRobinsDoNotCancel asks a server whose answers rotate themselves.
func TestTwoRoundRobinsDoNotCancel(t *testing.T) {
	for _, tt := range []struct {
		base          string
		authoritative bool
		exact         bool
	}{
		{"auto", false, true},
		{"canonical", true, true},
		{"canonical", false, true},
		{"auto", true, false}, // received: the two cancel, or double the step
	} {
		t.Run(fmt.Sprintf("%s AA=%v", tt.base, tt.authoritative), func(t *testing.T) {
			in := addressRRset("192.0.2.2", "192.0.2.1")
			below := reply(hot, dns.TypeA, in...)
			below.Authoritative = tt.authoritative
			o := orderingOf(t, "ordering {\nbase_order "+tt.base+"\n}", replying(below))
			firsts := map[string]int{}
			for range 100 {
				firsts[addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer)[0]]++
				below.Answer = []dns.RR{below.Answer[1], below.Answer[0]}
			}
			if exact := firsts["192.0.2.1"] == 50; exact != tt.exact {
				t.Errorf("firsts %v", firsts)
			}
		})
	}
}

// TestTurnsOfARotatingUpstream has an upstream whose rotation moves addresses of several tiers: the turns are those of the
// addresses and not of the order in which they came.
func TestTurnsOfARotatingUpstream(t *testing.T) {
	near, far := numbered("10.4.3", 3), numbered("192.168.1", 4)
	in := addressRRset(slices.Concat(near, far)...)
	below := reply(hot, dns.TypeA)
	below.Authoritative = false
	o := orderingOf(t, "ordering", replying(below))
	firsts, fourths := map[string]int{}, map[string]int{}
	for i := range 7 * 12 {
		below.Answer = slices.Concat(in[i%7:], in[:i%7])
		got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
		firsts[got[0]]++
		fourths[got[3]]++
	}
	if u, v := unevenness(firsts, near), unevenness(fourths, far); u != 1 || v != 1 {
		t.Errorf("max/min %v in the near tier, %v in the far one: %v %v", u, v, firsts, fourths)
	}
}
