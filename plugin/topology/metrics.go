package topology

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// published holds the metrics of all started sources, by their names.
var published = series{
	entries: promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_entries",
		Help:      "Number of networks in the topology table.",
	}, []string{"source"}),
	synced: promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_last_sync_timestamp_seconds",
		Help:      "When the topology file was last read, or the Kubernetes API last heard of, in seconds since 1970.",
	}, []string{"source"}),
	failures: promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_reload_failures_total",
		Help:      "Counter of attempts to read the topology that failed; the last table serves on.",
	}, []string{"source"}),
}

// series has one series per source name in each vector. On a reload CoreDNS starts the new instance before it stops the old
// one, so a name can be in use twice for a moment: the series go when the last user stops.
type series struct {
	entries  *prometheus.GaugeVec
	synced   *prometheus.GaugeVec
	failures *prometheus.CounterVec

	mu    sync.Mutex
	users map[string]int
}

// open begins to publish for the source, with no failures unless there were some before.
func (s *series) open(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = map[string]int{}
	}
	s.users[source]++
	s.failures.WithLabelValues(source)
}

// close ends what one open began.
func (s *series) close(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[source]--; s.users[source] > 0 {
		return
	}
	delete(s.users, source)
	s.entries.DeleteLabelValues(source)
	s.synced.DeleteLabelValues(source)
	s.failures.DeleteLabelValues(source)
}

func (s *series) sized(source string, t *Table) {
	s.entries.WithLabelValues(source).Set(float64(t.Len()))
}

// heard says how up to date the source is, though it may have had nothing new.
func (s *series) heard(source string, at time.Time) {
	s.synced.WithLabelValues(source).Set(float64(at.UnixMilli()) / 1e3)
}

func (s *series) failed(source string) { s.failures.WithLabelValues(source).Inc() }
