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

// A site is a rule as one server applies it: what is known of a query once it is known who asks where, so that no label is looked
// up while an answer waits.
type site struct {
	*rule
	server    *dnsserver.Server
	view      string
	traced    bool // queries may be followed by the trace plugin
	responses [countedTiers]atomic.Pointer[prometheus.Counter]
}

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

// site returns the site of r for the server that ctx is of. A rule has few: one for each address of bind.
func (r *rule) site(ctx context.Context) *site {
	server, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	if known := r.sites.Load(); known != nil {
		for _, s := range *known {
			if s.server == server {
				return s
			}
		}
	}
	return r.addSite(server, metrics.WithView(ctx))
}

// addSite makes the site of r for a server that is met for the first time.
func (r *rule) addSite(server *dnsserver.Server, view string) *site {
	s := &site{rule: r, server: server, view: view, traced: server != nil && server.Tracer() != nil}
	for {
		known := r.sites.Load()
		more := []*site{s}
		if known != nil {
			more = append(more, *known...)
		}
		if r.sites.CompareAndSwap(known, &more) {
			return s
		}
	}
}
