package ordering

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/miekg/dns"
)

func TestTurnsCountFromZero(t *testing.T) {
	turns := newTurns()
	for want := range uint64(1000) {
		if got := turns.take(0x0123456789abcdef); got != want {
			t.Fatalf("turn %d, want %d", got, want)
		}
		if got := turns.take(0xfedcba9876543210); got != want {
			t.Fatalf("turn %d of another question, want %d", got, want)
		}
	}
}

func TestTurnsHaveAFixedSize(t *testing.T) {
	if size := unsafe.Sizeof(turns{}); size > 300<<10 {
		t.Errorf("the table has %d bytes", size)
	}
	turns := newTurns()
	rnd := rand.New(rand.NewPCG(7, 8))
	if n := testing.AllocsPerRun(10_000, func() { turns.take(rnd.Uint64()) }); n != 0 {
		t.Errorf("%v allocations for a turn", n)
	}
}

// TestFloodLeavesHotNamesExact asks for many random names between one answer of a hot name and the next.
func TestFloodLeavesHotNamesExact(t *testing.T) {
	turns := newTurns()
	rnd := rand.New(rand.NewPCG(9, 10))
	hot := make([]uint64, 64)
	for i := range hot {
		hot[i] = rnd.Uint64()
	}
	for want := range uint64(300) {
		for _, key := range hot {
			if got := turns.take(key); got != want {
				t.Fatalf("a hot name is at turn %d, want %d", got, want)
			}
		}
		for range 5000 {
			turns.take(rnd.Uint64())
		}
	}
}

// TestFloodGoesOnCounting checks that a name that finds its set full does not start again at a turn it had.
func TestFloodGoesOnCounting(t *testing.T) {
	turns := newTurns()
	const set = 77
	key := func(i int) uint64 { return uint64(i+1)<<41 | set }
	for i := range ways {
		for range 10 * (i + 1) {
			turns.take(key(i))
		}
	}
	if got := turns.take(key(ways)); got != 10 {
		t.Errorf("a new name in a full set is at turn %d, want that of the least asked one, 10", got)
	}
	if got := turns.take(key(1)); got != 20 {
		t.Errorf("another name of the set is at turn %d, want 20", got)
	}
}

func TestConcurrentTakersShareOutTheTurns(t *testing.T) {
	const takers, each = 8, 4000
	turns := newTurns()
	taken := make([][]uint64, takers)
	var all sync.WaitGroup
	for i := range takers {
		all.Go(func() {
			for n := range uint64(each) {
				taken[i] = append(taken[i], turns.take(0x0123456789abcdef))
				turns.take(n<<40 | uint64(i)) // others, in other sets
			}
		})
	}
	all.Wait()
	for i, got := range slices.Sorted(slices.Values(slices.Concat(taken...))) {
		if got != uint64(i) {
			t.Fatalf("turn %d was taken twice or never", i)
		}
	}
}

func TestOwnersHashAlikeInAnyCase(t *testing.T) {
	k := newTurns().secret
	names := []string{"server1.example.org.", "Server1.Example.ORG.", "SERVER1.EXAMPLE.ORG.", "server1.example.orG."}
	for _, name := range names[1:] {
		if k.owner(name) != k.owner(names[0]) {
			t.Errorf("%s and %s differ", name, names[0])
		}
	}
	if k.owner("server2.example.org.") == k.owner(names[0]) {
		t.Error("another name has the same hash")
	}
}

// TestOwnersHashApart checks that nothing but letters is folded, in whole words and in what is left.
func TestOwnersHashApart(t *testing.T) {
	k := newTurns().secret
	for c := range 256 {
		for _, other := range []int{c ^ 0x20, c ^ 0x80} {
			alike := c < 128 && strings.EqualFold(string(rune(c)), string(rune(other)))
			for _, name := range []string{"*", "1234567*.org.", "12345678.*", "*2345678.", "123456781234567*12345678.org.", "1234567812345678*"} {
				a := strings.Replace(name, "*", string([]byte{byte(c)}), 1)
				b := strings.Replace(name, "*", string([]byte{byte(other)}), 1)
				if got := k.owner(a) == k.owner(b); got != alike {
					t.Errorf("%q and %q have the same hash: %v, want %v", a, b, got, alike)
				}
			}
		}
	}
}

// TestSetsHashApart checks that a key tells RRsets and tier assignments apart, those of another length too.
func TestSetsHashApart(t *testing.T) {
	k, met := newTurns().secret, map[uint64]string{}
	for _, owner := range []string{"a.", "b.", "12345678.", "12345678", "1234567812345678.", "12345678123456781234567."} {
		for _, h := range []dns.RR_Header{
			{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET},
			{Name: owner, Rrtype: dns.TypeAAAA, Class: dns.ClassINET},
			{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassCHAOS},
		} {
			for n := range 20 {
				set := make([]dns.RR, n+1)
				set[0] = &dns.A{Hdr: h}
				for one := range n + 2 { // which has tier 1; n + 1: none
					tiers := make([]uint32, n+2)
					tiers[one] = 1
					tiers = tiers[:n+1]
					what := fmt.Sprint(h.String(), tiers)
					key := turnKey(k, set, tiers)
					if other, ok := met[key]; ok {
						t.Errorf("%s and %s have one key", what, other)
					}
					met[key] = what
				}
			}
		}
	}
}

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
	a := reply(hot, dns.TypeA, rrset(slices.Concat(near, far)...)...)
	aaaa := reply(hot, dns.TypeAAAA, rrset("2001:db8::1", "2001:db8::2", "2001:db8::3")...)

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
		o6 := &Ordering{Next: replying(aaaa), rules: o.rules}
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
		O := &Ordering{Next: replying(reply("SERVER1.Example.org.", dns.TypeA, upper(a.Answer)...)), rules: o.rules}
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
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA, rrset(slices.Concat(far, near)...)...)))
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
			o := orderingOf(t, tt.corefile, replying(reply(hot, dns.TypeA, rrset(tt.in...)...)))
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
				replying(reply(hot, dns.TypeA, rrset(in...)...)))
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
			in := rrset("192.0.2.2", "192.0.2.1")
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
	in := rrset(slices.Concat(near, far)...)
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
