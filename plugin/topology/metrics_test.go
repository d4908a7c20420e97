package topology

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metric returns the value of a series of a source, and whether there is one.
func metric(tb testing.TB, name, source string) (value float64, there bool) {
	tb.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "coredns_ordering_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == source {
				return valueOf(m), true
			}
		}
	}
	return 0, false
}

func valueOf(m *dto.Metric) float64 {
	if m.GetCounter() != nil {
		return m.GetCounter().GetValue()
	}
	return m.GetGauge().GetValue()
}

var metricNames = []string{"topology_entries", "topology_last_sync_timestamp_seconds", "topology_reload_failures_total"}

func TestMetricsLiveAsLongAsTheSource(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n10.1.0.0/16 b\n")
	first, second := open(t, path), open(t, path)
	check := func(when string, want bool) {
		t.Helper()
		for _, name := range metricNames {
			if _, there := metric(t, name, path); there != want {
				t.Errorf("%s %s: there is %v, want %v", when, name, there, want)
			}
		}
	}
	check("before Start", false)
	for _, f := range []*File{first, second} { // as on a reload
		if err := f.Start(); err != nil {
			t.Fatal(err)
		}
	}
	first.Stop()
	check("after the old one stopped", true)
	if got, _ := metric(t, "topology_entries", path); got != 2 {
		t.Errorf("%v entries, want 2", got)
	}
	if got, _ := metric(t, "topology_last_sync_timestamp_seconds", path); got < 1e9 {
		t.Errorf("last sync at %v, want seconds since 1970", got)
	}
	second.Stop()
	second.Stop()
	check("after both stopped", false)
}
