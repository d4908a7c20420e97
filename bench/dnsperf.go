//go:build linux

package main

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"regexp"
	"strconv"
)

// A sample is what one run of dnsperf against one server shows.
type sample struct {
	qps         float64 // queries answered per second
	cpu         float64 // CPU time of the server per answer, in µs
	utilization float64 // share of the time in which the server used its core
	lost        int     // queries without an answer
}

func (s sample) qpsValue() float64         { return s.qps }
func (s sample) cpuValue() float64         { return s.cpu }
func (s sample) utilizationValue() float64 { return s.utilization }

// sample runs dnsperf against the server for a short time, with so many queries per second or, if
// qps is 0, as fast as it can. It returns an error if an answer has an error.
func (s *server) sample(ctx context.Context, o options, queries string, qps float64) (sample, error) {
	arguments := []string{"-c", o.dnsperfCore, "dnsperf",
		"-s", "127.0.0.1", "-p", strconv.Itoa(s.port), "-a", "127.0.0.1",
		"-d", queries, "-l", fmt.Sprint(o.sampleTime.Seconds()),
		"-e", "-c", "4", "-T", "1", "-q", "100", "-t", "1"}
	if qps > 0 {
		arguments = append(arguments, "-Q", strconv.Itoa(int(qps)))
	}
	before, err := s.cpuTime()
	if err != nil {
		return sample{}, err
	}
	out, err := exec.CommandContext(ctx, "taskset", arguments...).CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	after, err := s.cpuTime()
	if err != nil {
		return sample{}, err
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
	runTimeLine   = regexp.MustCompile(`Run time \(s\):\s+([\d.]+)`)
	qpsLine       = regexp.MustCompile(`Queries per second:\s+([\d.]+)`)
	noErrorLine   = regexp.MustCompile(`Response codes:\s+NOERROR (\d+)`)
)

// parseDnsperf returns the sample for what dnsperf printed, and for the CPU time in seconds that
// the server used meanwhile. It returns an error unless there are answers and all of them are
// NOERROR.
func parseDnsperf(out string, cpuTime float64) (sample, error) {
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
		return sample{}, fmt.Errorf("dnsperf: not every answer is NOERROR:\n%s", out)
	}
	return sample{
		qps:         number(qpsLine),
		cpu:         cpuTime * 1e6 / completed,
		utilization: cpuTime / number(runTimeLine),
		lost:        int(number(lostLine)),
	}, nil
}
