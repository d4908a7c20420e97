//go:build linux

package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
)

// A participant is a variant that runs, and the place for its figures.
type participant struct {
	*server
	result *variantResult
}

// measure starts all variants of the group, compares them with the baseline and stops them. It
// leaves out, and says so, a program that is not installed, and a variant that does not start
// unless the group is required.
func (g group) measure(ctx context.Context, o options, dir string) (groupResult, error) {
	r := groupResult{Name: g.name, Note: g.note, Conditions: conditions(o)}
	if _, err := exec.LookPath(g.program); err != nil {
		r.Skipped, r.Conditions = "not installed", ""
		log.Printf("%s: skipped, %s is not installed", g.name, g.program)
		return r, nil
	}
	r.Version = g.installedVersion()

	variants := append([]variant{g.baseline}, g.variants...)
	r.Variants = make([]variantResult, len(variants))
	var running []participant // the baseline first
	defer func() {
		for _, p := range running {
			p.stop()
		}
	}()
	for i, v := range variants {
		result := &r.Variants[i]
		*result = variantResult{Name: v.name, PlotLabel: v.plotLabel, Figures: map[int]figures{}}
		s, err := startVerified(v, o, dir, o.port+i)
		switch {
		case err == nil:
			running = append(running, participant{s, result})
		case g.required || ctx.Err() != nil:
			return r, fmt.Errorf("%s: %w", v.name, err)
		case i == 0:
			r.Skipped = fmt.Sprintf("%s: %v", v.name, err)
			log.Printf("%s: skipped, %s", g.name, r.Skipped)
			return r, nil
		default:
			result.Skipped = err.Error()
			log.Printf("%s: %s: skipped: %v", g.name, v.name, err)
		}
	}
	for _, size := range o.sizes {
		log.Printf("%s: %d addresses", g.name, size)
		if err := compare(ctx, o, running, dir, size); err != nil {
			return r, err
		}
	}
	return r, nil
}

// startVerified starts a variant and verifies its answers of every size. After an error nothing is
// left running.
func startVerified(v variant, o options, dir string, port int) (*server, error) {
	own, err := os.MkdirTemp(dir, "server-")
	if err != nil {
		return nil, err
	}
	s, err := start(v, own, zonePath(dir), port, o.serverCore)
	if err != nil {
		return nil, err
	}
	for _, size := range o.sizes {
		if err := s.verify(v, size); err != nil {
			s.stop()
			return nil, fmt.Errorf("wrong answer: %w", err)
		}
	}
	return s, nil
}

// compare measures all participants with answers of one size and stores their figures. The first
// participant is the baseline.
func compare(ctx context.Context, o options, running []participant, dir string, size int) error {
	sampleAt := func(qps float64) func(i int) (sample, error) {
		return func(i int) (sample, error) {
			return running[i].sample(ctx, o, queriesPath(dir, size), qps)
		}
	}
	full, err := takePairs(o.rounds, len(running), sampleAt(0))
	if err != nil {
		return err
	}
	slowest := math.Inf(1)
	for _, p := range full {
		slowest = min(slowest, medianOf(p.samples, sample.qpsValue))
	}
	half, err := takePairs(o.rounds, len(running), sampleAt(slowest/2))
	if err != nil {
		return err
	}
	for i, p := range running {
		p.result.Figures[size] = figures{
			QPS:          medianOf(full[i].samples, sample.qpsValue),
			DnsperfBound: medianOf(full[i].samples, sample.utilizationValue) < 0.9,
			Full:         full[i].cost(),
			Half:         half[i].cost(),
		}
	}
	return nil
}
