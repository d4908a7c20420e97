package rrset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/miekg/dns"
)

func TestTurnsCountFromZero(t *testing.T) {
	turns := new(Turns)
	for want := range uint32(1000) {
		if got := turns.take(0x0123456789abcdef, 0); got != want {
			t.Fatalf("turn %d, want %d", got, want)
		}
		if got := turns.take(0xfedcba9876543210, 0); got != want {
			t.Fatalf("turn %d of another question, want %d", got, want)
		}
	}
}

func TestTurnsHaveAFixedSize(t *testing.T) {
	if size := unsafe.Sizeof(Turns{}); size > 300<<10 {
		t.Errorf("the table has %d bytes", size)
	}
	turns := new(Turns)
	rnd := rand.New(rand.NewPCG(7, 8))
	if n := testing.AllocsPerRun(10_000, func() { turns.take(rnd.Uint64(), 0) }); n != 0 {
		t.Errorf("%v allocations for a turn", n)
	}
}

func TestConcurrentTakersShareOutTheTurns(t *testing.T) {
	const takers, each = 8, 4000
	turns := new(Turns)
	taken := make([][]uint32, takers)
	var all sync.WaitGroup
	for i := range takers {
		all.Go(func() {
			for n := range uint64(each) {
				taken[i] = append(taken[i], turns.take(0x0123456789abcdef, 0))
				turns.take(n<<40|uint64(i), 0) // others, in other sets
			}
		})
	}
	all.Wait()
	for i, got := range slices.Sorted(slices.Values(slices.Concat(taken...))) {
		if got != uint32(i) {
			t.Fatalf("turn %d was taken twice or never", i)
		}
	}
}

// ownerKey returns the hash of an RRset of this owner.
func ownerKey(owner string) uint64 {
	return new(keys).rrset(&dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET})
}

func TestOwnersHashAlikeInAnyCase(t *testing.T) {
	names := []string{"server1.example.org.", "Server1.Example.ORG.", "SERVER1.EXAMPLE.ORG.", "server1.example.orG."}
	for _, name := range names[1:] {
		if ownerKey(name) != ownerKey(names[0]) {
			t.Errorf("%s and %s differ", name, names[0])
		}
	}
	if ownerKey("server2.example.org.") == ownerKey(names[0]) {
		t.Error("another name has the same hash")
	}
}

// TestOwnersHashApart checks that nothing but letters is folded, in whole words and in what is left.
func TestOwnersHashApart(t *testing.T) {
	for c := range 256 {
		for _, other := range []int{c ^ 0x20, c ^ 0x80} {
			alike := c < 128 && strings.EqualFold(string(rune(c)), string(rune(other)))
			for _, name := range []string{"*", "1234567*.org.", "12345678.*", "*2345678.", "123456781234567*12345678.org.", "1234567812345678*"} {
				a := strings.Replace(name, "*", string([]byte{byte(c)}), 1)
				b := strings.Replace(name, "*", string([]byte{byte(other)}), 1)
				if got := ownerKey(a) == ownerKey(b); got != alike {
					t.Errorf("%q and %q have the same hash: %v, want %v", a, b, got, alike)
				}
			}
		}
	}
}

// TestSetsHashApart checks that a key tells RRsets and tier assignments apart, those of another length too.
func TestSetsHashApart(t *testing.T) {
	var k keys
	met := map[uint64]string{}
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
					key := k.turn(set, tiers, 0)
					if other, ok := met[key]; ok {
						t.Errorf("%s and %s have one key", what, other)
					}
					met[key] = what
				}
			}
		}
	}
}
