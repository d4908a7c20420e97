package rrset

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestOtherRecordsKeepTheirIndex has records of all other kinds between addresses.
func TestOtherRecordsKeepTheirIndex(t *testing.T) {
	rrsig := record(owner + " 300 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. c2ln")
	text := record(owner + " 300 IN TXT x")
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}}
	a := addresses("192.168.1.1", "10.4.3.1", "10.9.9.9")
	in := []dns.RR{opt, a[0], rrsig, a[1], text, a[2], tsig}
	want := []dns.RR{opt, a[1], rrsig, a[2], text, a[0], tsig}
	o, q := newOrderer(Fixed), from("10.4.3.2")
	if got := o.Answer(in, q, owner); !slices.Equal(got, want) {
		t.Errorf("answer\n%s", lines(got))
	}
	if got := o.Additional(in, q); !slices.Equal(got, want) {
		t.Errorf("additional section\n%s", lines(got))
	}
}

// TestAlternatingRRsets has RRsets whose records alternate, with owners in mixed case and two
// classes.
func TestAlternatingRRsets(t *testing.T) {
	at := func(owner, a string) dns.RR { return address(owner, netip.MustParseAddr(a)) }
	chaos := at("a.example.org.", "10.4.3.7")
	chaos.Header().Class = dns.ClassCHAOS
	in := []dns.RR{
		at("a.example.org.", "192.168.1.1"), at("b.example.org.", "192.168.1.2"), at("A.Example.ORG.", "10.4.3.1"), chaos,
		at("b.example.org.", "2001:db8:1::2"), at("B.EXAMPLE.org.", "10.4.3.2"), at("b.example.org.", "2001:db8::1"),
	}
	o := newOrderer(Fixed)
	for client, want := range map[string][]dns.RR{
		"10.4.3.9":    {in[2], in[5], in[0], in[3], in[4], in[1], in[6]},
		"2001:db8::9": {in[0], in[1], in[2], in[3], in[6], in[5], in[4]},
	} {
		if got := o.Answer(in, from(client), ""); !slices.Equal(got, want) {
			t.Errorf("answer to %s\n%s", client, lines(got))
		}
	}
}

// TestFourAndSixteenBytes has A records as they are parsed from zone files and as they are received.
func TestFourAndSixteenBytes(t *testing.T) {
	long := addresses("192.168.1.1", "10.4.3.1", "10.9.9.9", "192.168.1.2", "10.4.3.2")
	short := in4Bytes(long)
	in := []dns.RR{short[0], long[1], short[2], long[3], short[4]}
	want := []dns.RR{in[1], in[4], in[2], in[0], in[3]}
	if got := newOrderer(Fixed).Answer(in, from("10.4.3.9"), ""); !slices.Equal(got, want) {
		t.Errorf("got\n%s", lines(got))
	}
}

// TestRecordsWithoutAnAddress checks that A and AAAA records without a valid address, which cannot
// be sent, are kept and do not come before others.
func TestRecordsWithoutAnAddress(t *testing.T) {
	w := new(Weights)
	w.Add(netip.MustParsePrefix("::/0"), 3)
	for _, bytes := range []net.IP{nil, {}, {1, 2, 3}} {
		in := addresses("192.168.1.1", "10.4.3.1")
		in = append(in, &dns.A{Hdr: *in[0].Header(), A: bytes})
		in6 := addresses("2001:db8:1::1", "2001:db8::1")
		in6 = append(in6, &dns.AAAA{Hdr: *in6[0].Header(), AAAA: bytes})
		for _, r := range []Rotation{Cyclic, Fixed, Random, Sticky} {
			for _, weights := range []*Weights{nil, w} {
				o := New(Config{Types: Types(dns.TypeA, dns.TypeAAAA), Rotation: r, Weights: weights, Turns: new(Turns)})
				for range 3 {
					got := o.Answer(in, from("10.4.3.9"), "")
					checkMembers(t, got, in)
					got6 := o.Answer(in6, from("2001:db8::9"), "")
					checkMembers(t, got6, in6)
					if got[0] != in[1] || got6[0] != in6[1] {
						t.Errorf("rotation %d with %d bytes:\n%s%s", r, len(bytes), lines(got), lines(got6))
					}
				}
			}
		}
	}
}

func TestTypesThatAreNotOrdered(t *testing.T) {
	in := append(addresses("192.168.1.1", "10.4.3.1"), addresses("2001:db8:1::1", "2001:db8::1")...)
	q := queryOf(preferring("10.0.0.0/8", "2001:db8::/48"), netip.MustParseAddr("198.51.100.1"))
	for _, tt := range []struct {
		types []uint16
		want  []int // indexes in in
	}{
		{[]uint16{dns.TypeA}, []int{1, 0, 2, 3}},
		{[]uint16{dns.TypeAAAA}, []int{0, 1, 3, 2}},
		{[]uint16{dns.TypeMX}, []int{0, 1, 2, 3}},
		{[]uint16{dns.TypeA, dns.TypeMX, dns.TypeAAAA}, []int{1, 0, 3, 2}},
		{nil, []int{0, 1, 2, 3}},
	} {
		var want []dns.RR
		for _, i := range tt.want {
			want = append(want, in[i])
		}
		if got := New(Config{Types: Types(tt.types...), Rotation: Fixed}).Answer(in, q, ""); !slices.Equal(got, want) {
			t.Errorf("types %v:\n%s", tt.types, lines(got))
		}
	}
}

// TestTypesWithoutAnAddress checks that records of such types take turns, from the base order on.
func TestTypesWithoutAnAddress(t *testing.T) {
	for rrtype, tt := range map[string]struct{ rdata, canonical []string }{
		"MX": {
			[]string{"10 c.example.org.", "5 b.example.org.", "10 a.example.org."},
			[]string{"5 b.example.org.", "10 a.example.org.", "10 c.example.org."},
		},
		"SRV": {
			[]string{"0 0 8080 c.example.org.", "0 0 80 d.example.org.", "0 5 80 b.example.org."},
			[]string{"0 0 80 d.example.org.", "0 0 8080 c.example.org.", "0 5 80 b.example.org."},
		},
		"TXT": {[]string{`"bb"`, `"c"`, `"a"`}, []string{`"a"`, `"c"`, `"bb"`}}, // the length comes first
		"NS":  {[]string{"c.example.org.", "a.example.org."}, []string{"a.example.org.", "c.example.org."}},
		"PTR": {[]string{"c.example.org.", "a.example.org."}, []string{"a.example.org.", "c.example.org."}},
	} {
		records := func(rdata []string) (all []dns.RR) {
			for _, d := range rdata {
				all = append(all, record("example.org. 300 IN "+rrtype+" "+d))
			}
			return all
		}
		for _, canonical := range []bool{false, true} {
			in, base := records(tt.rdata), records(tt.rdata)
			if canonical {
				base = records(tt.canonical)
			}
			o, q := New(Config{Types: Types(dns.StringToType[rrtype]), Turns: new(Turns)}), from("10.4.3.2")
			q.Canonical = canonical
			for turn := range 4 {
				got, want := fmt.Sprint(o.Answer(in, q, "")), fmt.Sprint(rotated(base, turn))
				if got != want {
					t.Errorf("canonical %v, turn %d:\n%s\nwant\n%s", canonical, turn, got, want)
				}
			}
		}
	}
}

func TestLimit(t *testing.T) {
	near, far, elsewhere := numbered("10.4.3", 4), []string{"10.9.9.1", "10.9.9.2"}, []string{"192.168.1.1", "192.168.1.2"}
	all := slices.Concat(elsewhere, far, near)
	for _, tt := range []struct {
		name  string
		in    []string
		limit int
		want  []string
	}{
		{"no limit", all, 0, slices.Concat(near, far, elsewhere)},
		{"more than there are", all, 9, slices.Concat(near, far, elsewhere)},
		{"as many as there are", all, 8, slices.Concat(near, far, elsewhere)},
		{"one less than there are", all, 7, slices.Concat(near, far, elsewhere[:1])},
		{"the nearest and one", all, 5, slices.Concat(near, far[:1])},
		{"as many as the nearest: the last is of the next tier", all, 4, slices.Concat(near[:3], far[:1])},
		{"less than the nearest", all, 2, slices.Concat(near[:1], far[:1])},
		{"one: the nearest", all, 1, near[:1]},
		{"one tier", near, 2, near[:2]},
		{"one tier, one", near, 1, near[:1]},
		{"nothing moves", slices.Concat(near, far), 5, slices.Concat(near, far[:1])},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := record("x. 300 IN TXT x")
			in := append(addresses(tt.in...), text)
			received := slices.Clone(in)
			o, q := newOrderer(Fixed), from("10.4.3.200")
			q.Limit = tt.limit
			for _, got := range [][]dns.RR{o.Answer(in, q, ""), o.Additional(in, q)} {
				if !slices.Equal(addrs(got), tt.want) || got[len(got)-1] != text {
					t.Errorf("got\n%swant %v and the TXT record", lines(got), tt.want)
				}
			}
			if !slices.Equal(in, received) {
				t.Error("the section was written to")
			}
		})
	}
}

// TestLimitIsForAddresses checks that a limit does not cut RRsets of other types.
func TestLimitIsForAddresses(t *testing.T) {
	var in []dns.RR
	for i := range 5 {
		in = append(in, record(fmt.Sprintf("%s 300 IN MX 10 m%d.example.org.", owner, i)))
	}
	q := from("10.4.3.200")
	q.Limit = 2
	got := New(Config{Types: Types(dns.TypeMX), Turns: new(Turns)}).Answer(in, q, "")
	checkMembers(t, got, in)
}

// TestSectionsShareNoRecords checks that a section that was returned does not change any more: small
// ones are parts of one block. A plugin above may write to its section and append to it.
func TestSectionsShareNoRecords(t *testing.T) {
	for n := 2; n < 50; n++ {
		near, far := addresses("10.4.3.1"), addresses(numbered("192.168.1", n-1)...)
		in, want := slices.Concat(far, near), slices.Concat(near, far)
		o, q := newOrderer(Fixed), from("10.4.3.2")
		var last []dns.RR
		for range 2 * blockSize / n {
			got := o.Answer(in, q, "")
			clear(last)
			_ = append(last, far...)
			if !slices.Equal(got, want) {
				t.Fatalf("%d records: got\n%s", n, lines(got))
			}
			last = got
		}
	}
}

// TestSectionsThatHaveNoOrder checks that sections without an RRset of two come back as they are.
func TestSectionsThatHaveNoOrder(t *testing.T) {
	o, q := newOrderer(Cyclic), from("10.4.3.2")
	for _, in := range [][]dns.RR{nil, {}, addresses("10.4.3.1"), addresses("10.4.3.1", "2001:db8::1")} {
		for range 3 {
			if got := o.Answer(in, q, ""); !slices.Equal(got, in) || (got == nil) != (in == nil) {
				t.Errorf("%d records:\n%s", len(in), lines(got))
			}
		}
	}
}

// TestRecordsThatAreNil has sections with records that are nil, a fault of a plugin. They keep their
// index, or are left out with what a limit cuts off.
func TestRecordsThatAreNil(t *testing.T) {
	set := addresses("192.168.1.1", "10.4.3.1")
	alias := record("www.example.org. 60 IN CNAME " + owner)
	for _, tt := range []struct {
		in, want, limited []dns.RR
	}{
		{
			[]dns.RR{nil, set[0], nil, set[1], nil},
			[]dns.RR{nil, set[1], nil, set[0], nil},
			[]dns.RR{set[1]},
		},
		{
			[]dns.RR{nil, set[0], set[1], nil, alias},
			[]dns.RR{nil, alias, set[1], nil, set[0]},
			[]dns.RR{alias, set[1]},
		},
		{[]dns.RR{nil, nil}, []dns.RR{nil, nil}, []dns.RR{nil, nil}},
	} {
		q := from("10.4.3.9")
		if got := newOrderer(Fixed).Answer(tt.in, q, "www.example.org."); !slices.Equal(got, tt.want) {
			t.Errorf("%v, want %v", got, tt.want)
		}
		q.Limit = 1
		if got := newOrderer(Fixed).Answer(tt.in, q, "www.example.org."); !slices.Equal(got, tt.limited) {
			t.Errorf("with a limit %v, want %v", got, tt.limited)
		}
	}
}

// TestOwnersInOneMemory has two owners that begin at one place in memory, as when a plugin cuts one
// from the other.
func TestOwnersInOneMemory(t *testing.T) {
	in := addresses("192.168.1.1", "10.4.3.1")
	whole := "a.b."
	in[0].Header().Name, in[1].Header().Name = whole, whole[:2]
	if got := newOrderer(Fixed).Answer(in, from("10.4.3.9"), ""); !slices.Equal(got, in) {
		t.Errorf("two RRsets of one record became\n%s", lines(got))
	}
}
