package rrset

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// TestCanonicalOrder compares canonical order with a stable sort by the bytes of the RDATA. The
// addresses of an RRset differ in any one byte, or in any two.
func TestCanonicalOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4034, 6))
	o, q := newOrderer(Fixed), fromAnywhere("192.0.2.1")
	q.Canonical = true
	for _, length := range []int{4, 16} {
		for first := range length {
			for second := first; second < length; second++ {
				sizes := []int{2, 3, 8, 13, 24, 25, 26, 70}
				if first == second || second == length-1 {
					sizes = append(sizes, 12, 31, 32, 33, 100, 255, 256, 257, 1000, maxSize)
				}
				for _, n := range sizes {
					set := addressesThatDiffer(rnd, n, length, first, second)
					want := slices.Clone(set)
					slices.SortStableFunc(want, compareRdata)
					if got := o.Answer(set, q, ""); !slices.Equal(got, want) {
						t.Fatalf("%d addresses that differ in bytes %d and %d:\n%s", n, first, second, lines(got))
					}
				}
			}
		}
	}
}

// TestSortOfAnOrderedRRset checks that sort returns nil for addresses in canonical order, and only
// for those.
func TestSortOfAnOrderedRRset(t *testing.T) {
	for _, tt := range []struct {
		addrs []string
		want  []uint16
	}{
		{[]string{"10.0.0.1", "10.0.0.1", "10.0.0.2", "172.16.0.1", "192.168.1.1"}, nil},
		{[]string{"::", "::1", "2001:db8::1", "2001:db8:0:1::"}, nil},
		{[]string{"10.0.0.1", "10.0.0.2", "10.0.0.1"}, []uint16{0, 2, 1}},
		{[]string{"2001:db8:0:1::", "2001:db8::1"}, []uint16{1, 0}},
	} {
		var c canonicalSort
		if got := c.sort(addresses(tt.addrs...)); !slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%v: %v, want %v", tt.addrs, got, tt.want)
		}
	}
}

// TestSortOfAddressesAllocatesNothing checks that the memory of a sort is used again.
func TestSortOfAddressesAllocatesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(23, 24))
	var c canonicalSort
	for _, length := range []int{4, 16} {
		set := addressesThatDiffer(rnd, 300, length, 1, 3)
		c.sort(set)
		if n := testing.AllocsPerRun(20, func() { c.sort(set) }); n != 0 {
			t.Errorf("%v allocations for addresses of %d bytes", n, length)
		}
	}
}

// TestCanonicalOrderOfEmptyNames has records whose names are empty, which is no name. Plugins can
// make such records.
func TestCanonicalOrderOfEmptyNames(t *testing.T) {
	var in []dns.RR
	for _, host := range []string{"b.", "", "a.", ""} {
		in = append(in, &dns.NS{Hdr: dns.RR_Header{Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: host})
	}
	q := from("10.4.3.2")
	q.Canonical = true
	got := New(Config{Types: Types(dns.TypeNS), Rotation: Fixed}).Answer(in, q, "")
	checkMembers(t, got, in)
}

// TestSortOfRecordsOnlyReads has several goroutines sort the same records without an address, which
// the race detector watches, and checks that the records stay as they are.
func TestSortOfRecordsOnlyReads(t *testing.T) {
	in := []dns.RR{record(owner + " 60 IN MX 10 b."), record(owner + " 60 IN MX 5 a."), record(owner + " 60 IN MX 5 A.")}
	var before []dns.RR_Header
	for _, rr := range in {
		rr.Header().Rdlength = 0 // as in a record that was not received
		before = append(before, *rr.Header())
	}
	o := New(Config{Types: Types(dns.TypeMX), Rotation: Fixed})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			q := from("10.4.3.2")
			q.Canonical = true
			if got, want := o.Answer(in, q, ""), []dns.RR{in[2], in[1], in[0]}; !slices.Equal(got, want) {
				t.Errorf("got\n%swant\n%s", lines(got), lines(want))
			}
		})
	}
	all.Wait()
	for i, rr := range in {
		if *rr.Header() != before[i] {
			t.Errorf("the header of %v was %v", rr, before[i])
		}
	}
}
