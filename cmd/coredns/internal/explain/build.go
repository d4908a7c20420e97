package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/chain"
	"github.com/coredns-ordering/ordering/cmd/coredns/internal/corefile"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

// rotations are the values of round_robin.
var rotations = map[rrset.Rotation]string{
	rrset.Cyclic: "on", rrset.Fixed: "off", rrset.Random: "random", rrset.Sticky: "sticky",
}

// newReport returns the report on the response that a client at the end of p got.
func newReport(s *asker, p path, res *chain.Response) *report {
	r := &report{Server: s.server.Addr, Answer: newAnswer(s, res)}
	for _, o := range s.others {
		r.Others = append(r.Others, o.Addr)
	}
	r.Client = client{Address: p.source.String(), Source: p.source.String()}
	if p.proxy.IsValid() {
		r.Client.Proxy = p.proxy.String()
	}
	if p.subnet.IsValid() {
		r.Client.Subnet = p.subnet.String()
	}
	x := decisive(res.Ordered)
	if x == nil {
		return r
	}
	r.Rule = &rule{s.place(x.Position), x.Zone}
	r.Client.Address, r.Client.Trusted, r.Client.TrustedIn = x.Client.String(), x.Trusted, s.place(x.TrustedIn)
	if x.Topology != nil {
		r.Client.Asked, r.Client.Location = true, x.Location.String()
		known := x.Client
		if x.Location != nil && x.Topology.Table().Find(x.Client) == nil {
			known, r.Client.LocationOf = x.Source, x.Source.String()
		}
		r.Client.Evidence = evidence(x.Topology, known)
		r.Topology = describe(x.Topology)
	}
	answered := 0 // the client may get fewer
	for i := range x.Sets {
		set := newSet(x, &x.Sets[i])
		r.Ordered = r.Ordered || set.tiers > 1 || set.weighted() || x.Rotation == rrset.Sticky && set.takesTurns()
		r.Sets = append(r.Sets, set)
		if !set.Additional && (set.Type == r.Answer.Type || len(s.addresses) > 0) {
			answered += len(set.Records)
		}
	}
	if answered > 0 {
		r.Answer.Records = answered
	}
	r.Served = changed(x, res.Msg)
	return r
}

// decisive returns the explanation that has the addresses. There are several where a plugin such as
// dns64 asks once more.
func decisive(all []*ordering.Explanation) *ordering.Explanation {
	for _, x := range slices.Backward(all) {
		if len(x.Sets) > 0 {
			return x
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// newAnswer returns what was answered.
func newAnswer(s *asker, res *chain.Response) answer {
	a := answer{Name: s.name, Type: dns.TypeToString[s.qtype], From: res.From, Rcode: "no response"}
	if res.Err != nil {
		a.Error = corefile.OneLine(res.Err)
	}
	if res.Msg == nil {
		return a
	}
	a.Rcode = dns.RcodeToString[res.Rcode]
	for _, rr := range res.Answer {
		if cname, ok := rr.(*dns.CNAME); ok {
			a.Alias = strings.ToLower(cname.Target)
		}
		if rr.Header().Rrtype == s.qtype || s.qtype == dns.TypeANY || len(s.addresses) > 0 {
			a.Records++
		}
	}
	if len(res.Answer) == 0 && len(res.Ns) > 0 && res.Ns[0].Header().Rrtype == dns.TypeNS {
		a.Referral = strings.ToLower(res.Ns[0].Header().Name)
	}
	if len(s.addresses) > 0 {
		a.From = "the command line"
	}
	return a
}

// newSet returns an RRset of x.
func newSet(x *ordering.Explanation, e *ordering.ExplainedSet) set {
	h := e.Records[0].RR.Header()
	s := set{
		Name: h.Name, Type: dns.TypeToString[h.Rrtype], Additional: e.Additional,
		Rotation: rotations[x.Rotation], Varies: x.Varies, Limit: x.Limit,
	}
	var tiers []uint32
	for _, r := range e.Records {
		tiers = append(tiers, r.Tier)
	}
	slices.Sort(tiers)
	tiers = slices.Compact(tiers)
	s.tiers = len(tiers)
	for i, r := range e.Records {
		tier, _ := slices.BinarySearch(tiers, r.Tier)
		s.Records = append(s.Records, newRecord(x, r, e.Reasons[i], tier))
	}
	return s
}

// newRecord returns a record of x.
func newRecord(x *ordering.Explanation, r rrset.Record, why ranking.Reason, tier int) record {
	rec := record{Tier: tier, Ahead: r.Ahead, Answers: r.Answers, Behind: r.Behind, Cut: r.Cut, FailOver: r.FailOver}
	a, ip4, ok := rrset.Address(r.RR)
	if !ok {
		rec.Data = strings.TrimPrefix(r.RR.String(), r.RR.Header().String())
		return rec
	}
	addr := a.NetipAs(ip4)
	rec.Data, rec.Near, rec.Reason, rec.detail = addr.String(), why.Near.String(), why.String(), why.Detail()
	rec.Ties = why.Ties()
	rec.File, rec.Line, rec.Word, rec.Negated = why.File, why.Line, why.Word, why.Negated
	rec.Location = why.Location.String()
	rec.label = rec.Near
	if why.Near == ranking.NearUnknown { // that is said of the client
		rec.detail = ""
		if why.Location != nil {
			rec.detail = "at " + rec.Location
		}
	}
	if why.Negated { // a word decided, though it puts nothing in front
		rec.label = "sortlist"
		rec.detail = strings.TrimPrefix(rec.detail, "sortlist ")
	}
	if why.Network.IsValid() {
		rec.Network = why.Network.String()
	}
	if why.Asked {
		rec.Evidence = evidence(x.Topology, addr)
	}
	return rec
}

// evidence returns what says that addr is where t has it, or why t does not have it.
func evidence(t topology.Source, addr netip.Addr) string {
	if !t.Synced() && t.Table().Find(addr) == nil {
		return "the topology has not been read yet"
	}
	return topology.Explain(t, addr)
}

// describe returns what t is made of.
func describe(t topology.Source) string {
	if !t.Synced() {
		return t.Name() + ": NOT READ YET"
	}
	return topology.Describe(t)
}

// changed returns the addresses in the answer to the client if they are not those of x, because a
// plugin above ordering changed them; otherwise nil, also for an answer that was truncated.
func changed(x *ordering.Explanation, res *dns.Msg) []string {
	var explained []string
	for _, s := range x.Sets {
		for _, r := range s.Records {
			if a, ip4, ok := rrset.Address(r.RR); ok && !r.Cut && !s.Additional {
				explained = append(explained, a.NetipAs(ip4).String())
			}
		}
	}
	if res == nil || res.Truncated {
		return nil
	}
	served := addressesIn(res.Answer)
	if slices.Equal(explained, addressesIn(byRRset(res.Answer))) || len(served) == 0 {
		return nil
	}
	return served
}

// addressesIn returns the addresses in a section.
func addressesIn(section []dns.RR) (all []string) {
	for _, rr := range section {
		if a, ip4, ok := rrset.Address(rr); ok {
			all = append(all, a.NetipAs(ip4).String())
		}
	}
	return all
}

// byRRset returns the records of a section with those of an RRset next to each other. The RRsets are
// in the order of their first records, as in an Explanation.
func byRRset(section []dns.RR) []dns.RR {
	key := func(rr dns.RR) string { return fmt.Sprint(strings.ToLower(rr.Header().Name), " ", rr.Header().Rrtype) }
	first := map[string]int{} // the index of the first record of an RRset, by key
	for i, rr := range slices.Backward(section) {
		first[key(rr)] = i
	}
	grouped := slices.Clone(section)
	slices.SortStableFunc(grouped, func(a, b dns.RR) int { return first[key(a)] - first[key(b)] })
	return grouped
}

// plural returns "1 address" or "4 addresses".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
