package model

import (
	"fmt"
	"math"
	"slices"
)

// statistics say whether random orders are as likely as they should be. They count over all cases of
// a worker, because one case has too few answers.
type statistics struct{ first, last likelihood }

// A likelihood compares how often something happened with its probability.
type likelihood struct {
	tries              int
	happened, expected float64
	variance           float64
}

func (l *likelihood) add(happened bool, probability float64) {
	l.tries++
	if happened {
		l.happened++
	}
	l.expected += probability
	l.variance += probability * (1 - probability)
}

// add counts an answer with the first records of a tier in random order.
func (s *statistics) add(t tier, part []string) {
	sum := 0
	for _, w := range t.weights {
		sum += w
	}
	if sum == 0 || len(t.records) < 2 {
		return
	}
	probability := func(i int) float64 { return float64(t.weights[i]) / float64(sum) }
	end := len(t.records) - 1
	s.first.add(part[0] == t.records[0], probability(0))
	s.last.add(part[0] == t.records[end], probability(end))
}

// check returns an error if something happened too often or too seldom: six standard deviations are
// passed once in 500 million times.
func (s *statistics) check() error {
	for _, l := range []likelihood{s.first, s.last} {
		if deviation := math.Abs(l.happened-l.expected) / math.Sqrt(l.variance); l.variance > 10 && deviation > 6 {
			return fmt.Errorf("in %d random orders a record came first %.0f times, want about %.0f", l.tries, l.happened, l.expected)
		}
	}
	return nil
}

// shortened returns at most n words of a list for a message.
func shortened(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), fmt.Sprintf("… and %d more", len(list)-n))
}
