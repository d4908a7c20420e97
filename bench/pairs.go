//go:build linux

package main

// pairs are the samples of one participant, and for each the sample of the baseline that was taken
// directly before or after it.
type pairs struct {
	samples, baselines []sample
}

// cost returns the medians and quartiles over all pairs.
func (p pairs) cost() cost {
	r := ratios(p.samples, p.baselines, sample.cpuValue)
	return cost{
		CPU:   medianOf(p.samples, sample.cpuValue),
		Ratio: quantile(r, 0.5),
		Low:   quantile(r, 0.25),
		High:  quantile(r, 0.75),
	}
}

// takePairs pairs each participant with the baseline once per round, and returns the pairs of each
// participant. take samples the participant with an index; 0 is the baseline, whose pairs are with
// itself.
func takePairs(rounds, participants int, take func(i int) (sample, error)) ([]pairs, error) {
	taken := make([]pairs, participants)
	for round := range rounds {
		for i := 1; i < participants; i++ {
			// The order alternates, so that a machine that gets slower favours neither.
			order := [2]int{0, i}
			if round%2 == 1 {
				order = [2]int{i, 0}
			}
			for _, j := range order {
				s, err := take(j)
				if err != nil {
					return nil, err
				}
				taken[j].samples = append(taken[j].samples, s)
				if j == 0 {
					taken[i].baselines = append(taken[i].baselines, s)
				}
			}
		}
	}
	taken[0].baselines = taken[0].samples
	return taken, nil
}
