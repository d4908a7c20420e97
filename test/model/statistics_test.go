package model

import (
	"fmt"
	"math"
	"slices"
)

// Statistics say whether random and sticky orders are as likely as they should be. They count over
// all cases, because one case has too few answers.
type Statistics struct {
	First, Last Likelihood // that the first or the last record of a tier in base order comes first
	Alike       Likelihood // that two clients get the same record of a tier first, in sticky order
}

// A Likelihood compares how often something happened with its probability.
type Likelihood struct {
	Tries              int
	Happened, Expected float64
	Variance           float64
}

func (l *Likelihood) add(happened bool, probability float64) {
	l.Tries++
	if happened {
		l.Happened++
	}
	l.Expected += probability
	l.Variance += probability * (1 - probability)
}

// addAll adds what m has counted.
func (l *Likelihood) addAll(m Likelihood) {
	l.Tries, l.Happened, l.Expected, l.Variance =
		l.Tries+m.Tries, l.Happened+m.Happened, l.Expected+m.Expected, l.Variance+m.Variance
}

// addAll adds what t has counted.
func (s *Statistics) addAll(t Statistics) {
	s.First.addAll(t.First)
	s.Last.addAll(t.Last)
	s.Alike.addAll(t.Alike)
}

// addRandom counts an answer with the first records of a tier in random order.
func (s *Statistics) addRandom(t tier, part []string) {
	sum := 0
	for _, w := range t.weights {
		sum += w
	}
	if sum == 0 || len(t.records) < 2 {
		return
	}
	probability := func(i int) float64 { return float64(t.weights[i]) / float64(sum) }
	end := len(t.records) - 1
	s.First.add(part[0] == t.records[0], probability(0))
	s.Last.add(part[0] == t.records[end], probability(end))
}

// addSticky counts that two clients got these records of a tier first.
func (s *Statistics) addSticky(t tier, one, other string) {
	sum, squares := 0.0, 0.0
	for _, w := range t.weights {
		sum, squares = sum+float64(w), squares+float64(w)*float64(w)
	}
	if sum > 0 && len(t.records) > 1 {
		s.Alike.add(one == other, squares/(sum*sum))
	}
}

// check returns an error if something happened too often or too seldom: six standard deviations are
// passed once in 500 million times.
func (s *Statistics) check() error {
	for name, l := range map[string]Likelihood{
		"the first of a tier came first at random":      s.First,
		"the last of a tier came first at random":       s.Last,
		"two clients had the same sticky first address": s.Alike,
	} {
		if deviation := math.Abs(l.Happened-l.Expected) / math.Sqrt(l.Variance); l.Variance > 10 && deviation > 6 {
			return fmt.Errorf("in %d answers %s %.0f times, want about %.0f", l.Tries, name, l.Happened, l.Expected)
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
