package ordering

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/metrics"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// A rule is the policy for a zone.
type rule struct {
	zone   string // lower case, fully qualified
	policy *policy
	sites  atomic.Pointer[site] // the one met last; the others follow
}

// A site is a rule as one server applies it. It is made once, so that no label is looked up while an answer waits.
type site struct {
	policy    *policy
	zone      string
	server    *dnsserver.Server
	view      string
	traced    bool  // queries may be followed by the trace plugin
	next      *site // of the same rule
	responses [countedTiers]atomic.Pointer[prometheus.Counter]
}

// rules are the policies of one server block, by zone. Nil has none.
type rules struct {
	all    []*rule
	root   *rule            // for the root zone
	byZone map[string]*rule // for the others
	labels int              // of the zone that has most

	// observed says that somebody asks for metadata. It is here because metadata asks one handler of the server block, and
	// each of its zones and addresses has a handler of its own.
	observed atomic.Bool
}

// add adds a policy for a zone, or returns the rule that is there for it already.
func (z *rules) add(zone string, p *policy) (twice *rule) {
	if i := slices.IndexFunc(z.all, func(r *rule) bool { return r.zone == zone }); i >= 0 {
		return z.all[i]
	}
	r := &rule{zone: zone, policy: p}
	z.all = append(z.all, r)
	if zone == "." {
		z.root = r
		return nil
	}
	if z.byZone == nil {
		z.byZone = map[string]*rule{}
	}
	z.byZone[zone] = r
	z.labels = max(z.labels, dns.CountLabel(zone))
	return nil
}

// observe notes that somebody asks for metadata.
func (z *rules) observe() {
	if z != nil && !z.observed.Load() { // written once, so that queries do not fight over it
		z.observed.Store(true)
	}
}

// topologies returns the topologies of z, each once: several zones may share a policy.
func (z *rules) topologies() []topology.Source {
	if z == nil {
		return nil
	}
	var all []topology.Source
	for _, r := range z.all {
		if t := r.policy.topology; t != nil && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// find returns the rule of the most specific zone that holds name, nil if none does. It looks up as many suffixes of name
// as a zone has labels at most, however many zones there are.
func (z *rules) find(name string) *rule {
	switch {
	case z == nil:
		return nil
	case z.labels == 0:
		return z.root
	}
	found := z.root
	name = strings.ToLower(name)
	for n := 1; n <= z.labels; n++ {
		start, beyond := dns.PrevLabel(name, n)
		if beyond {
			break
		}
		if r, ok := z.byZone[name[start:]]; ok {
			found = r
		}
	}
	return found
}

// site returns the site of r for the server that ctx is of. A rule has few: one for each address of bind.
func (r *rule) site(ctx context.Context) *site {
	server, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	for s := r.sites.Load(); s != nil; s = s.next {
		if s.server == server {
			return s
		}
	}
	return r.addSite(server, metrics.WithView(ctx))
}

// addSite makes the site of r for a server that is met for the first time.
func (r *rule) addSite(server *dnsserver.Server, view string) *site {
	s := &site{policy: r.policy, zone: r.zone, server: server, view: view}
	s.traced = server != nil && server.Tracer() != nil
	for {
		s.next = r.sites.Load()
		if r.sites.CompareAndSwap(s.next, s) {
			return s
		}
	}
}
