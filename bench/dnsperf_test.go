//go:build linux

package main

import "testing"

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
	got, err := parseDnsperf(out, 0.00999)
	if err != nil {
		t.Fatal(err)
	}
	if want := (sample{qps: 499.5, cpu: 10, utilization: 0.004995, lost: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, out := range map[string]string{
		"errors":     "Queries completed: 5\nResponse codes: SERVFAIL 5",
		"no answers": "Queries completed: 0",
	} {
		if _, err := parseDnsperf(out, 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
