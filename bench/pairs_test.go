//go:build linux

package main

import (
	"errors"
	"slices"
	"testing"
)

func TestPairsAreTakenDirectlyAfterEachOther(t *testing.T) {
	var order []int
	taken, err := takePairs(2, 3, func(i int) (sample, error) {
		order = append(order, i)
		return sample{cpu: float64(len(order)), lost: i}, nil // numbered, and marked with the participant
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 0, 2, 1, 0, 2, 0}; !slices.Equal(order, want) {
		t.Errorf("sampled %v, want %v", order, want)
	}
	for i, p := range taken {
		if len(p.samples) != len(p.baselines) || len(p.samples) == 0 {
			t.Fatalf("participant %d: %d samples and %d of the baseline", i, len(p.samples), len(p.baselines))
		}
		for k := range p.samples {
			own, baseline := p.samples[k], p.baselines[k]
			if own.lost != i || baseline.lost != 0 {
				t.Errorf("participant %d: pair of %d and %d", i, own.lost, baseline.lost)
			}
			if distance := own.cpu - baseline.cpu; i > 0 && distance != 1 && distance != -1 {
				t.Errorf("participant %d: pair of samples %v and %v", i, own.cpu, baseline.cpu)
			}
		}
	}
}

func TestErrorEndsTheSampling(t *testing.T) {
	failure := errors.New("failure")
	calls := 0
	_, err := takePairs(5, 2, func(int) (sample, error) {
		calls++
		return sample{}, failure
	})
	if !errors.Is(err, failure) || calls != 1 {
		t.Errorf("error %v after %d samples, want %v after one", err, calls, failure)
	}
}

func TestCostHasTheQuartilesOfTheRatio(t *testing.T) {
	var p pairs
	for _, cpu := range []float64{12, 11, 15, 13, 14} {
		p.samples = append(p.samples, sample{cpu: cpu})
		p.baselines = append(p.baselines, sample{cpu: 10})
	}
	if got, want := p.cost(), (cost{CPU: 13, Ratio: 1.3, Low: 1.2, High: 1.4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
