package explain

import (
	"fmt"
	"net/netip"
	"path/filepath"
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

// A report is what explain says about one client. It is written as JSON as it is.
type report struct {
	Client   client   `json:"client"`
	Server   string   `json:"server"`           // "dns://:53"
	Others   []string `json:"others,omitempty"` // servers that have a zone which holds the name, too
	Rule     *rule    `json:"rule,omitempty"`   // none: no directive put the response in order
	Answer   answer   `json:"answer"`
	Sets     []set    `json:"rrsets,omitempty"`
	Served   []string `json:"served,omitempty"` // the addresses that the client gets, where plugins above changed them
	Topology string   `json:"topology,omitempty"`
	Hints    []string `json:"hints,omitempty"`
	Ordered  bool     `json:"ordered"` // the directive put some address ahead of another
}

// A client is whom the response is for.
type client struct {
	Address    string `json:"address"`
	Source     string `json:"source"`             // of the packet
	Proxy      string `json:"proxy,omitempty"`    // that sent Source in a PROXY protocol header
	Subnet     string `json:"ecs,omitempty"`      // the Client Subnet option
	Trusted    bool   `json:"ecs_used,omitempty"` // the option was believed
	TrustedIn  string `json:"ecs_at,omitempty"`   // the property that lists the trusted resolvers
	Asked      bool   `json:"topology_asked"`
	Location   string `json:"location,omitempty"`
	LocationOf string `json:"location_of,omitempty"` // the resolver whose location counts for the client's
	Evidence   string `json:"evidence,omitempty"`    // what says where the client is, or that it is not known
}

// A rule is the directive that decided.
type rule struct {
	Position string `json:"position"`
	Zone     string `json:"zone"`
}

// An answer is what the plugins below ordering answered.
type answer struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Rcode   string `json:"rcode"`
	From    string `json:"from,omitempty"` // the plugin that answered
	Alias   string `json:"alias_of,omitempty"`
	Error   string `json:"error,omitempty"`
	records int    // of the type
}

// A set is an RRset in its order.
type set struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Additional bool     `json:"additional,omitempty"`
	Rotation   string   `json:"round_robin"`
	Limit      int      `json:"answer_limit,omitempty"`
	Records    []record `json:"records"`
	tiers      int
}

// A record is one record of a set.
type record struct {
	Data     string `json:"data"` // its address, or else its RDATA
	Near     string `json:"near,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Ties     string `json:"ties,omitempty"` // what decides between records with the same reason
	Network  string `json:"network,omitempty"`
	Location string `json:"location,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	Line     int    `json:"sortlist_line,omitempty"`
	Word     int    `json:"sortlist_word,omitempty"`
	Negated  bool   `json:"negated,omitempty"`
	Tier     int    `json:"tier"`  // records of one tier are equally near; 0 is the nearest that occurs
	Ahead    uint64 `json:"ahead"` // of the others in its tier, in so many answers …
	Answers  uint64 `json:"of"`    // … of so many; 0 of 0: always in this order
	Cut      bool   `json:"cut,omitempty"`
	FailOver bool   `json:"kept_to_fail_over,omitempty"`
	label    string // Near, for people
	detail   string // the rest of Reason
}

var rotations = map[rrset.Rotation]string{rrset.Cyclic: "on", rrset.Fixed: "off", rrset.Random: "random", rrset.Sticky: "sticky"}

// newReport returns the report on the response that a client at the end of p got.
func (s *session) newReport(p path, res *chain.Response) *report {
	r := &report{Server: s.server.Addr, Answer: s.newAnswer(res)}
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
	for i := range x.Sets {
		set := newSet(x, &x.Sets[i])
		r.Ordered = r.Ordered || set.tiers > 1 || x.Rotation == rrset.Sticky && len(set.Records) > 1
		r.Sets = append(r.Sets, set)
	}
	r.Served = changed(x, res.Msg)
	return r
}

// place returns a position in the Corefile without the directory of the Corefile.
func (s *session) place(position string) string {
	if line, ok := strings.CutPrefix(position, s.conf+":"); ok {
		return filepath.Base(s.conf) + ":" + line
	}
	return position
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
func (s *session) newAnswer(res *chain.Response) answer {
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
		if rr.Header().Rrtype == s.qtype {
			a.records++
		}
	}
	if len(s.addresses) > 0 {
		a.From, a.records = "the command line", len(s.addresses)
	}
	return a
}

// newSet returns an RRset of x.
func newSet(x *ordering.Explanation, e *ordering.ExplainedSet) set {
	h := e.Records[0].RR.Header()
	s := set{Name: h.Name, Type: dns.TypeToString[h.Rrtype], Additional: e.Additional, Rotation: rotations[x.Rotation], Limit: x.Limit}
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
	rec := record{Tier: tier, Ahead: r.Ahead, Answers: r.Answers, Cut: r.Cut, FailOver: r.FailOver}
	a, ip4, ok := rrset.Address(r.RR)
	if !ok {
		rec.Data = strings.TrimPrefix(r.RR.String(), r.RR.Header().String())
		return rec
	}
	addr := a.NetipAs(ip4)
	rec.Data, rec.Near, rec.Reason, rec.detail = addr.String(), why.Near.String(), why.String(), why.Detail()
	rec.Ties = why.Ties()
	rec.Line, rec.Word, rec.Negated = why.Line, why.Word, why.Negated
	rec.Location = why.Location.String()
	rec.label = rec.Near
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

// evidence returns what t says about why it has addr where it has it; "" if it says nothing.
func evidence(t topology.Source, addr netip.Addr) string {
	if e, ok := t.(topology.Explainer); ok {
		return e.Explain(addr)
	}
	return ""
}

// describe returns what t is made of.
func describe(t topology.Source) string {
	text := t.Name()
	if e, ok := t.(topology.Explainer); ok {
		text = e.Describe()
	}
	if !t.Ready() {
		text += ": NOT READ YET"
	}
	return text
}

// changed returns the addresses in the answer to the client if they are not those of x, because a
// plugin above ordering changed them; otherwise nil.
func changed(x *ordering.Explanation, res *dns.Msg) (served []string) {
	var explained []string
	for _, s := range x.Sets {
		for _, r := range s.Records {
			if a, ip4, ok := rrset.Address(r.RR); ok && !r.Cut && !s.Additional {
				explained = append(explained, a.NetipAs(ip4).String())
			}
		}
	}
	if res == nil {
		return nil
	}
	for _, rr := range res.Answer {
		if a, ip4, ok := rrset.Address(rr); ok {
			served = append(served, a.NetipAs(ip4).String())
		}
	}
	if slices.Equal(explained, served) || len(served) == 0 {
		return nil
	}
	return served
}

// plural returns "1 address" or "4 addresses".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
