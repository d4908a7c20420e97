//go:build linux

package main

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// A slice is what one short run of dnsperf against one server has shown.
type slice struct {
	qps  float64
	cpu  float64 // ns per query answered
	busy float64 // the part of the time that the server was on its core
	lost int
}

// drive runs dnsperf against the server for a slice of time, as fast as it can
// or, with a rate, at that many queries per second.
func (s *server) drive(ctx context.Context, p plan, queries string, rate float64) (slice, error) {
	arguments := []string{"-c", p.driverCore, "dnsperf",
		"-s", "127.0.0.1", "-p", strconv.Itoa(s.port), "-a", "127.0.0.1",
		"-d", queries, "-l", fmt.Sprint(p.slice.Seconds()),
		"-e", "-c", "4", "-T", "1", "-q", "100", "-t", "1"}
	if rate > 0 {
		arguments = append(arguments, "-Q", strconv.Itoa(int(rate)))
	}
	before, err := s.cpu()
	if err != nil {
		return slice{}, err
	}
	out, err := exec.CommandContext(ctx, "taskset", arguments...).CombinedOutput()
	if err != nil {
		return slice{}, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	after, err := s.cpu()
	if err != nil {
		return slice{}, err
	}
	taken, err := parseDnsperf(string(out), after-before)
	if taken.lost > 0 {
		log.Printf("%s: %d queries lost", s.name, taken.lost)
	}
	return taken, err
}

var (
	completedLine = regexp.MustCompile(`Queries completed:\s+(\d+)`)
	lostLine      = regexp.MustCompile(`Queries lost:\s+(\d+)`)
	runLine       = regexp.MustCompile(`Run time \(s\):\s+([\d.]+)`)
	qpsLine       = regexp.MustCompile(`Queries per second:\s+([\d.]+)`)
	noErrorLine   = regexp.MustCompile(`Response codes:\s+NOERROR (\d+)`)
)

func parseDnsperf(out string, cpu time.Duration) (slice, error) {
	number := func(line *regexp.Regexp) float64 {
		match := line.FindStringSubmatch(out)
		if match == nil {
			return 0
		}
		n, _ := strconv.ParseFloat(match[1], 64)
		return n
	}
	completed := number(completedLine)
	if completed == 0 || number(noErrorLine) != completed {
		return slice{}, fmt.Errorf("dnsperf: not every answer is NOERROR:\n%s", out)
	}
	return slice{
		qps:  number(qpsLine),
		cpu:  float64(cpu) / completed,
		busy: cpu.Seconds() / number(runLine),
		lost: int(number(lostLine)),
	}, nil
}
