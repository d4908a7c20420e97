package ordering

import (
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/transport"

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

// A serverRule is the policy for a zone as one server applies it, with the counters that have that
// server's labels. It is made once, so that no label is looked up while an answer waits.
type serverRule struct {
	policy             *policy
	stream             bool // the server takes queries over TLS, HTTPS, QUIC or gRPC
	rotates            bool // a plugin of the server block may give an RRset in another order each time
	server, zone, view string
	responses          [countedTiers]atomic.Pointer[prometheus.Counter]
}

// newServerRule returns the serverRule of a zone at a server, which may be nil.
func newServerRule(z *zones, rule *zoneRule, server *dnsserver.Server) *serverRule {
	r := &serverRule{policy: rule.policy, rotates: z.rotates, zone: rule.zone, view: z.view}
	if server != nil {
		r.server = server.Addr
		r.stream = !strings.HasPrefix(server.Addr, transport.DNS+"://")
	}
	return r
}

// count counts one response whose first address is in tier.
func (r *serverRule) count(tier uint32) {
	tier = min(tier, countedTiers-1)
	counter := r.responses[tier].Load()
	if counter == nil {
		counter = r.newCounter(tier)
	}
	(*counter).Inc()
}

// newCounter makes the counter of a tier that occurs for the first time, so that only tiers in use
// have one.
func (r *serverRule) newCounter(tier uint32) *prometheus.Counter {
	counter := responsesTotal.WithLabelValues(r.server, r.zone, r.view, strconv.Itoa(int(tier)))
	r.responses[tier].Store(&counter)
	return &counter
}
