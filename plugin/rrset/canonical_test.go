package rrset

import (
	"math/rand/v2"
	"slices"
	"testing"
)

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
					set := addressesThatDiffer(rnd, n, length, first, second)
					want := slices.Clone(set)
					slices.SortStableFunc(want, compareRdata)
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
