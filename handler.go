package ordering

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Ordering is the plugin's handler. It orders the answers of Next by the policy for the question's
// zone. The zero Ordering has no policy and passes every answer on as it is. It is safe for
// concurrent use.
type Ordering struct {
	Next  plugin.Handler
	zones *zones
}

// Name returns the name of the directive. It implements plugin.Handler.
func (o *Ordering) Name() string { return pluginName }

// ServeDNS calls Next with a writer that orders the response. It implements plugin.Handler.
func (o *Ordering) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if ow := o.writer(ctx, w, r); ow != nil {
		ctx, w = ow, ow // a writer is also the context of the query
	}
	return plugin.NextOrFailure(o.Name(), o.Next, ctx, w, r)
}

// writer returns a writer that orders the response to r and passes it on to w. It returns nil if
// the response must not be ordered: r is not a query, its name is in no zone with a policy, or it
// looks up an alias for another answer. It reads all that it needs of r, which plugins below may
// rewrite.
func (o *Ordering) writer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) *writer {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) == 0 {
		return nil
	}
	rule := o.zones.serverRule(ctx, r.Question[0].Name)
	if rule == nil {
		return nil
	}
	from := originOf(ctx, w, r.Question[0].Qtype)
	if from == fromAlias {
		return nil
	}
	ow := &writer{Context: ctx, ResponseWriter: w, rule: rule, options: o.options(ctx, rule, w, r)}
	ow.series = ow.seriesOf(from)
	if m := ow.options.metadata; m != nil {
		m.client, m.rule = ow.client(), rule
	}
	return ow
}

// options returns the queryOptions of r, and counts what became of its Client Subnet option.
func (o *Ordering) options(ctx context.Context, rule *serverRule, w dns.ResponseWriter, r *dns.Msg) *queryOptions {
	p := rule.policy
	metadataUsed := o.zones.metadataUsed.Load()
	if p.trusted == nil && p.limit == 0 && !metadataUsed && o.zones.explainer == nil {
		return &noOptions
	}
	found := queryOptions{explainer: o.zones.explainer}
	if p.trusted != nil {
		var result ecs.Result
		found.ecs, result = p.trusted.Option(r, sourceAddr(ctx, w))
		rule.counters.countECS(result)
	}
	found.unlimited = p.limit > 0 && wantsDNSSEC(r)
	if metadataUsed {
		found.metadata = metadataIn(ctx)
	}
	if found == noOptions {
		return &noOptions
	}
	kept := found // allocates here; found itself stays on the stack
	return &kept
}

// wantsDNSSEC reports whether r has the DO bit (RFC 4035, section 3.2.1). An RRset with records cut
// off does not validate.
func wantsDNSSEC(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && opt.Do()
}

// queryOptions is per-query state that most queries lack; those share noOptions.
type queryOptions struct {
	metadata  *queryMetadata // nil: nobody reads metadata of this query
	explainer *explainer     // nil: nobody asks for an explanation
	ecs       *ecs.Option    // nil: the query has no Client Subnet option, or it is not trusted
	unlimited bool           // answer_limit does not apply
}

var noOptions queryOptions // never written to

// writer orders the response on its way to the client. It is also the context of the query for the
// plugins below: originOf finds it there when one of them looks up an alias. Every query allocates
// a writer, so one object serves all purposes.
type writer struct {
	dns.ResponseWriter
	context.Context
	rule    *serverRule
	options *queryOptions
	series  rrset.Series
	written atomic.Bool // first is in use
	first   dns.Msg     // the copy of the first response
}

// Value returns the writer for orderedKey, and otherwise what the context of the query has. It
// implements context.Context.
func (w *writer) Value(key any) any {
	if key == (orderedKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// seriesOf returns the series that the turns of the query are counted in. from is its origin.
func (w *writer) seriesOf(from origin) (s rrset.Series) {
	if source := w.RemoteAddr(); w.rule.stream || source != nil && source.Network() != "udp" {
		s |= rrset.Stream
	}
	if from == fromSynthesis {
		s |= rrset.Synthesis
	}
	return s
}

// WriteMsg passes a copy of res on, with its sections in order. It only reads res, its sections and
// records: plugins below may give them to other queries at the same time.
func (w *writer) WriteMsg(res *dns.Msg) error {
	var q rrset.Query
	if res != nil {
		res = w.copyOf(res)
	}
	if orderable(res) {
		w.order(res, &q)
	}
	if w.options.ecs != nil {
		w.answerECS(res, &q.Ranking)
	}
	return w.ResponseWriter.WriteMsg(res)
}

// copyOf returns a copy of res that shares its sections. The first copy is a field of w.
func (w *writer) copyOf(res *dns.Msg) *dns.Msg {
	out := &w.first
	if w.written.Swap(true) {
		out = new(dns.Msg)
	}
	*out = *res
	return out
}

// orderable reports whether res is to be put in order: NOERROR, to a question that is no zone
// transfer.
func orderable(res *dns.Msg) bool {
	return res != nil && res.Rcode == dns.RcodeSuccess && len(res.Question) > 0 && !isTransfer(res.Question[0].Qtype)
}

func isTransfer(qtype uint16) bool { return qtype == dns.TypeAXFR || qtype == dns.TypeIXFR }

// order gives res, a copy, an answer and an additional section in order. It fills q, which must be
// zero, with what the order depends on.
func (w *writer) order(res *dns.Msg, q *rrset.Query) {
	p := w.rule.policy
	q.Canonical, q.Series = p.canonical(w.rule.steady(res)), w.series
	if !w.options.unlimited {
		q.Limit = p.limit
	}
	p.ranker.Rank(&q.Ranking, w.client())
	if w.options.ecs != nil {
		q.Ranking.FallBackTo(sourceAddr(w, w))
	}
	answer, extra := res.Answer, res.Extra
	res.Answer = p.orderer.Answer(res.Answer, q, res.Question[0].Name)
	res.Extra = p.orderer.Additional(res.Extra, q)
	if e := w.options.explainer; e != nil {
		e.report(w, answer, extra, res, q)
	}
	if first, ip4, ok := firstAddress(res.Answer); ok {
		w.observe(first, ip4, &q.Ranking)
	}
}

// observe counts a response, whose first address is first, and notes it for those who read metadata.
// ip4 says whether the address is IPv4. k is what the response was ordered by.
func (w *writer) observe(first ipaddr.Addr, ip4 bool, k *ranking.Ranking) {
	ordered := w.rule.policy.orderer.Orders(addressType(ip4))
	if ordered {
		w.rule.counters.count(k.Near(k.Tier(first, ip4)), k.Location() != nil)
	}
	if m := w.options.metadata; m != nil {
		m.first, m.ordered = first.NetipAs(ip4), ordered
		m.ranking = *k // in the assignment above, it would be copied to the stack first
	}
}

// addressType returns the type of records with addresses of a family.
func addressType(ip4 bool) uint16 {
	if ip4 {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

// client returns the address that the response is for: that of a trusted Client Subnet option, else
// the source of the packet.
func (w *writer) client() netip.Addr {
	if o := w.options.ecs; o != nil && o.Client().IsValid() {
		return o.Client()
	}
	return sourceAddr(w, w)
}

// answerECS adds the Client Subnet option of the query to res, with its scope. k is the ranking
// that res was ordered by, the zero Ranking if it was not ordered. The scope is 0 if res has no
// address. Zone transfers get no option.
func (w *writer) answerECS(res *dns.Msg, k *ranking.Ranking) {
	if res == nil || len(res.Question) == 0 || isTransfer(res.Question[0].Qtype) {
		return
	}
	scope := 0
	if hasAddress(res.Answer) || hasAddress(res.Extra) {
		scope = w.rule.policy.scope(k)
	}
	w.options.ecs.Answer(res, scope)
}

func hasAddress(section []dns.RR) bool {
	_, _, ok := firstAddress(section)
	return ok
}

// firstAddress returns the address of the first A or AAAA record of a section, and whether it is an
// A record; ok is false where there is none.
func firstAddress(section []dns.RR) (a ipaddr.Addr, ip4, ok bool) {
	for _, rr := range section {
		if a, ip4, ok = rrset.Address(rr); ok {
			return a, ip4, ok
		}
	}
	return a, false, false
}
