package rrset

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// rdata returns the address bytes of a record as they are sent.
func rdata(rr dns.RR) []byte {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.To4()
	case *dns.AAAA:
		return rr.AAAA
	}
	return nil
}

// randomAddresses returns n records whose addresses differ only in these bytes, of 4 or 16.
func randomAddresses(rnd *rand.Rand, n, length int, differ ...int) []dns.RR {
	base := make([]byte, length)
	for i := range base {
		base[i] = byte(rnd.Uint32())
	}
	all := make([]dns.RR, n)
	for i := range all {
		b := slices.Clone(base)
		for _, at := range differ {
			b[at] = byte(rnd.Uint32())
		}
		if length == 4 {
			all[i] = &dns.A{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: b}
		} else {
			all[i] = &dns.AAAA{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeAAAA, Class: dns.ClassINET}, AAAA: b}
		}
	}
	return all
}

// TestCanonicalOrder compares canonical order with a stable sort by the bytes of the RDATA, for sets
// of every size up to 70 and some up to 4,000 that differ in any one byte or any two.
func TestCanonicalOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4034, 6))
	sizes := []int{100, 255, 256, 257, 1000, 4000}
	for n := 1; n <= 70; n++ {
		sizes = append(sizes, n)
	}
	var c canonicalSort
	for _, length := range []int{4, 16} {
		for first := range length {
			for second := first; second < length; second++ {
				for _, n := range sizes {
					if n > 70 && second > first+1 && second != length-1 {
						continue
					}
					set := randomAddresses(rnd, n, length, first, second)
					want := slices.Clone(set)
					slices.SortStableFunc(want, func(a, b dns.RR) int { return bytes.Compare(rdata(a), rdata(b)) })
					got := set
					if order := c.sort(set); order != nil {
						got = nil
						for _, m := range order {
							got = append(got, set[m])
						}
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%d addresses that differ in bytes %d and %d are not in canonical order", n, first, second)
					}
				}
			}
		}
	}
}
