package ordering

import (
	"fmt"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestBaseOrder(t *testing.T) {
	in := []string{"192.0.2.30", "192.0.2.4", "192.0.2.100"}
	sorted := []string{"192.0.2.4", "192.0.2.30", "192.0.2.100"}
	for _, tt := range []struct {
		base, turning string
		authoritative bool
		want          []string
	}{
		{"auto", "on", true, in},
		{"auto", "on", false, sorted},
		{"auto", "off", false, in},
		{"received", "on", false, in},
		{"received", "off", false, in},
		{"canonical", "on", true, sorted},
		{"canonical", "off", true, sorted},
		{"canonical", "off", false, sorted},
	} {
		t.Run(fmt.Sprintf("%s %s AA=%v", tt.base, tt.turning, tt.authoritative), func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset(in...)...)
			below.Authoritative = tt.authoritative
			o := orderingOf(t, fmt.Sprintf("ordering {\nbase_order %s\nround_robin %s\n}", tt.base, tt.turning), replying(below))
			if got := addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestTwoRoundRobinsDoNotCancel has a plugin below whose two addresses change places in each answer.
func TestTwoRoundRobinsDoNotCancel(t *testing.T) {
	for _, tt := range []struct {
		base          string
		authoritative bool
		exact         bool
	}{
		{"auto", false, true},
		{"canonical", true, true},
		{"canonical", false, true},
		{"auto", true, false}, // received: the two rotations cancel each other
	} {
		t.Run(fmt.Sprintf("%s AA=%v", tt.base, tt.authoritative), func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset("192.0.2.2", "192.0.2.1")...)
			below.Authoritative = tt.authoritative
			o := orderingOf(t, "ordering {\nbase_order "+tt.base+"\n}", replying(below))
			firsts := map[string]int{}
			for range 100 {
				firsts[addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer)[0]]++
				below.Answer = []dns.RR{below.Answer[1], below.Answer[0]}
			}
			if exact := firsts["192.0.2.1"] == 50; exact != tt.exact {
				t.Errorf("first addresses %v", firsts)
			}
		})
	}
}

// TestTurnsOfARotatingUpstream has a plugin below that rotates the addresses of several tiers
// together. The turns must follow the addresses and not the order in which they come.
func TestTurnsOfARotatingUpstream(t *testing.T) {
	near, far := numbered("10.4.3", 3), numbered("192.168.1", 4)
	in := addressRRset(slices.Concat(near, far)...)
	below := reply(hot, dns.TypeA)
	below.Authoritative = false
	o := orderingOf(t, "ordering", replying(below))
	nearFirsts, farFirsts := map[string]int{}, map[string]int{}
	for i := range 7 * 12 {
		below.Answer = slices.Concat(in[i%7:], in[:i%7])
		got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
		nearFirsts[got[0]]++
		farFirsts[got[len(near)]]++
	}
	if unevenness(nearFirsts, near) != 1 || unevenness(farFirsts, far) != 1 {
		t.Errorf("first of the near tier %v, of the far tier %v", nearFirsts, farFirsts)
	}
}
