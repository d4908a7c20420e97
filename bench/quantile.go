//go:build linux

package main

import "slices"

// medianOf returns the median of one value of all samples.
func medianOf(samples []sample, value func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = value(samples[i])
	}
	return quantile(values, 0.5)
}

// ratios returns, for each pair of samples with the same index, the ratio of one value.
func ratios(samples, baselines []sample, value func(sample) float64) []float64 {
	r := make([]float64, len(samples))
	for i := range samples {
		r[i] = value(samples[i]) / value(baselines[i])
	}
	return r
}

// quantile returns the p-quantile of values, interpolated linearly between neighbours: for p = 0.5
// the median. It returns 0 if there are no values, and sorts values.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	position := p * float64(len(values)-1)
	below := int(position)
	above := min(below+1, len(values)-1)
	return values[below] + (position-float64(below))*(values[above]-values[below])
}
