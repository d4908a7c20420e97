package ordering

import (
	"strconv"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// responsesTotal counts the responses that had an address, by the tier of the first.
var responsesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: pluginName,
	Name:      "responses_total",
	Help:      "Counter of responses with an address, by the tier of the first address (0 is nearest).",
}, []string{"server", "zone", "view", "tier"})

// countedTiers bounds the values of the tier label: farther tiers count as the last.
const countedTiers = 64

// responseCounters counts the responses of one zone at one server, by the tier of the first
// address. It keeps each counter that it has used, so that the labels are looked up once. It is
// safe for concurrent use once its labels are set.
type responseCounters struct {
	server, zone, view string // labels
	byTier             [countedTiers]atomic.Pointer[prometheus.Counter]
}

// count counts one response whose first address is in tier.
func (c *responseCounters) count(tier uint32) {
	tier = min(tier, countedTiers-1)
	counter := c.byTier[tier].Load()
	if counter == nil {
		counter = c.newCounter(tier)
	}
	(*counter).Inc()
}

// newCounter returns the counter of a tier that occurs for the first time, and keeps it. Tiers that
// never occur have no counter, and so no line in the metrics.
func (c *responseCounters) newCounter(tier uint32) *prometheus.Counter {
	counter := responsesTotal.WithLabelValues(c.server, c.zone, c.view, strconv.Itoa(int(tier)))
	c.byTier[tier].Store(&counter)
	return &counter
}
