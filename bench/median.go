//go:build linux

package main

import "slices"

func (s slice) throughput() float64 { return s.qps }
func (s slice) cost() float64       { return s.cpu }
func (s slice) load() float64       { return s.busy }

// median returns the median of one figure of many slices.
func median(of []slice, figure func(slice) float64) float64 {
	values := make([]float64, len(of))
	for i := range of {
		values[i] = figure(of[i])
	}
	return middle(values)
}

// medianRatio returns the median of the ratios of a figure between slices that
// were taken together.
func medianRatio(of, to []slice, figure func(slice) float64) float64 {
	ratios := make([]float64, len(of))
	for i := range of {
		ratios[i] = figure(of[i]) / figure(to[i])
	}
	return middle(ratios)
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	m := len(values) / 2
	if len(values)%2 == 1 {
		return values[m]
	}
	return (values[m-1] + values[m]) / 2
}
