//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestRatiosCompareSamplesTakenTogether(t *testing.T) {
	// The machine gets twice as slow after the first pair; the ratios do not change with it.
	baselines := []sample{{cpu: 10}, {cpu: 20}, {cpu: 20}}
	samples := []sample{{cpu: 15}, {cpu: 30}, {cpu: 40}}
	if got := ratios(samples, baselines, sample.cpuValue); !slices.Equal(got, []float64{1.5, 1.5, 2}) {
		t.Errorf("ratios are %v, want 1.5, 1.5 and 2", got)
	}
}

func TestQuantile(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 0.75, 7},
		{[]float64{9, 1}, 0.5, 5},
		{[]float64{9, 1, 2}, 0.5, 2},
		{[]float64{5, 3, 1, 2, 4}, 0.25, 2},
		{[]float64{5, 3, 1, 2, 4}, 0.75, 4},
		{[]float64{4, 1, 3, 2}, 0.25, 1.75},
		{[]float64{4, 1, 3, 2}, 1, 4},
	} {
		if got := quantile(slices.Clone(tc.values), tc.p); got != tc.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", tc.values, tc.p, got, tc.want)
		}
	}
}
