package rrset

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAliasesComeFirst(t *testing.T) {
	for _, tt := range []struct {
		name, qname string
		in          []string // owner TYPE data
		want        string   // the indexes that the records of the answer had
	}{
		{"in order", "www.", []string{"www. CNAME a.", "a. A 10.0.0.1"}, "0 1"},
		{"behind its address", "www.", []string{"a. A 10.0.0.1", "www. CNAME a."}, "1 0"},
		{"behind all its addresses", "www.", []string{"a. A 10.0.0.1", "a. A 10.0.0.2", "www. CNAME a."}, "2 0 1"},
		{"between its addresses", "www.", []string{"a. A 10.0.0.1", "www. CNAME a.", "a. A 10.0.0.2"}, "1 0 2"},
		{"a chain backwards", "www.", []string{"b. A 10.0.0.1", "a. CNAME b.", "www. CNAME a."}, "2 1 0"},
		{"a chain out of order, in front", "www.", []string{"a. CNAME b.", "www. CNAME a.", "b. A 10.0.0.1"}, "1 0 2"},
		{"a chain of four", "1.", []string{"3. CNAME 4.", "4. A 10.0.0.1", "1. CNAME 2.", "2. CNAME 3."}, "2 3 0 1"},
		{"IPv6", "www.", []string{"a. AAAA 2001:db8::1", "www. CNAME a."}, "1 0"},
		{"of both families", "www.", []string{"a. A 10.0.0.1", "a. AAAA 2001:db8::1", "www. CNAME a."}, "2 0 1"},
		{"in mixed case", "WWW.", []string{"A. A 10.0.0.1", "wWw. CNAME a."}, "1 0"},
		{
			"other records stay", "www.",
			[]string{"x. TXT x", "a. A 10.0.0.1", "x. NS y.", "www. CNAME a.", "x. TXT z"}, "0 3 2 1 4",
		},
		{"an alias of another name than the question", "x.", []string{"a. A 10.0.0.1", "www. CNAME a."}, "1 0"},
		{"an alias that leads to another name", "a.", []string{"a. A 10.0.0.1", "www. CNAME x."}, "0 1"},
		{"two aliases to one address", "1.", []string{"a. A 10.0.0.1", "1. CNAME a.", "2. CNAME a."}, "1 2 0"},
		{
			"two chains to one address", "1.",
			[]string{"a. A 10.0.0.1", "m. CNAME a.", "2. CNAME m.", "1. CNAME m."}, "3 1 2 0",
		},
		{
			"two chains to one address, one in front", "1.",
			[]string{"1. CNAME m.", "m. CNAME a.", "a. A 10.0.0.1", "2. CNAME m."}, "0 1 3 2",
		},
		{"a chain of another name, backwards", "x.", []string{"a. A 10.0.0.1", "b. CNAME a.", "c. CNAME b."}, "2 1 0"},
		{"another chain, which leads to no address", "1.", []string{"a. A 10.0.0.1", "2. CNAME b.", "1. CNAME a."}, "2 1 0"},
		{"an address of the alias itself", "1.", []string{"1. A 10.0.0.1", "1. CNAME a."}, "0 1"},
		{"an alias to the root", "1.", []string{"a. A 10.0.0.1", "1. CNAME ."}, "0 1"},
		{"an address of the owner of a DNAME", "w.x.", []string{"x. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"two chains", "1.", []string{"a. A 10.0.0.1", "b. A 10.0.0.2", "2. CNAME b.", "1. CNAME a."}, "3 2 0 1"},
		{
			"two chains, the addresses the other way round", "1.",
			[]string{"a. A 10.0.0.1", "b. A 10.0.0.2", "2. CNAME a.", "1. CNAME b."}, "3 2 0 1",
		},
		{"addresses that no alias leads to", "1.", []string{"1. A 10.0.0.1", "b. A 10.0.0.2", "2. CNAME b."}, "0 2 1"},
		{"a loop of one", "www.", []string{"www. CNAME www.", "a. A 10.0.0.1"}, "0 1"},
		{"a loop of two", "1.", []string{"1. CNAME 2.", "2. CNAME 1.", "2. A 10.0.0.1"}, "0 1 2"},
		{"a loop and its address in front", "1.", []string{"1. A 10.0.0.1", "1. CNAME 2.", "2. CNAME 1."}, "1 2 0"},
		{"two aliases of one owner", "1.", []string{"a. A 10.0.0.1", "1. CNAME a.", "1. CNAME b."}, "1 0 2"},
		{"only aliases", "1.", []string{"2. CNAME 3.", "1. CNAME 2."}, "0 1"},

		{"DNAME in order", "w.x.", []string{"x. DNAME y.", "w.x. CNAME w.y.", "w.y. A 10.0.0.1"}, "0 1 2"},
		{"DNAME last", "w.x.", []string{"w.x. CNAME w.y.", "w.y. A 10.0.0.1", "x. DNAME y."}, "2 0 1"},
		{"DNAME backwards", "w.x.", []string{"w.y. A 10.0.0.1", "w.x. CNAME w.y.", "x. DNAME y."}, "2 1 0"},
		{
			"DNAME too early", "1.",
			[]string{"x. DNAME y.", "1. CNAME 2.x.", "2.x. CNAME 2.y.", "2.y. A 10.0.0.1"}, "1 0 2 3",
		},
		{"DNAME without its CNAME", "w.x.", []string{"w.y. A 10.0.0.1", "x. DNAME y."}, "1 0"},
		{"DNAME of another name", "w.z.", []string{"w.z. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"DNAME that is no suffix", "wx.", []string{"w.y. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"DNAME into itself", "w.x.", []string{"w.x. A 10.0.0.1", "x. DNAME x."}, "1 0"},
		{"DNAME to the root", "w.x.", []string{"w. A 10.0.0.1", "w.x. CNAME w.", "x. DNAME ."}, "2 1 0"},
		{"DNAME to the root without its CNAME", "w.x.", []string{"w. A 10.0.0.1", "x. DNAME ."}, "1 0"},
		{"DNAME of the root", "w.x.", []string{"w.x.y. A 10.0.0.1", ". DNAME y."}, "0 1"},
		{
			"two DNAMEs, of which the nearer counts", "w.x.z.",
			[]string{"w.y. A 10.0.0.1", "z. DNAME q.", "x.z. DNAME y."}, "2 1 0",
		},
		{
			"DNAME in the middle of a chain", "1.",
			[]string{"2.y. A 10.0.0.1", "x. DNAME y.", "2.x. CNAME 2.y.", "1. CNAME 2.x."}, "3 1 2 0",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in []dns.RR
			for _, line := range tt.in {
				owner, data, _ := strings.Cut(line, " ")
				in = append(in, record(owner+" 300 IN "+data))
			}
			received := slices.Clone(in)
			out := newOrderer(Fixed).Answer(in, from("198.51.100.1"), tt.qname)
			var got []string
			for _, rr := range out {
				got = append(got, fmt.Sprint(slices.Index(in, rr)))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%q comes as %v, want %s", tt.in, got, tt.want)
			}
			if !slices.Equal(in, received) {
				t.Error("the section was written to")
			}
			if unmoved := slices.Equal(out, in); unmoved != (&out[0] == &in[0]) {
				t.Errorf("unmoved %v, returned in itself %v", unmoved, !unmoved)
			}
		})
	}
}

// behindAlias returns addresses of owner, which are in two tiers for 10.4.3.9, and behind them an
// alias to owner.
func behindAlias() (in []dns.RR, alias dns.RR) {
	alias = record("www.example.org. 300 IN CNAME " + owner)
	return append(addresses("192.168.1.1", "10.4.3.1", "10.4.3.2"), alias), alias
}

// TestRepairKeepsTheOrder checks that addresses in front of their alias are in tiers and take turns
// as others do.
func TestRepairKeepsTheOrder(t *testing.T) {
	in, alias := behindAlias()
	o := newOrderer(Cyclic)
	for turn, want := range [][]string{
		{"10.4.3.1", "10.4.3.2", "192.168.1.1"},
		{"10.4.3.2", "10.4.3.1", "192.168.1.1"},
	} {
		got := o.Answer(in, from("10.4.3.9"), "www.example.org.")
		if got[0] != alias || !slices.Equal(addrs(got), want) {
			t.Errorf("turn %d:\n%s", turn, lines(got))
		}
	}
}

// TestRepairWithALimit checks that the alias comes first among the records that a limit keeps.
func TestRepairWithALimit(t *testing.T) {
	in, alias := behindAlias()
	q := from("10.4.3.9")
	q.Limit = 2
	got := newOrderer(Cyclic).Answer(in, q, "www.example.org.")
	if len(got) != 3 || got[0] != alias || !slices.Equal(addrs(got), []string{"10.4.3.1", "192.168.1.1"}) {
		t.Errorf("got\n%s", lines(got))
	}
}

// TestAdditionalSectionHasNoChains checks that aliases in the additional section keep their index.
func TestAdditionalSectionHasNoChains(t *testing.T) {
	in, alias := behindAlias()
	got := newOrderer(Cyclic).Additional(in, from("10.4.3.9"))
	if want := []dns.RR{in[1], in[2], in[0], alias}; !slices.Equal(got, want) {
		t.Errorf("got\n%s", lines(got))
	}
}

// TestChainsInOrderAllocateLittle checks that no graph is made for a chain that is in order, which
// nearly all chains are. dns.IsSubDomain makes two allocations for a DNAME.
func TestChainsInOrderAllocateLittle(t *testing.T) {
	for _, tt := range []struct {
		qname string
		in    []dns.RR
		most  float64
	}{
		{"www.", []dns.RR{record("WWW. 300 IN CNAME a."), record("A. 300 IN CNAME b."), record("b. 300 IN A 10.0.0.1")}, 0},
		{"w.x.", []dns.RR{record("x. 300 IN DNAME y."), record("w.x. 300 IN CNAME w.y."), record("w.y. 300 IN A 10.0.0.1")}, 2},
	} {
		if n := testing.AllocsPerRun(100, func() { repairAliases(tt.in, tt.in, tt.qname) }); n > tt.most {
			t.Errorf("%v allocations, want at most %v, for\n%s", n, tt.most, lines(tt.in))
		}
	}
}

// TestLongChains has a chain of thousands of aliases backwards, and a loop of as many, which only
// has to end.
func TestLongChains(t *testing.T) {
	const n = 4000
	name := func(i int) string { return fmt.Sprintf("n%d.example.org.", i) }
	for _, loop := range []bool{false, true} {
		in := []dns.RR{record(name(n) + " 300 IN A 10.0.0.1")}
		if loop {
			in = append(in, record(name(n)+" 300 IN CNAME "+name(0)))
		}
		for i := n - 1; i >= 0; i-- {
			in = append(in, record(name(i)+" 300 IN CNAME "+name(i+1)))
		}
		got := newOrderer(Cyclic).Answer(in, from("10.4.3.9"), name(0))
		checkMembers(t, got, in)
		if loop {
			continue
		}
		for i, rr := range got[:n] {
			if rr.Header().Name != name(i) {
				t.Fatalf("index %d has %v", i, rr)
			}
		}
	}
}

// TestLongestNames follows DNAMEs that make the name longer each time. RFC 6672, section 2.2, limits
// its length.
func TestLongestNames(t *testing.T) {
	var in []dns.RR
	for i := range 200 {
		longer := strings.Repeat("x.", 110)
		in = append(in, record(fmt.Sprintf("d%d. 300 IN DNAME %sd%d.", i, longer, i+1)))
	}
	chain, end := newAliasGraph(in).chain("w.d0.")
	if len(chain) != 2 || end != "" {
		t.Errorf("a chain of %d aliases ends at a name of %d bytes, want 2 aliases and no name", len(chain), len(end))
	}
}

// TestManyAliasesOfManyAddresses checks that the memory for a repair grows with the number of
// records, and not with its square.
func TestManyAliasesOfManyAddresses(t *testing.T) {
	section := func(n int) (in []dns.RR) {
		for i := range n {
			in = append(in, record(fmt.Sprintf("a. 300 IN A 10.0.%d.%d", i>>8, i&255)))
		}
		for i := range n {
			in = append(in, record(fmt.Sprintf("%d. 300 IN CNAME a.", i)))
		}
		return in
	}
	allocated := func(n int) uint64 {
		in := section(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		repairAliases(in, in, "0.")
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if few, many := allocated(200), allocated(1600); many > 20*few {
		t.Errorf("%d bytes for 200 aliases of 200 addresses, %d for eight times as many", few, many)
	}
}
