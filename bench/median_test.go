//go:build linux

package main

import "testing"

func TestMedianRatioComparesSlicesTakenTogether(t *testing.T) {
	// The machine slows down by half in the middle; the ratio does not.
	reference := []slice{{cpu: 10}, {cpu: 20}, {cpu: 20}}
	variant := []slice{{cpu: 11}, {cpu: 22}, {cpu: 30}}
	if got := medianRatio(variant, reference, slice.cost); got != 1.1 {
		t.Errorf("medianRatio = %v, want 1.1", got)
	}
}

func TestMiddle(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{7}, 7},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
	} {
		if got := middle(tc.values); got != tc.want {
			t.Errorf("middle(%v) = %v, want %v", tc.values, got, tc.want)
		}
	}
}
