package ordering

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"

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

// counts are the counters of one server and zone, so that no label is looked up while an answer waits.
type counts struct {
	server *dnsserver.Server
	view   string
	zone   string
	tiers  [countedTiers]atomic.Pointer[prometheus.Counter]
}

// response counts one response whose first address is in tier.
func (c *counts) response(tier uint32) {
	tier = min(tier, countedTiers-1)
	counter := c.tiers[tier].Load()
	if counter == nil {
		counter = c.add(tier)
	}
	(*counter).Inc()
}

// add makes the counter of a tier that is met for the first time, so that only tiers in use have one.
func (c *counts) add(tier uint32) *prometheus.Counter {
	addr := ""
	if c.server != nil {
		addr = c.server.Addr
	}
	counter := responsesTotal.WithLabelValues(addr, c.zone, c.view, strconv.Itoa(int(tier)))
	c.tiers[tier].Store(&counter)
	return &counter
}

// counts returns the counters of r for the server that ctx is of. A rule has few servers: one for each address of bind.
func (r *rule) counts(ctx context.Context) *counts {
	server, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	if known := r.servers.Load(); known != nil {
		for _, c := range *known {
			if c.server == server {
				return c
			}
		}
	}
	return r.addCounts(server, metrics.WithView(ctx))
}

// addCounts makes the counters of r for a server that is met for the first time.
func (r *rule) addCounts(server *dnsserver.Server, view string) *counts {
	c := &counts{server: server, view: view, zone: r.zone}
	for {
		known := r.servers.Load()
		more := []*counts{c}
		if known != nil {
			more = append(more, *known...)
		}
		if r.servers.CompareAndSwap(known, &more) {
			return c
		}
	}
}
