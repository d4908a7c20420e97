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
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/miekg/dns"
)

// zones are the policies of one server block, by zone. Their policies are immutable after configure;
// from then on they are safe for concurrent use. A nil zones has no policies.
type zones struct {
	rules  map[string]*zoneRule // by zone: lower case, fully qualified
	root   *zoneRule            // for the root zone; nil: none
	labels int                  // of the zone with the most labels

	position string   // of the first directive: "Corefile:7"
	served   []string // the zones of the server block, sorted

	// Set by configure.
	allServed map[string]bool // the zones of all server blocks; nil: not known
	view      string          // the name of the server block's view; "": none
	rotates   bool            // a plugin of the server block may give an RRset in another order each time
	shuffled  bool            // by loadbalance; canonical ignores it, and a warning says to remove it

	warnings []string // about the directives, to be logged when the server starts

	// metadataUsed says that the metadata plugin has called Metadata, so that somebody may read it.
	// A server block has one handler for each of its zones and addresses, but metadata calls only
	// one of them. So it is noted here, where all of them find it.
	metadataUsed atomic.Bool

	// explainer gets an explanation of each response; nil: nobody asks for it.
	explainer *explainer
}

// A zoneRule is the policy for a zone.
type zoneRule struct {
	zone    string
	policy  *policy
	servers sync.Map // *dnsserver.Server → *serverRule
}

// A serverRule is the policy for a zone as one server applies it: with all that is the same for
// every query to the zone at that server. It is made for the first of these queries and kept.
type serverRule struct {
	policy   *policy
	zones    *zones // of the server block
	stream   bool   // the server takes queries over TLS, HTTPS, QUIC or gRPC
	counters queryCounters
}

// newServerRule returns the serverRule of a zone at a server, which may be nil.
func newServerRule(z *zones, rule *zoneRule, server *dnsserver.Server) *serverRule {
	r := &serverRule{policy: rule.policy, zones: z}
	addr := ""
	if server != nil {
		addr = server.Addr
		r.stream = !strings.HasPrefix(addr, transport.DNS+"://")
	}
	r.counters.init(rule.policy, addr, rule.zone, z.view)
	return r
}

// steady reports whether the RRsets of res come in the same order each time: it is authoritative, all
// plugins of the server block keep the order, and no alias leads out of it.
func (r *serverRule) steady(res *dns.Msg) bool {
	return res.Authoritative && !r.zones.rotates && !r.zones.aliasLeadsOut(res.Answer)
}

// add adds a policy for a zone, which must be lower case and fully qualified, and returns nil. If
// the zone has a policy already, add returns that and changes nothing. It must not be called once
// queries are served.
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

// find returns the rule of the most specific zone that holds name; nil if none does. However many
// zones there are, it makes no more look-ups than the longest zone has labels.
func (z *zones) find(name string) *zoneRule {
	if z == nil {
		return nil
	}
	if z.labels == 0 {
		return z.root
	}
	name = strings.ToLower(name)
	start, _ := dns.PrevLabel(name, z.labels)
	for end := false; !end; start, end = dns.NextLabel(name, start) {
		if rule, ok := z.rules[name[start:]]; ok {
			return rule
		}
	}
	return z.root
}

// aliasLeadsOut reports whether an alias at the beginning of answer leads to a name for which the server
// block gets no questions. Then another server block may have given the addresses, with plugins that
// keep no order. Behind a DNAME stands the CNAME that is made of it.
func (z *zones) aliasLeadsOut(answer []dns.RR) bool {
	for _, rr := range answer {
		switch rr := rr.(type) {
		case *dns.CNAME:
			if !z.serves(rr.Target) {
				return true
			}
		case *dns.DNAME, *dns.RRSIG:
		default:
			return false
		}
	}
	return false
}

// serves reports whether the server block gets the questions for name: those for the names in its
// zones, except the names in longer zones of other server blocks.
func (z *zones) serves(name string) bool {
	name = strings.ToLower(name)
	for start, end := 0, false; !end; start, end = dns.NextLabel(name, start) {
		if _, own := slices.BinarySearch(z.served, name[start:]); own || z.allServed[name[start:]] {
			return own
		}
	}
	_, root := slices.BinarySearch(z.served, ".")
	return root
}

// serverRule returns the rule for name at the server that ctx comes from. It returns nil if no zone
// holds name.
func (z *zones) serverRule(ctx context.Context, name string) *serverRule {
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

// configure sets what the zones need to know of their server block, whose configuration must be
// complete, and of the others, whose zones are in allServed. It must not be called once queries are served.
func (z *zones) configure(config *dnsserver.Config, allServed map[string]bool) {
	z.allServed = allServed
	z.view = config.ViewName
	z.rotates = !keepOrder(config.Handlers())
	z.shuffled = config.Handler("loadbalance") != nil
}

// useMetadata sets metadataUsed.
func (z *zones) useMetadata() {
	if z != nil && !z.metadataUsed.Load() { // stored once, so that queries do not contend for it
		z.metadataUsed.Store(true)
	}
}

// topologies returns the topologies of z, each once, although several zones may share a policy.
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

// start starts all topologies. After an error, none is running.
//
// If a server fails to listen after start, as after a reload to a port that is taken, CoreDNS drops
// the server without a call of stop. Then the topologies stop when z is garbage collected.
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

// stop stops all topologies.
func (z *zones) stop() error { return stopAll(z.topologies()) }

// stopAll stops these topologies and returns their errors.
func stopAll(topologies []topology.Source) (err error) {
	for _, t := range topologies {
		err = errors.Join(err, t.Stop())
	}
	return err
}
