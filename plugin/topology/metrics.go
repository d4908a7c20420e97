package topology

import (
	"sync"
	"time"

	"github.com/coredns-ordering/ordering/internal/quote"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	entries = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_entries",
		Help:      "Number of networks and addresses in the topology table.",
	}, []string{"source"})

	lastSync = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_last_sync_timestamp_seconds",
		Help:      "When the topology table was last known to be current, changed or not, in seconds since 1970.",
	}, []string{"source"})

	ready = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_ready",
		Help:      "1 if the source has been read completely at least once, and 0 otherwise.",
	}, []string{"source"})

	failures = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "ordering",
		Name:      "topology_failures_total",
		Help:      "Counter of looks at the topology file and requests to the Kubernetes API that failed.",
	}, []string{"source"})
)

// openMetrics are the open Metrics of each source. The lock also keeps a value from being set after its
// series was deleted.
var openMetrics = struct {
	sync.Mutex
	of map[string]map[*Metrics]bool // by source; true for those that are synced
}{of: map[string]map[*Metrics]bool{}}

// Metrics publishes the state of one source to Prometheus, from NewMetrics to Close. All Metrics
// of one source share its series: on a reload CoreDNS starts the new instance before it stops the
// old one. The source is ready when all of them are synced. The series are deleted when the last of
// them is closed.
//
// The methods are safe for concurrent use. A nil or closed Metrics publishes nothing.
type Metrics struct{ source string }

// NewMetrics begins to publish the state of the source of this name. Characters of the name that
// cannot be printed are published as escapes. The caller must call Close.
func NewMetrics(source string) *Metrics {
	m := &Metrics{source: quote.Line(source)}
	openMetrics.Lock()
	defer openMetrics.Unlock()
	if openMetrics.of[m.source] == nil {
		openMetrics.of[m.source] = map[*Metrics]bool{}
	}
	m.setSynced(false)
	// There is a 0 before the first table and failure, but not for the time of a sync: nobody has seen
	// one in 1970.
	entries.WithLabelValues(m.source)
	failures.WithLabelValues(m.source)
	return m
}

// Close ends the publishing. To close twice does nothing.
func (m *Metrics) Close() {
	m.publish(func() {
		delete(openMetrics.of[m.source], m)
		if len(openMetrics.of[m.source]) > 0 {
			m.publishReady()
			return
		}
		delete(openMetrics.of, m.source)
		entries.DeleteLabelValues(m.source)
		lastSync.DeleteLabelValues(m.source)
		ready.DeleteLabelValues(m.source)
		failures.DeleteLabelValues(m.source)
	})
}

// Entries publishes the number of networks and addresses in the source's table.
func (m *Metrics) Entries(n int) {
	m.publish(func() { entries.WithLabelValues(m.source).Set(float64(n)) })
}

// Synced publishes when the table was last known to be current, whether or not it had changed, and
// that the source is ready.
func (m *Metrics) Synced(at time.Time) {
	m.publish(func() {
		lastSync.WithLabelValues(m.source).Set(float64(at.UnixMilli()) / 1e3)
		m.setSynced(true)
	})
}

// Failed counts an attempt to learn from the source that failed.
func (m *Metrics) Failed() {
	m.publish(func() { failures.WithLabelValues(m.source).Inc() })
}

// publish calls set with the lock of openMetrics if m is open.
func (m *Metrics) publish(set func()) {
	if m == nil {
		return
	}
	openMetrics.Lock()
	defer openMetrics.Unlock()
	if _, open := openMetrics.of[m.source][m]; open {
		set()
	}
}

// setSynced notes whether m is synced. The caller holds the lock of openMetrics.
func (m *Metrics) setSynced(synced bool) {
	openMetrics.of[m.source][m] = synced
	m.publishReady()
}

// publishReady publishes whether all Metrics of the source are synced. The caller holds the lock of
// openMetrics.
func (m *Metrics) publishReady() {
	all := 1.0
	for _, synced := range openMetrics.of[m.source] {
		if !synced {
			all = 0
		}
	}
	ready.WithLabelValues(m.source).Set(all)
}
