package topology

import (
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// checkMetrics checks whether a source has metrics.
func checkMetrics(t *testing.T, when, source string, want bool) {
	t.Helper()
	for _, name := range topologytest.MetricNames {
		if _, found := topologytest.Metric(t, name, source); found != want {
			t.Errorf("%s: %s found: %v, want %v", when, name, found, want)
		}
	}
}

func checkMetric(t *testing.T, name, source string, want float64) {
	t.Helper()
	if got, _ := topologytest.Metric(t, name, source); got != want {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func TestMetrics(t *testing.T) {
	const source = "a source\n"
	first := NewMetrics(source)
	for _, name := range topologytest.MetricNames {
		want := name != topologytest.LastSync
		if value, found := topologytest.Metric(t, name, `a source\n`); found != want || value != 0 {
			t.Errorf("at first, %s is %v, found: %v", name, value, found)
		}
	}
	first.Entries(3)
	first.Synced(time.UnixMilli(1234567890123))
	first.Failed()
	second := NewMetrics(source) // as on a reload
	second.Failed()
	checkMetric(t, topologytest.Entries, `a source\n`, 3)
	checkMetric(t, topologytest.Ready, `a source\n`, 0) // the second one is not synced
	second.Synced(time.UnixMilli(1234567890123))
	checkMetric(t, topologytest.Ready, `a source\n`, 1)
	checkMetric(t, topologytest.LastSync, `a source\n`, 1234567890.123)
	checkMetric(t, topologytest.Failures, `a source\n`, 2)

	first.Close()
	first.Close()
	checkMetrics(t, "first closed", `a source\n`, true)
	checkMetric(t, topologytest.Ready, `a source\n`, 1)
	third := NewMetrics(source)
	checkMetric(t, topologytest.Ready, `a source\n`, 0)
	third.Close()
	checkMetric(t, topologytest.Ready, `a source\n`, 1)
	first.Entries(4)
	checkMetric(t, topologytest.Entries, `a source\n`, 3)
	second.Close()
	checkMetrics(t, "both closed", `a source\n`, false)
	second.Entries(5)
	second.Synced(time.Now())
	second.Failed()
	checkMetrics(t, "set after both were closed", `a source\n`, false)

	var none *Metrics
	none.Entries(1)
	none.Synced(time.Now())
	none.Failed()
	none.Close()
}

func TestMetricsOfAFile(t *testing.T) {
	path := write(t, two)
	f, g := open(t, path), open(t, path)
	checkMetrics(t, "before Start", path, false)
	topologytest.Must(t, f.Start())
	checkMetrics(t, "started", path, true)
	topologytest.Must(t, g.Start())
	topologytest.Must(t, f.Stop())
	checkMetrics(t, "one stopped", path, true)
	checkMetric(t, topologytest.Entries, path, 2)
	topologytest.Must(t, g.Stop())
	checkMetrics(t, "both stopped", path, false)
}
