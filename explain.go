package ordering

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

// An Explanation says how a response was put in order, and why. What it refers to must not be
// changed.
type Explanation struct {
	Position string // of the directive that decided: "Corefile:7"
	Zone     string // of the directive, the most specific that holds the name

	Source   netip.Addr         // of the packet; the zero Addr if it has none
	Client   netip.Addr         // that the response is for
	Location *topology.Location // of the client; nil if it is not known
	Topology topology.Source    // nil: none

	// Trusted reports whether the query had a Client Subnet option that was believed. TrustedIn is the
	// position of the property that lists the trusted resolvers; "" if there is none.
	Trusted   bool
	TrustedIn string

	Rotation rrset.Rotation
	Varies   bool // the base order is the one received, and that may be another one each time
	Shuffled bool // by loadbalance, if Varies
	Limit    int  // most records of an address RRset; 0: all
	Sets     []ExplainedSet
}

// An ExplainedSet is an RRset of a response.
type ExplainedSet struct {
	rrset.Set
	Reasons    []ranking.Reason // of the records; the zero Reason for those without an address
	Additional bool             // in the additional section, otherwise in the answer
}

// Rule says which directive is for a zone.
type Rule struct {
	Zone     string // lower case, fully qualified
	Position string // of the directive
}

// Explain makes o call f with the Explanation of each response before it is passed on. The handlers
// of the same server block, which have the directives in common with o, do so as well. Explain must
// be called before the server block serves its first query. It makes queries slow.
func (o *Ordering) Explain(f func(*Explanation)) {
	o.zones.explainer = &explainer{f}
}

// ForgetTurns makes every question, of all server blocks, begin with its first turn again. So the
// explanations for two clients differ only where the clients do.
func ForgetTurns() { turns.Forget() }

// Rules returns the directives of the server block of o, by zone.
func (o *Ordering) Rules() []Rule {
	var rules []Rule
	for _, r := range o.zones.rules {
		rules = append(rules, Rule{r.zone, r.policy.position})
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.Zone, b.Zone) })
	return rules
}

// An explainer explains the responses of a server block.
type explainer struct{ explain func(*Explanation) }

// report explains the response res to the query of w. answer and extra are the sections that res had
// before they were put in order.
func (e *explainer) report(w *writer, answer, extra []dns.RR, res *dns.Msg, q *rrset.Query) {
	p, shuffled := w.rule.policy, w.rule.zones.shuffled
	x := &Explanation{
		Position:  p.position,
		Zone:      w.rule.counters.zone,
		Source:    sourceAddr(w, w),
		Client:    w.client(),
		Location:  q.Ranking.Location(),
		Topology:  p.ranker.Topology(),
		Trusted:   w.options.ecs != nil,
		TrustedIn: p.trustedIn,
		Rotation:  p.orderer.Rotation(),
		Varies:    !q.Canonical && (shuffled || !w.rule.steady(res)),
		Shuffled:  shuffled,
		Limit:     q.Limit,
	}
	x.add(rrset.Explain(p.orderer, answer, res.Answer, q), &q.Ranking, false)
	x.add(rrset.Explain(p.orderer, extra, res.Extra, q), &q.Ranking, true)
	e.explain(x)
}

// add adds the RRsets of a section with the reasons that k has for their order.
func (x *Explanation) add(sets []rrset.Set, k *ranking.Ranking, additional bool) {
	for _, s := range sets {
		reasons := make([]ranking.Reason, len(s.Records))
		for i, r := range s.Records {
			if a, ip4, ok := rrset.Address(r.RR); ok {
				reasons[i] = k.Reason(a, ip4)
			}
		}
		x.Sets = append(x.Sets, ExplainedSet{s, reasons, additional})
	}
}
