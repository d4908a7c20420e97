package ordering

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// zones are the policies of one server block, by zone. A nil zones has none.
type zones struct {
	rules  map[string]*zoneRule // by zone: lower case, fully qualified
	root   *zoneRule            // for the root zone; nil: none
	labels int                  // of the zone with the most labels

	position string // of the first directive: "Corefile:7"

	// What the zones know of their server block once it starts.
	view        string // the name of its view; "": none
	rotates     bool   // a plugin may give an RRset in another order each time
	synthesises bool   // dns64 or siit may ask for addresses of the other family

	// explainer gets an explanation of each response; nil: nobody asks for it.
	explainer *explainer

	// watched says that somebody asks for metadata or explanations. It stands here because the metadata plugin asks
	// one handler of a server block, and each of its zones and addresses has a handler of its own.
	watched atomic.Bool
}

// A zoneRule is the policy for a zone.
type zoneRule struct {
	zone    string
	policy  *policy
	servers sync.Map // *dnsserver.Server → *serverRule
}

// add adds a policy for a zone, which must be lower case and fully qualified. If the zone has one
// already, it returns that and changes nothing.
func (z *zones) add(zone string, p *policy) (twice *policy) {
	if rule, ok := z.rules[zone]; ok {
		return rule.policy
	}
	if z.rules == nil {
		z.rules = map[string]*zoneRule{}
	}
	rule := &zoneRule{zone: zone, policy: p}
	z.rules[zone] = rule
	if zone == "." {
		z.root = rule
	}
	z.labels = max(z.labels, dns.CountLabel(zone))
	return nil
}

// find returns the rule of the most specific zone that holds name; nil if none does. It looks up
// at most as many suffixes of name as a zone has labels, however many zones there are.
func (z *zones) find(name string) *zoneRule {
	if z == nil {
		return nil
	}
	if z.labels == 0 {
		return z.root
	}
	found := z.root
	name = strings.ToLower(name)
	for n := 1; n <= z.labels; n++ {
		start, beyond := dns.PrevLabel(name, n)
		if beyond {
			break
		}
		if rule, ok := z.rules[name[start:]]; ok {
			found = rule
		}
	}
	return found
}

// rule returns the rule for name at the server that serves ctx; nil where no zone holds name.
func (z *zones) rule(ctx context.Context, name string) *serverRule {
	rule := z.find(name)
	if rule == nil {
		return nil
	}
	server, _ := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	if r, ok := rule.servers.Load(server); ok {
		return r.(*serverRule)
	}
	r, _ := rule.servers.LoadOrStore(server, newServerRule(z, rule, server))
	return r.(*serverRule)
}

// join takes from the server block's configuration, which is complete, what the zones need of it.
func (z *zones) join(config *dnsserver.Config) {
	z.view = config.ViewName
	z.rotates = !keepOrder(config.Handlers())
	z.synthesises = config.Handler("dns64") != nil || config.Handler("siit") != nil
}

// watch notes that somebody asks for metadata.
func (z *zones) watch() {
	if z != nil && !z.watched.Load() { // stored once, so that queries do not contend for it
		z.watched.Store(true)
	}
}

// topologies returns the topologies of z, each once: several zones may share a policy.
func (z *zones) topologies() []topology.Source {
	if z == nil {
		return nil
	}
	var all []topology.Source
	for _, rule := range z.rules {
		if t := rule.policy.ranker.Topology(); t != nil && !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// start begins to follow the topologies: all of them, or none after an error.
//
// CoreDNS never stops a server that fails to listen after that, as on a reload to a port that is
// taken: it drops the server. Then the topologies stop when z is garbage collected.
func (z *zones) start() error {
	all := z.topologies()
	for _, t := range all {
		if err := t.Start(); err != nil {
			return errors.Join(err, stopAll(all))
		}
	}
	runtime.AddCleanup(z, func(all []topology.Source) { go stopAll(all) }, all)
	return nil
}

// stop ends what start began.
func (z *zones) stop() error { return stopAll(z.topologies()) }

func stopAll(topologies []topology.Source) (err error) {
	for _, t := range topologies {
		err = errors.Join(err, t.Stop())
	}
	return err
}
