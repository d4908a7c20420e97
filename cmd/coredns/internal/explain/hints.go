package explain

import (
	"fmt"
	"slices"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/chain"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

// addHints adds to r what could be done about the response not being in the order that was hoped
// for.
func addHints(s *asker, r *report, p path, res *chain.Response) error {
	x := decisive(res.Ordered)
	if x == nil {
		r.hint("%s", withoutRule(r, res))
		return nil
	}
	if p.subnet.Bits() > 0 && !x.Trusted { // an option of length 0 does not tell the client
		if err := hintTrust(s, r, p, x); err != nil {
			return err
		}
	}
	switch {
	case x.Topology == nil || x.Location != nil:
	case !x.Topology.Synced():
		r.hint("no location is known until %s has been read: see the errors", x.Topology.Name())
	default:
		if e, ok := x.Topology.(topology.Explainer); ok {
			r.hint("%s", e.Mend(x.Client))
		}
	}
	if res.Msg != nil && res.Truncated {
		r.hint("the response is too large for UDP and comes truncated, and resolvers ask again over TCP")
	}
	if x.Varies && x.Rotation == rrset.Cyclic && slices.ContainsFunc(r.Sets, func(s set) bool { return s.takesTurns() }) {
		cause := "base_order received"
		if x.Shuffled {
			cause = "loadbalance"
		}
		r.hint("the plugins below may answer in another order each time, so the shares are not exact: remove %s", cause)
	}
	if r.Ordered {
		return nil
	}
	switch {
	case r.Answer.Referral != "":
		r.hint("the servers of %s have the addresses", r.Answer.Referral)
	case r.Answer.Records == 0 && r.Answer.Alias != "":
		r.hint("the answer has the alias, but no %s records of %s", r.Answer.Type, r.Answer.Alias)
	case r.Answer.Records == 0 && s.qtype == dns.TypeANY:
		r.hint("the answer has no records: ask for a type")
	case r.Answer.Records == 0 && res.Msg != nil:
		r.hint("there are no %s records of this name", r.Answer.Type)
	case !slices.ContainsFunc(r.Sets, func(s set) bool { return !s.Additional }):
		r.hint("%s records are not put in order: see types in the manual", r.Answer.Type)
	case largest(r.Sets) == 1:
		r.hint("a single record: there is nothing to put in order")
	case x.Topology != nil && x.Location == nil: // said already
	case r.Sets[0].Records[0].Near == "":
		r.hint("%s records have no address, so their order does not depend on the client", r.Answer.Type)
	default:
		r.hint("nothing in %s tells these addresses apart for %v", r.Rule.Position, x.Client)
	}
	return nil
}

// withoutRule says why no directive put a response in order.
func withoutRule(r *report, res *chain.Response) string {
	switch {
	case res.Msg == nil:
		return "the server does not respond to this client"
	case res.Zone == "":
		return fmt.Sprintf("no server block of %s takes this query: see their views", r.Server)
	case res.Rcode == dns.RcodeServerFailure:
		return "the query failed: see the warnings, and start explain in the server's directory, where relative paths begin"
	case res.Rcode != dns.RcodeSuccess:
		return "only responses with NOERROR are put in order"
	}
	return fmt.Sprintf("the server block of %s at %s answers, and has no ordering directive for %s",
		res.Zone, r.Server, r.Answer.Name)
}

// hintTrust says which address would be first if the resolver were trusted.
func hintTrust(s *asker, r *report, p path, x *ordering.Explanation) error {
	res, err := s.ask(path{source: p.subnet.Addr()})
	if err != nil {
		return err
	}
	trusted := decisive(res.Ordered)
	if trusted == nil || trusted.Position != x.Position || len(trusted.Sets) == 0 || len(r.Sets) == 0 {
		return nil
	}
	if trusted.Location == nil && x.Location != nil {
		return nil // the location of the resolver would count
	}
	first := newSet(trusted, &trusted.Sets[0]).Records[0]
	if first.Near != "" && first.Data != r.Sets[0].Records[0].Data {
		r.hint("with %v in ecs: %s, %s would be first", x.Source, first.Reason, first.Data)
	}
	return nil
}

// largest returns how many records the largest of these RRsets has.
func largest(sets []set) int {
	most := 0
	for _, s := range sets {
		most = max(most, len(s.Records))
	}
	return most
}
