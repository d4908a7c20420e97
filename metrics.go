package ordering

import (
	"strconv"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// responsesTotal counts the responses that had an address, by the tier of the first.
var responsesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: pluginName,
	Name:      "responses_total",
	Help:      "Counter of responses with an address, by how near to the client the first one is (0 is nearest).",
}, []string{"server", "zone", "view", "tier"})

// countedTiers bounds the values of the tier label: what is farther counts for the last.
const countedTiers = 64

// response counts one response whose first address is in tier.
func (s *site) response(tier uint32) {
	tier = min(tier, countedTiers-1)
	counter := s.responses[tier].Load()
	if counter == nil {
		counter = s.add(tier)
	}
	(*counter).Inc()
}

// add makes the counter of a tier that is met for the first time, so that only tiers in use have one.
func (s *site) add(tier uint32) *prometheus.Counter {
	addr := ""
	if s.server != nil {
		addr = s.server.Addr
	}
	counter := responsesTotal.WithLabelValues(addr, s.zone, s.view, strconv.Itoa(int(tier)))
	s.responses[tier].Store(&counter)
	return &counter
}
