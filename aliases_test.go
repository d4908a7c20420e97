package ordering

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestAliasesStandInFront(t *testing.T) {
	for _, tt := range []struct {
		name, qname string
		in          []string // owner TYPE data
		want        string   // the places that the records of the answer had
	}{
		{"in order", "www.", []string{"www. CNAME a.", "a. A 10.0.0.1"}, "0 1"},
		{"behind its address", "www.", []string{"a. A 10.0.0.1", "www. CNAME a."}, "1 0"},
		{"behind all its addresses", "www.", []string{"a. A 10.0.0.1", "a. A 10.0.0.2", "www. CNAME a."}, "2 0 1"},
		{"between its addresses", "www.", []string{"a. A 10.0.0.1", "www. CNAME a.", "a. A 10.0.0.2"}, "1 0 2"},
		{"a chain backwards", "www.", []string{"b. A 10.0.0.1", "a. CNAME b.", "www. CNAME a."}, "2 1 0"},
		{"a chain mixed up, in front", "www.", []string{"a. CNAME b.", "www. CNAME a.", "b. A 10.0.0.1"}, "1 0 2"},
		{"a chain of four", "1.", []string{"3. CNAME 4.", "4. A 10.0.0.1", "1. CNAME 2.", "2. CNAME 3."}, "2 3 0 1"},
		{"IPv6", "www.", []string{"a. AAAA 2001:db8::1", "www. CNAME a."}, "1 0"},
		{"of both families", "www.", []string{"a. A 10.0.0.1", "a. AAAA 2001:db8::1", "www. CNAME a."}, "2 0 1"},
		{"in mixed case", "WWW.", []string{"A. A 10.0.0.1", "wWw. CNAME a."}, "1 0"},
		{"other records stay", "www.", []string{"x. TXT x", "a. A 10.0.0.1", "x. NS y.", "www. CNAME a.", "x. TXT z"}, "0 3 2 1 4"},
		{"the alias of another question", "x.", []string{"a. A 10.0.0.1", "www. CNAME a."}, "1 0"},
		{"an alias that leads elsewhere", "a.", []string{"a. A 10.0.0.1", "www. CNAME x."}, "0 1"},
		{"two aliases to one address", "1.", []string{"a. A 10.0.0.1", "1. CNAME a.", "2. CNAME a."}, "1 2 0"},
		{"two chains to one address", "1.", []string{"a. A 10.0.0.1", "m. CNAME a.", "2. CNAME m.", "1. CNAME m."}, "3 1 2 0"},
		{"two chains to one address, one in front", "1.", []string{"1. CNAME m.", "m. CNAME a.", "a. A 10.0.0.1", "2. CNAME m."}, "0 1 3 2"},
		{"a chain that nobody asked for leads nowhere", "1.", []string{"a. A 10.0.0.1", "2. CNAME b.", "1. CNAME a."}, "2 1 0"},
		{"the address of the alias itself", "1.", []string{"1. A 10.0.0.1", "1. CNAME a."}, "0 1"},
		{"an alias to nothing", "1.", []string{"a. A 10.0.0.1", "1. CNAME ."}, "0 1"},
		{"the address of a DNAME's owner", "w.x.", []string{"x. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"two chains", "1.", []string{"a. A 10.0.0.1", "b. A 10.0.0.2", "2. CNAME b.", "1. CNAME a."}, "3 2 0 1"},
		{"a loop of one", "www.", []string{"www. CNAME www.", "a. A 10.0.0.1"}, "0 1"},
		{"a loop of two", "1.", []string{"1. CNAME 2.", "2. CNAME 1.", "2. A 10.0.0.1"}, "0 1 2"},
		{"a loop and its address in front", "1.", []string{"1. A 10.0.0.1", "1. CNAME 2.", "2. CNAME 1."}, "1 2 0"},
		{"two aliases of one owner", "1.", []string{"a. A 10.0.0.1", "1. CNAME a.", "1. CNAME b."}, "1 0 2"},
		{"only aliases", "1.", []string{"2. CNAME 3.", "1. CNAME 2."}, "0 1"},

		{"DNAME in order", "w.x.", []string{"x. DNAME y.", "w.x. CNAME w.y.", "w.y. A 10.0.0.1"}, "0 1 2"},
		{"DNAME last", "w.x.", []string{"w.x. CNAME w.y.", "w.y. A 10.0.0.1", "x. DNAME y."}, "2 0 1"},
		{"DNAME backwards", "w.x.", []string{"w.y. A 10.0.0.1", "w.x. CNAME w.y.", "x. DNAME y."}, "2 1 0"},
		{"DNAME without its CNAME", "w.x.", []string{"w.y. A 10.0.0.1", "x. DNAME y."}, "1 0"},
		{"DNAME of another name", "w.z.", []string{"w.z. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"DNAME that is no parent", "wx.", []string{"w.y. A 10.0.0.1", "x. DNAME y."}, "0 1"},
		{"DNAME into itself", "w.x.", []string{"w.x. A 10.0.0.1", "x. DNAME x."}, "1 0"},
		{"DNAME to the root", "w.x.", []string{"w. A 10.0.0.1", "w.x. CNAME w.", "x. DNAME ."}, "2 1 0"},
		{"DNAME to the root without its CNAME", "w.x.", []string{"w. A 10.0.0.1", "x. DNAME ."}, "1 0"},
		{"DNAME of the root", "w.x.", []string{"w.x.y. A 10.0.0.1", ". DNAME y."}, "0 1"},
		{"two DNAMEs, the nearer counts", "w.x.z.", []string{"w.y. A 10.0.0.1", "z. DNAME q.", "x.z. DNAME y."}, "2 1 0"},
		{"DNAME in the middle of a chain", "1.", []string{"2.y. A 10.0.0.1", "x. DNAME y.", "2.x. CNAME 2.y.", "1. CNAME 2.x."}, "3 1 2 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in []dns.RR
			for _, line := range tt.in {
				owner, data, _ := strings.Cut(line, " ")
				in = append(in, record(owner+" 300 IN "+data))
			}
			o := orderingOf(t, "ordering {\nround_robin off\n}", replying(reply(tt.qname, dns.TypeA, in...)))
			res := ask(t, o, "198.51.100.1", tt.qname, dns.TypeA)
			var got []string
			for _, rr := range res.Answer {
				got = append(got, fmt.Sprint(slices.Index(in, rr)))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%q comes as %v, want %s", tt.in, got, tt.want)
			}
		})
	}
}

// TestRepairKeepsTheOrder checks that addresses behind a late alias are in tiers and take turns as others do.
func TestRepairKeepsTheOrder(t *testing.T) {
	o := orderingOf(t, "ordering", replying(reply("www.example.org.", dns.TypeA,
		append(addressRRset("192.168.1.1", "10.4.3.1", "10.4.3.2"), record("www.example.org. 300 IN CNAME "+hot))...)))
	for i, want := range [][]string{
		{"10.4.3.1", "10.4.3.2", "192.168.1.1"},
		{"10.4.3.2", "10.4.3.1", "192.168.1.1"},
	} {
		res := ask(t, o, "10.4.3.9", "www.example.org.", dns.TypeA)
		if _, ok := res.Answer[0].(*dns.CNAME); !ok || !slices.Equal(addrs(res.Answer), want) {
			t.Errorf("answer %d:\n%s", i, lines(res.Answer))
		}
	}
}

func TestAliasesStandInFrontOfWhatIsLeft(t *testing.T) {
	o := orderingOf(t, "ordering {\nanswer_limit 2\n}", replying(reply("www.example.org.", dns.TypeA,
		append(addressRRset("192.168.1.1", "10.4.3.1", "10.4.3.2"), record("www.example.org. 300 IN CNAME "+hot))...)))
	res := ask(t, o, "10.4.3.9", "www.example.org.", dns.TypeA)
	if _, ok := res.Answer[0].(*dns.CNAME); !ok || !slices.Equal(addrs(res.Answer), []string{"10.4.3.1", "192.168.1.1"}) {
		t.Errorf("answer\n%s", lines(res.Answer))
	}
}

// TestAdditionalSectionHasNoChains checks that aliases outside the answer section stay where they are.
func TestAdditionalSectionHasNoChains(t *testing.T) {
	below := reply("example.org.", dns.TypeNS, record("example.org. 300 IN NS www.example.org."))
	below.Extra = append(addressRRset("192.168.1.1", "10.4.3.1"), record("www.example.org. 300 IN CNAME "+hot))
	res := ask(t, orderingOf(t, "ordering", replying(below)), "10.4.3.9", "example.org.", dns.TypeNS)
	want := []dns.RR{below.Extra[1], below.Extra[0], below.Extra[2]}
	if !slices.Equal(res.Extra, want) {
		t.Errorf("additional section\n%s", lines(res.Extra))
	}
}

// TestLongChains asks for a chain of thousands that comes backwards, and for a loop of as many.
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
		res := ask(t, orderingOf(t, "ordering", replying(reply(name(0), dns.TypeA, in...))), "10.4.3.9", name(0), dns.TypeA)
		if loop {
			continue // leads nowhere: it is enough that it ends
		}
		for i, rr := range res.Answer[:n] {
			if rr.Header().Name != name(i) {
				t.Fatalf("loop %v: place %d has %v", loop, i, rr)
			}
		}
	}
}
