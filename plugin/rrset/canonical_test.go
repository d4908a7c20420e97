package rrset

import (
	"math/rand/v2"
	"slices"
	"testing"
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
