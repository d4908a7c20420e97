//go:build linux

package main

import (
	"testing"
	"time"
)

func TestParseStatCountsFromBehindTheName(t *testing.T) {
	stat := []byte("42 (a) b (c) S 1 40 40 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 1 0 77 0 0\n")
	group, used, err := parseStat(stat)
	if err != nil {
		t.Fatal(err)
	}
	if group != 40 || used != 1750*time.Millisecond {
		t.Errorf("group %d, used %s; want 40 and 1.75s", group, used)
	}
	if _, _, err := parseStat([]byte("42 (a) S 1")); err == nil {
		t.Error("a short line is taken")
	}
}

func TestParseDnsperf(t *testing.T) {
	const out = `
  Queries sent:         1000
  Queries completed:    999 (99.90%)
  Queries lost:         1 (0.10%)

  Response codes:       NOERROR 999 (100.00%)
  Average packet size:  request 44, response 205
  Run time (s):         2.000000
  Queries per second:   499.500000
`
	got, err := parseDnsperf(out, 9990*time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	if want := (slice{qps: 499.5, cpu: 10000, busy: 0.004995, lost: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseDnsperf("Queries completed: 5\nResponse codes: SERVFAIL 5", 0); err == nil {
		t.Error("answers that are not NOERROR are taken")
	}
}
