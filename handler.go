package ordering

import (
	"context"
	"net/netip"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Ordering is the plugin's handler. It puts the answers that Next gives in the order that the policy
// for the question's zone says. The zero Ordering orders nothing; a Corefile makes one that does.
type Ordering struct {
	Next  plugin.Handler
	zones *zones
}

// Name returns the name of the directive. It implements plugin.Handler.
func (o *Ordering) Name() string { return pluginName }

// ServeDNS passes the query on and orders the answer on its way back. It implements plugin.Handler.
func (o *Ordering) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if ow := o.writer(ctx, w, r); ow != nil {
		ctx, w = ow, ow
	}
	return plugin.NextOrFailure(o.Name(), o.Next, ctx, w, r)
}

// writer returns a writer that orders the response to r and passes it on to w; nil where the response
// is not to be ordered. It reads from r what the order depends on, because plugins below may rewrite
// it.
func (o *Ordering) writer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) *writer {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) == 0 {
		return nil
	}
	rule := o.zones.rule(ctx, r.Question[0].Name)
	if rule == nil {
		return nil
	}
	from := o.zones.origin(ctx, w, r.Question[0].Qtype)
	if from == fromAlias {
		return nil
	}
	ow := &writer{Context: ctx, ResponseWriter: w, rule: rule, options: o.options(ctx, rule.policy, w, r)}
	ow.series = ow.seriesOf(from)
	if m := ow.options.metadata; m != nil {
		m.client = ow.client()
	}
	return ow
}

// options returns what is particular to the query r.
func (o *Ordering) options(ctx context.Context, p *policy, w dns.ResponseWriter, r *dns.Msg) *queryOptions {
	watched := o.zones.watched.Load()
	if p.trusted == nil && p.limit == 0 && !watched {
		return &noOptions
	}
	var found queryOptions
	if p.trusted != nil {
		found.ecs = p.trusted.Option(r, sourceAddr(ctx, w))
	}
	found.unlimited = p.limit > 0 && wantsDNSSEC(r)
	if watched {
		found.metadata = metadataIn(ctx)
	}
	if found == noOptions {
		return &noOptions
	}
	kept := found // only now allocated
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
	metadata  *queryMetadata // nil: nobody asks for it
	ecs       *ecs.Option    // nil: no Client Subnet option that is trusted
	unlimited bool           // answer_limit does not apply
}

var noOptions queryOptions // never written to

// writer orders the response on its way to the client. It is also the context of the query for the
// plugins below, so that a look-up that they make for an alias is known. One object serves both, and
// it is small, because every query has one.
type writer struct {
	dns.ResponseWriter
	context.Context
	rule    *serverRule
	options *queryOptions
	series  rrset.Series
}

// Value returns the writer for orderedKey, and otherwise what the context of the query has. It
// implements context.Context.
func (w *writer) Value(key any) any {
	if key == (orderedKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// seriesOf returns the series that the turns of the query are counted in.
func (w *writer) seriesOf(from origin) (s rrset.Series) {
	if w.rule.stream || w.RemoteAddr() != nil && w.RemoteAddr().Network() != "udp" {
		s |= rrset.Stream
	}
	if from == fromSynthesis {
		s |= rrset.Synthesis
	}
	return s
}

// WriteMsg puts res in order and passes it on. It gives res new sections; the old ones and their
// records belong to the plugins below and are only read.
func (w *writer) WriteMsg(res *dns.Msg) error {
	if orderable(res) {
		w.order(res)
	}
	if w.options.ecs != nil {
		w.answerECS(res)
	}
	return w.ResponseWriter.WriteMsg(res)
}

// orderable reports whether res is to be put in order: NOERROR, to a question that is no zone
// transfer.
func orderable(res *dns.Msg) bool {
	return res != nil && res.Rcode == dns.RcodeSuccess && len(res.Question) > 0 && !isTransfer(res.Question[0].Qtype)
}

func isTransfer(qtype uint16) bool { return qtype == dns.TypeAXFR || qtype == dns.TypeIXFR }

// order puts the answer and the additional section of res in order.
func (w *writer) order(res *dns.Msg) {
	p := w.rule.policy
	steady := res.Authoritative && !w.rule.rotates && !beginsWithAlias(res.Answer)
	q := rrset.Query{Canonical: p.canonical(steady), Series: w.series}
	if !w.options.unlimited {
		q.Limit = p.limit
	}
	p.ranker.Rank(&q.Ranking, w.client())
	res.Answer = p.orderer.Answer(res.Answer, &q, res.Question[0].Name)
	res.Extra = p.orderer.Additional(res.Extra, &q)
	if first, ip4, ok := firstAddress(res.Answer); ok {
		tier := q.Ranking.Tier(first, ip4)
		w.rule.count(tier)
		if m := w.options.metadata; m != nil {
			m.first, m.tier = first.Netip(ip4), tier
		}
	}
}

// client returns the address that the response is for: that of a trusted Client Subnet option, else
// the source of the packet.
func (w *writer) client() netip.Addr {
	if o := w.options.ecs; o != nil && o.Client().IsValid() {
		return o.Client()
	}
	return sourceAddr(w, w)
}

// answerECS gives res the Client Subnet option of the query back. Without an address in it, the
// response does not depend on the client. Zone transfers are left alone.
func (w *writer) answerECS(res *dns.Msg) {
	if res == nil || len(res.Question) == 0 || isTransfer(res.Question[0].Qtype) {
		return
	}
	scope := 0
	if hasAddress(res.Answer) || hasAddress(res.Extra) {
		scope = w.rule.policy.scope(w.options.ecs.Client())
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
