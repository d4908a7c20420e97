package ordering

import (
	"sync/atomic"

	"github.com/coredns-ordering/ordering/internal/counters"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	responsesTotal = counters.NewVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "responses_total",
		Help:      "Counter of responses with an address, by what puts the first address in front.",
	}, "server", "zone", "view", "near")

	clientsTotal = counters.NewVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "clients_total",
		Help:      "Counter of responses with an address, by whether the topology knows where the client is.",
	}, "known")

	ecsTotal = counters.NewVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "ecs_total",
		Help:      "Counter of queries with a Client Subnet option, by what became of it.",
	}, "result")
)

// A queryCounters has the counters of one zone at one server. It looks each of them up once. It is
// safe for concurrent use.
type queryCounters struct {
	user               *counters.User
	server, zone, view string // labels
	responses          [ranking.NearCount]atomic.Pointer[prometheus.Counter]
	known, unknown     prometheus.Counter // clients; nil: there is no topology
	ecs                [ecs.ResultCount]prometheus.Counter
}

// init makes c, which must be zero, the counters of a zone at the server of this address. It looks
// up those that the policy of the zone can count with, so that they are published from then on.
func (c *queryCounters) init(z *zones, rule *zoneRule, server string) {
	c.user, c.server, c.zone, c.view = z.counters, server, rule.zone, z.view
	p := rule.policy
	for near := range ranking.NearCount {
		if p.ranker.CanBe(near) {
			c.newResponse(near)
		}
	}
	if p.ranker.Topology() != nil {
		c.known, c.unknown = c.user.Counter(clientsTotal, "true"), c.user.Counter(clientsTotal, "false")
	}
	if p.trusted != nil {
		for r := ecs.Used; r < ecs.ResultCount; r++ {
			c.ecs[r] = c.user.Counter(ecsTotal, r.String())
		}
	}
}

// newResponse looks up the counter of responses with this Near. A topology file that gets more labels
// can make another Near possible later.
func (c *queryCounters) newResponse(near ranking.Near) prometheus.Counter {
	counter := c.user.Counter(responsesTotal, c.server, c.zone, c.view, near.String())
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
