package rrset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// names returns the keys of n names, which are different for each seed.
func names(seed uint64, n int) []uint64 {
	rnd := rand.New(rand.NewPCG(seed, 1))
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = rnd.Uint64()
	}
	return keys
}

// inOneSet returns the keys of n names that are in one set of the table.
func inOneSet(n int) []uint64 {
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = uint64(i+1)<<42 | 7
	}
	return keys
}

// firsts counts how often each of two addresses came first in the answers with these turns.
func firsts(turns []uint32) (n [2]int) {
	for _, turn := range turns {
		n[turn%2]++
	}
	return n
}

// isExact reports whether each of turns is one more than the one before it.
func isExact(turns []uint32) bool {
	for i, turn := range turns[1:] {
		if turn != turns[i]+1 {
			return false
		}
	}
	return true
}

// TestNamesThatNobodyAsksAnyMoreLeave fills the table with names that are asked often and never again. New names that
// come after that must be counted all the same.
func TestNamesThatNobodyAsksAnyMoreLeave(t *testing.T) {
	turns := new(Turns)
	for _, key := range names(1, sets*ways) {
		for range 300 { // as good as 10,000 times: a word has 8 bits for how often that was
			turns.take(key, 0)
		}
	}
	const times, settled = 100, 10
	taken := make([][]uint32, 2000)
	for range times {
		for i, key := range names(2, len(taken)) {
			taken[i] = append(taken[i], turns.take(key, 0))
		}
	}
	exact := 0
	for i, got := range taken {
		if n := firsts(got); n[0] < times/4 || n[1] < times/4 {
			t.Errorf("name %d gets its addresses first %v times", i, n)
		}
		if isExact(got[settled:]) {
			exact++
		}
	}
	if exact < len(taken)*99/100 {
		t.Errorf("only %d of %d new names have exact turns after the first %d", exact, len(taken), settled)
	}
}

// TestFloodLeavesEveryHotNameExact asks for 100 random names between one query for a hot name and the next.
func TestFloodLeavesEveryHotNameExact(t *testing.T) {
	for _, hot := range []int{1, 64, 1000} {
		t.Run(fmt.Sprintf("%d hot names", hot), func(t *testing.T) {
			turns, flood := new(Turns), rand.New(rand.NewPCG(3, 4))
			keys := names(5, hot)
			for _, key := range keys { // asked twice, so that they are hot
				turns.take(key, 0)
				turns.take(key, 0)
			}
			rounds := max(10, 2000/hot)
			for want := range uint32(rounds) {
				for _, key := range keys {
					if got := turns.take(key, 0); got != want+2 {
						t.Fatalf("a hot name is at turn %d, want %d", got, want+2)
					}
					for range 100 {
						turns.take(flood.Uint64(), 0)
					}
				}
			}
		})
	}
}

// TestNamesOfOneSet has more and more names that are asked all the time and fall into one set. Those that fit are
// exact; where they are too many, none gets the same of its two addresses each time.
func TestNamesOfOneSet(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for _, order := range []string{"in a circle", "at random", "one often"} {
			t.Run(fmt.Sprintf("%d names, %s", n, order), func(t *testing.T) {
				turns, rnd := new(Turns), rand.New(rand.NewPCG(uint64(n), 6))
				keys := inOneSet(n)
				taken := make([][]uint32, n)
				for i := range 400 * n {
					name := i % n
					if order != "in a circle" {
						name = rnd.IntN(n)
					}
					if order == "one often" && i%2 == 0 {
						name = 0
					}
					taken[name] = append(taken[name], turns.take(keys[name], 0))
				}
				for name, got := range taken {
					// A fair coin gives fewer than a quarter of 100 tosses or more once in 10^7 times.
					if f := firsts(got); f[0] < len(got)/4 || f[1] < len(got)/4 {
						t.Errorf("name %d gets its addresses first %v times", name, f)
					}
					if n <= ways && (got[0] != 0 || !isExact(got)) {
						t.Errorf("name %d has a place, but its turns are not exact", name)
					}
				}
				if got := taken[0]; order == "one often" && (got[0] != 0 || !isExact(got)) {
					t.Error("the name that is asked most is not exact")
				}
			})
		}
	}
}

// TestConcurrentTakersAreExactInAFlood has takers of a hot name that ask for random names all the while.
func TestConcurrentTakersAreExactInAFlood(t *testing.T) {
	const takers, each = 4, 50_000
	turns, hot := new(Turns), uint64(0x0123456789abcdef)
	taken := make([][]uint32, takers)
	var all sync.WaitGroup
	for i := range taken {
		all.Go(func() {
			flood := rand.New(rand.NewPCG(7, uint64(i)))
			for range each {
				taken[i] = append(taken[i], turns.take(hot, 0))
				turns.take(flood.Uint64(), 0)
				turns.take(flood.Uint64(), 0)
			}
		})
	}
	all.Wait()
	got := slices.Sorted(slices.Values(slices.Concat(taken...)))
	if got[0] != 0 || !isExact(got) {
		t.Errorf("the turns from 0 to %d are not there once each", takers*each-1)
	}
}

// TestConcurrentTakersOfNewNames has takers that meet at names which nobody has asked for before.
func TestConcurrentTakersOfNewNames(t *testing.T) {
	for round := range uint64(100) {
		turns, keys := new(Turns), names(round, 2000) // so few that all fit
		var taken [2][]uint32
		var start, both sync.WaitGroup
		start.Add(len(taken))
		for i := range taken {
			both.Go(func() {
				start.Done()
				start.Wait()
				for _, key := range keys {
					taken[i] = append(taken[i], turns.take(key, 0))
				}
			})
		}
		both.Wait()
		for k := range keys {
			if a, b := taken[0][k], taken[1][k]; a+b != 1 {
				t.Fatalf("a name has the turns %d and %d, want 0 and 1", a, b)
			}
		}
	}
}

// TestTagsTellTheNamesOfASetApart has names that are alike in the set or in the tag.
func TestTagsTellTheNamesOfASetApart(t *testing.T) {
	const key = uint64(0x123456_0000000_789)
	others := []uint64{key ^ 1, key ^ sets>>1} // other sets
	for bit := 41; bit < 64; bit++ {
		others = append(others, key^1<<bit) // other tags
	}
	for _, other := range others {
		turns := new(Turns)
		for want := range uint32(5) {
			if a, b := turns.take(key, 0), turns.take(other, 0); a != want || b != want {
				t.Errorf("%x and %x have the turns %d and %d, want %d", key, other, a, b, want)
			}
		}
	}
	turns := new(Turns)
	for want := uint32(7); want < 12; want++ { // all bits 0, but not an empty word
		if got := turns.take(0, 7); got != want {
			t.Errorf("key 0 has turn %d, want %d", got, want)
		}
	}
}

// TestTurnsGoRound checks that the last turn is followed by the first and spoils no other part of the word.
func TestTurnsGoRound(t *testing.T) {
	turns, keys := new(Turns), inOneSet(ways)
	for _, want := range []uint32{math.MaxUint32 - 1, math.MaxUint32, 0, 1} {
		for _, key := range keys {
			if got := turns.take(key, math.MaxUint32-1); got != want {
				t.Errorf("key %x has turn %d, want %d", key, got, want)
			}
		}
	}
}

func TestAFullTableAllocatesNothing(t *testing.T) {
	turns, rnd := new(Turns), rand.New(rand.NewPCG(10, 11))
	for range 2 * sets * ways {
		turns.take(rnd.Uint64(), 0)
	}
	if n := testing.AllocsPerRun(10_000, func() { turns.take(rnd.Uint64(), 0) }); n != 0 {
		t.Errorf("%v allocations for a turn", n)
	}
}

// TestFarTiersHashApart has tiers of more than 16 bits, which a sort list of many words makes, and as many tiers as the
// series and their number take together.
func TestFarTiersHashApart(t *testing.T) {
	var k keys
	set := []dns.RR{record("www.example.org. A 192.0.2.1"), record("www.example.org. A 192.0.2.2")}
	met := map[uint64]string{}
	for _, tiers := range [][]uint32{
		{0, 0}, {0, 1}, {1, 0}, {0, 1 << 8}, {0, 1 << 16}, {1, 1 << 16}, {1 << 16, 0}, {1 << 16, 1}, {0, 1<<16 + 1}, {0, 1 << 24},
		{1 << 16, 1 << 16}, {0, math.MaxUint32}, {math.MaxUint32, 0}, {math.MaxUint32, math.MaxUint32},
	} {
		for series := range Series(32) {
			what := fmt.Sprint(tiers, " in series ", series)
			key := k.turn(set, tiers, series)
			if other, ok := met[key]; ok {
				t.Errorf("%s and %s have one key", what, other)
			}
			met[key] = what
		}
	}
}

// TestRandomFirstTurn checks that names begin anywhere, each address equally likely, and take exact turns from there.
func TestRandomFirstTurn(t *testing.T) {
	const n, addresses = 4000, 4
	o := New(Config{Types: Types(dns.TypeA), Turns: new(Turns), RandomFirstTurn: true})
	ranker := ranking.New(ranking.Config{}) // one tier
	begun := make([]int, addresses)
	for i := range n {
		var in []dns.RR
		for a := range addresses {
			in = append(in, record(fmt.Sprintf("n%d.example.org. A 192.0.2.%d", i, a)))
		}
		first := func() int {
			var q Query
			ranker.Rank(&q.Ranking, netip.Addr{})
			return slices.Index(in, o.Answer(in, &q, in[0].Header().Name)[0])
		}
		begin := first()
		begun[begin]++
		for turn := 1; turn < 2*addresses; turn++ {
			if got, want := first(), (begin+turn)%addresses; got != want {
				t.Fatalf("turn %d after %d begins with address %d, want %d", turn, begin, got, want)
			}
		}
	}
	for a, times := range begun {
		// The standard deviation is 27.
		if times < n/addresses-150 || times > n/addresses+150 {
			t.Errorf("address %d is the first of %d names, want about %d", a, times, n/addresses)
		}
	}
}
