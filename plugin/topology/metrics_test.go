package topology

import (
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestMetricsLiveAsLongAsTheSource(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n10.1.0.0/16 b\n")
	first, second := open(t, path), open(t, path)
	check := func(when string, want bool) {
		t.Helper()
		for _, name := range topologytest.MetricNames {
			if _, there := topologytest.Metric(t, name, path); there != want {
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
	if got, _ := topologytest.Metric(t, "topology_entries", path); got != 2 {
		t.Errorf("%v entries, want 2", got)
	}
	if got, _ := topologytest.Metric(t, "topology_last_sync_timestamp_seconds", path); got < 1e9 {
		t.Errorf("last sync at %v, want seconds since 1970", got)
	}
	second.Stop()
	second.Stop()
	check("after both stopped", false)
}
