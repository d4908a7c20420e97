//go:build linux

package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os/exec"
	"path/filepath"
)

// figures is what has been measured of one contender at one size: medians of
// many slices. At full load dnsperf asks as fast as it gets answers; at half
// load it asks everybody half as often as the slowest of the group can answer.
type figures struct {
	qps         float64
	driverBound bool // dnsperf could not ask often enough to fill the server's core
	full, half  cost
}

// A cost is the CPU time per query, in ns, and its ratio to the reference's
// directly before or after.
type cost struct {
	cpu, ratio float64
}

// A row is one contender's figures, by size.
type row struct {
	contender
	skipped string // why there are none
	figures map[int]figures
}

// measure runs all of the group's contenders and compares them.
func (g group) measure(ctx context.Context, p plan, dir string) (report, error) {
	r := report{group: g}
	if _, err := exec.LookPath(g.program); err != nil {
		r.skipped = "not installed"
		log.Printf("%s: skipped, %s is not installed", g.name, g.program)
		return r, nil
	}
	r.versionText = g.installedVersion()

	var servers []*server
	defer func() {
		for _, s := range servers {
			if s != nil {
				s.stop()
			}
		}
	}()
	for i, c := range append([]contender{g.reference}, g.variants...) {
		s, err := g.enter(c, p, filepath.Join(dir, fmt.Sprintf("%s-%d", g.name, i)), zonePath(dir), p.port+i)
		if err != nil && (g.ours || ctx.Err() != nil) {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
		row := row{contender: c, figures: map[int]figures{}}
		if err != nil {
			row.skipped = err.Error()
			log.Printf("%s: %s: skipped: %v", g.name, c.name, err)
		}
		servers = append(servers, s)
		r.rows = append(r.rows, row)
	}
	if servers[0] == nil {
		r.skipped = "did not start"
		return r, nil
	}
	for _, size := range p.sizes {
		log.Printf("%s: %d addresses", g.name, size)
		if err := compare(ctx, p, servers, queriesPath(dir, size), size, r.rows); err != nil {
			return r, err
		}
	}
	return r, nil
}

// enter starts a contender and sees that it orders as it should.
func (g group) enter(c contender, p plan, dir, zoneFile string, port int) (*server, error) {
	s, err := start(c, dir, zoneFile, port, p.serverCore)
	if err != nil {
		return nil, err
	}
	for _, size := range p.sizes {
		if err := s.check(c, size); err != nil {
			s.stop()
			return nil, fmt.Errorf("its answer is wrong: %w", err)
		}
	}
	return s, nil
}

// compare fills in the figures of one size. servers and rows go together; the
// first is the reference.
func compare(ctx context.Context, p plan, servers []*server, queries string, size int, rows []row) error {
	full, err := pairs(ctx, p, servers, queries, 0)
	if err != nil {
		return err
	}
	lowest := math.Inf(1)
	for _, c := range full {
		if c.variant != nil {
			lowest = min(lowest, median(c.variant, slice.throughput))
		}
	}
	half, err := pairs(ctx, p, servers, queries, lowest/2)
	if err != nil {
		return err
	}
	for i := range servers {
		if servers[i] == nil {
			continue
		}
		rows[i].figures[size] = figures{
			qps:         median(full[i].variant, slice.throughput),
			driverBound: median(full[i].variant, slice.load) < 0.9,
			full:        full[i].cost(),
			half:        half[i].cost(),
		}
	}
	return nil
}

// A comparison is the slices of one variant, and those of the reference that
// were taken directly before or after each.
type comparison struct {
	variant, reference []slice
}

func (c comparison) cost() cost {
	return cost{median(c.variant, slice.cost), medianRatio(c.variant, c.reference, slice.cost)}
}

// pairs drives each variant and the reference in turn, at the same rate; a rate
// of 0 is as fast as they answer. Who goes first alternates, so that a machine
// that slows down favours neither. The first comparison is the reference with
// itself.
func pairs(ctx context.Context, p plan, servers []*server, queries string, rate float64) ([]comparison, error) {
	taken := make([]comparison, len(servers))
	for round := range p.rounds {
		for i := 1; i < len(servers); i++ {
			if servers[i] == nil {
				continue
			}
			variant, reference, err := pair(ctx, p, servers[i], servers[0], queries, rate, round%2 == 1)
			if err != nil {
				return nil, err
			}
			taken[i].variant = append(taken[i].variant, variant)
			taken[i].reference = append(taken[i].reference, reference)
			taken[0].variant = append(taken[0].variant, reference)
		}
	}
	taken[0].reference = taken[0].variant
	return taken, nil
}

// pair drives a variant and the reference, one directly after the other.
func pair(ctx context.Context, p plan, variant, reference *server, queries string, rate float64, variantFirst bool) (v, r slice, err error) {
	first, second := reference, variant
	if variantFirst {
		first, second = second, first
	}
	a, err := first.drive(ctx, p, queries, rate)
	if err != nil {
		return v, r, err
	}
	b, err := second.drive(ctx, p, queries, rate)
	if variantFirst {
		return a, b, err
	}
	return b, a, err
}
