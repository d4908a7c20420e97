// Package topologytest has what the tests of topology and of its sources share.
package topologytest

import (
	"bytes"
	golog "log"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Eventually waits until so returns true, and fails the test if that does not happen. what describes
// the state that is waited for.
func Eventually(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for range 6000 {
		if so() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	tb.Fatalf("never so: %s", what)
}

// Must fails the test on an error.
func Must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Logged collects what is logged until the test ends. The function that it returns returns that.
func Logged(tb testing.TB) func() string {
	var text lockedBuffer
	golog.SetOutput(&text)
	tb.Cleanup(func() { golog.SetOutput(os.Stdout) })
	return text.String
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// The names of the metrics that each source has, for Metric.
const (
	Entries  = "topology_entries"
	Ready    = "topology_ready"
	LastSync = "topology_last_sync_timestamp_seconds"
	Failures = "topology_failures_total"
)

// MetricNames are the names of all metrics that each source has.
var MetricNames = []string{Entries, Ready, LastSync, Failures}

// Metric returns the value of a metric of a source, and whether there is one. name leaves out the
// prefix coredns_ordering_.
func Metric(tb testing.TB, name, source string) (value float64, found bool) {
	tb.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	Must(tb, err)
	for _, family := range families {
		if family.GetName() != "coredns_ordering_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() != source {
				continue
			}
			if m.GetCounter() != nil {
				return m.GetCounter().GetValue(), true
			}
			return m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

// LiveHeap collects garbage and returns the number of bytes in use on the heap.
func LiveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held until the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
