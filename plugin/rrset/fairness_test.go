package rrset

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// first returns the first address of the answer to q.
func first(o *Orderer, in []dns.RR, q *Query) string { return addrs(o.Answer(in, q, ""))[0] }

func TestTurnsAreFair(t *testing.T) {
	near, far := numbered("10.4.3", 10), numbered("192.168.1", 5)
	a := addresses(slices.Concat(near, far)...)
	aaaa := addresses("2001:db8::1", "2001:db8::2", "2001:db8::3")

	t.Run("of one client", func(t *testing.T) {
		o, firsts, farFirsts := newOrderer(Cyclic), map[string]int{}, map[string]int{}
		for range 300 {
			got := addrs(o.Answer(a, from("10.4.3.200"), ""))
			firsts[got[0]]++
			farFirsts[got[len(near)]]++
		}
		if unevenness(firsts, near) != 1 || unevenness(farFirsts, far) != 1 {
			t.Errorf("first of the near tier %v, of the far tier %v", firsts, farFirsts)
		}
	})

	t.Run("of A and AAAA in pairs", func(t *testing.T) {
		o, firsts := newOrderer(Cyclic), map[string]int{}
		for range 300 {
			firsts[first(o, a, from("10.4.3.200"))]++
			firsts[first(o, aaaa, from("10.4.3.200"))]++
		}
		if unevenness(firsts, near) != 1 || unevenness(firsts, addrs(aaaa)) != 1 {
			t.Errorf("first addresses %v", firsts)
		}
	})

	t.Run("of two clients with different tiers", func(t *testing.T) {
		o, ofNear, ofFar := newOrderer(Cyclic), map[string]int{}, map[string]int{}
		for range 300 {
			ofNear[first(o, a, from("10.4.3.200"))]++
			ofFar[first(o, a, from("192.168.1.200"))]++
		}
		if unevenness(ofNear, near) != 1 || unevenness(ofFar, far) != 1 {
			t.Errorf("first addresses of the one %v, of the other %v", ofNear, ofFar)
		}
	})

	t.Run("of clients with the same tiers", func(t *testing.T) {
		o, firsts := newOrderer(Cyclic), map[string]int{}
		for i := range 300 {
			firsts[first(o, a, from(fmt.Sprintf("10.4.3.%d", 200+i%7)))]++
		}
		if unevenness(firsts, near) != 1 {
			t.Errorf("first addresses of all %v", firsts)
		}
	})

	t.Run("of a name in any case", func(t *testing.T) {
		o, firsts := newOrderer(Cyclic), map[string]int{}
		upper := addresses(addrs(a)...)
		for _, rr := range upper {
			rr.Header().Name = "SERVER1.Example.org."
		}
		for i := range 300 {
			firsts[first(o, [][]dns.RR{a, upper}[i%2], from("10.4.3.200"))]++
		}
		if unevenness(firsts, near) != 1 {
			t.Errorf("first addresses %v", firsts)
		}
	})

	t.Run("of the addresses in a network of a sort list", func(t *testing.T) {
		listed := []string{"172.16.0.1", "172.17.0.1"}
		in := addresses(slices.Concat(near, listed, far)...)
		o, firsts := newOrderer(Cyclic), map[string]int{}
		q := queryOf(preferring("172.16.0.0/12"), netip.MustParseAddr("198.51.100.1"))
		for range 300 {
			firsts[first(o, in, q)]++
		}
		if unevenness(firsts, listed) != 1 {
			t.Errorf("first addresses %v", firsts)
		}
	})
}

// TestEveryWindowIsFair checks any m answers in a row with one tier assignment. Answers with others
// are between them.
func TestEveryWindowIsFair(t *testing.T) {
	near, far := numbered("10.4.3", 4), numbered("10.9.9", 3)
	in, o := addresses(slices.Concat(far, near)...), newOrderer(Cyclic)
	rnd := rand.New(rand.NewPCG(11, 12))
	var firsts, farFirsts []string
	for len(firsts) < 200 {
		got := addrs(o.Answer(in, from("10.4.3.200"), ""))
		firsts, farFirsts = append(firsts, got[0]), append(farFirsts, got[len(near)])
		for range rnd.IntN(4) {
			o.Answer(in, from(oneOf(rnd, "10.9.9.9", "192.168.1.1", "2001:db8::1")), "")
		}
	}
	for i := range firsts[len(near):] {
		if window := slices.Sorted(slices.Values(firsts[i : i+len(near)])); !slices.Equal(window, near) {
			t.Fatalf("first addresses from answer %d on: %v", i, window)
		}
	}
	for i := range farFirsts[len(far):] {
		if window := slices.Sorted(slices.Values(farFirsts[i : i+len(far)])); !slices.Equal(window, far) {
			t.Fatalf("first addresses of the far tier from answer %d on: %v", i, window)
		}
	}
}

// TestLimitIsFair checks that each of the nearest addresses is kept as often as the others, and
// first as often.
func TestLimitIsFair(t *testing.T) {
	near, far := numbered("10.4.3", 7), numbered("192.168.1", 2)
	in, o, q := addresses(slices.Concat(far, near)...), newOrderer(Cyclic), from("10.4.3.200")
	q.Limit = 3
	firsts, kept := map[string]int{}, map[string]int{}
	for range 700 {
		got := addrs(o.Answer(in, q, ""))
		firsts[got[0]]++
		for _, a := range got {
			kept[a]++
		}
	}
	if unevenness(firsts, near) != 1 || unevenness(kept, near) != 1 || unevenness(kept, far) != 1 {
		t.Errorf("first %v, kept %v", firsts, kept)
	}
}
