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

// sourceUsers counts the open Metrics of each source. The lock also keeps a value from being set
// after its series was deleted.
var sourceUsers = struct {
	sync.Mutex
	count map[string]int
}{count: map[string]int{}}

// Metrics publishes the state of one source to Prometheus, from NewMetrics to Close. All Metrics
// of one source share its series: on a reload CoreDNS starts the new instance before it stops the
// old one. The series are deleted when the last of them is closed.
//
// The methods are safe for concurrent use. A nil or closed Metrics publishes nothing.
type Metrics struct {
	source string
	closed bool // guarded by the lock of sourceUsers
}

// NewMetrics begins to publish the state of the source of this name. Characters of the name that
// cannot be printed are published as escapes. The caller must call Close.
func NewMetrics(source string) *Metrics {
	source = quote.Line(source)
	sourceUsers.Lock()
	defer sourceUsers.Unlock()
	sourceUsers.count[source]++
	// There is a 0 before the first table, sync and failure, but not for the time of a sync: nobody has
	// seen one in 1970.
	entries.WithLabelValues(source)
	ready.WithLabelValues(source)
	failures.WithLabelValues(source)
	return &Metrics{source: source}
}

// Close ends the publishing. To close twice does nothing.
func (m *Metrics) Close() {
	m.publish(func() {
		m.closed = true
		if sourceUsers.count[m.source]--; sourceUsers.count[m.source] > 0 {
			return
		}
		delete(sourceUsers.count, m.source)
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
		ready.WithLabelValues(m.source).Set(1)
	})
}

// Failed counts an attempt to learn from the source that failed.
func (m *Metrics) Failed() {
	m.publish(func() { failures.WithLabelValues(m.source).Inc() })
}

func (m *Metrics) publish(set func()) {
	if m == nil {
		return
	}
	sourceUsers.Lock()
	defer sourceUsers.Unlock()
	if !m.closed {
		set()
	}
}
