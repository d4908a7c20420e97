package ordering

import (
	"sync/atomic"

	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	responsesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "responses_total",
		Help:      "Counter of responses with an address, by what puts the first address in front.",
	}, []string{"server", "zone", "view", "near"})

	clientsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "clients_total",
		Help:      "Counter of responses with an address, by whether the topology knows where the client is.",
	}, []string{"known"})

	ecsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "ecs_total",
		Help:      "Counter of queries with a Client Subnet option, by what became of it.",
	}, []string{"result"})
)

// A queryCounters has the counters of one zone at one server. It looks each of them up once. It is
// safe for concurrent use.
type queryCounters struct {
	server, zone, view string // labels
	responses          [ranking.NearCount]atomic.Pointer[prometheus.Counter]
	known, unknown     prometheus.Counter // clients; nil: there is no topology
	ecs                [ecs.ResultCount]prometheus.Counter
}

// init makes c, which must be zero, the counters of a zone with policy p. It looks up those that p can
// count with, so that they are published as 0: Prometheus does not see the first count of a counter
// that appears with it.
func (c *queryCounters) init(p *policy, server, zone, view string) {
	c.server, c.zone, c.view = server, zone, view
	for near := range ranking.NearCount {
		if p.ranker.CanBe(near) {
			c.newResponse(near)
		}
	}
	if p.ranker.Topology() != nil {
		c.known, c.unknown = clientsTotal.WithLabelValues("true"), clientsTotal.WithLabelValues("false")
	}
	if p.trusted != nil {
		for r := ecs.Used; r < ecs.ResultCount; r++ {
			c.ecs[r] = ecsTotal.WithLabelValues(r.String())
		}
	}
}

// newResponse looks up the counter of responses with this Near. A topology file that gets more labels
// can make another Near possible later.
func (c *queryCounters) newResponse(near ranking.Near) prometheus.Counter {
	counter := responsesTotal.WithLabelValues(c.server, c.zone, c.view, near.String())
	c.responses[near].Store(&counter)
	return counter
}

// count counts a response. known says whether the topology knows where the client is.
func (c *queryCounters) count(near ranking.Near, known bool) {
	if counter := c.responses[near].Load(); counter != nil {
		(*counter).Inc()
	} else {
		c.newResponse(near).Inc()
	}
	switch {
	case c.known == nil:
	case known:
		c.known.Inc()
	default:
		c.unknown.Inc()
	}
}

// countECS counts what became of a Client Subnet option.
func (c *queryCounters) countECS(r ecs.Result) {
	if counter := c.ecs[r]; counter != nil {
		counter.Inc()
	}
}
