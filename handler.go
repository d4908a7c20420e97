package ordering

import (
	"context"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Ordering is the plugin's handler: it puts the answers that come up the chain from Next in the order of the policy for
// the zone of the question. The zero value orders nothing; what a Corefile says makes one that does.
type Ordering struct {
	Next  plugin.Handler
	rules *rules
}

// Name returns the name of the directive. It implements plugin.Handler.
func (o *Ordering) Name() string { return pluginName }

// ServeDNS passes the query on and orders the answer on its way back. It implements plugin.Handler.
func (o *Ordering) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	at := o.site(ctx, r)
	if at != nil {
		w = o.writer(ctx, at, w, r)
	}
	if at == nil || at.traced || o.Next == nil {
		return plugin.NextOrFailure(o.Name(), o.Next, ctx, w, r)
	}
	// What NextOrFailure does without a trace is to wrap w once more, for a writer that wants to know which plugin answers.
	// Ours does not, and the wrapper would cost a fifth of the time that ordering a small answer takes.
	return o.Next.ServeDNS(ctx, w, r)
}

// site returns the site that r is a question to, nil where no policy is for it.
func (o *Ordering) site(ctx context.Context, r *dns.Msg) *site {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) == 0 {
		return nil
	}
	rule := o.rules.find(r.Question[0].Name)
	if rule == nil {
		return nil
	}
	return rule.site(ctx)
}

// writer returns w wrapped so that the answer to r is ordered. What the order depends on in r is read here, on the way down:
// plugins below may rewrite the query.
func (o *Ordering) writer(ctx context.Context, at *site, w dns.ResponseWriter, r *dns.Msg) *writer {
	ow := &writer{ResponseWriter: w, site: at, asked: &nothing}
	p, observed := at.policy, o.rules.observed.Load()
	if p.ecs == nil && p.limit == 0 && !observed {
		return ow
	}
	var more asked
	if p.ecs != nil {
		more.ecs = p.ecs.option(r, clientOctets(w.RemoteAddr()))
	}
	more.uncut = p.limit > 0 && wantsDNSSEC(r)
	if observed {
		more.facts = factsIn(ctx)
	}
	if more != nothing {
		kept := more // more itself stays on the stack
		ow.asked = &kept
		kept.facts.setClient(ow.client())
	}
	return ow
}

// wantsDNSSEC reports whether r has the DO bit, RFC 4035 section 3.2.1. A cut RRset does not validate.
func wantsDNSSEC(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && opt.Do()
}

// A writer is the way back of one query. It is as small as can be, because it is made for each.
type writer struct {
	dns.ResponseWriter
	site  *site
	asked *asked
}

// asked is what a query has that most have not; these share nothing, which is only read.
type asked struct {
	facts *facts        // nil when nobody asks for metadata
	ecs   *clientSubnet // nil without a Client Subnet option that is trusted
	uncut bool          // answer_limit does not apply
}

var nothing asked

// WriteMsg puts res in order and passes it on. It gives res new sections; the old ones and the records belong to the
// plugins below and are only read.
func (w *writer) WriteMsg(res *dns.Msg) error {
	if orderable(res) {
		w.order(res)
	}
	if w.asked.ecs != nil {
		w.asked.ecs.answer(res, w.site.policy)
	}
	return w.ResponseWriter.WriteMsg(res)
}

// orderable reports whether res is one to put in order: NOERROR, to a question that is no zone transfer.
func orderable(res *dns.Msg) bool {
	return res != nil && res.Rcode == dns.RcodeSuccess && len(res.Question) > 0 && !isTransfer(res.Question[0].Qtype)
}

func isTransfer(qtype uint16) bool { return qtype == dns.TypeAXFR || qtype == dns.TypeIXFR }

// order puts the answer and the additional section of res in order.
func (w *writer) order(res *dns.Msg) {
	p := w.site.policy
	q := query{canonical: p.startsCanonical(res.Authoritative), limit: p.limit}
	if w.asked.uncut {
		q.limit = 0
	}
	p.rank(&q.ranking, w.client())
	res.Answer = p.order(res.Answer, &q, res.Question[0].Name)
	res.Extra = p.order(res.Extra, &q, "")
	if first := firstAddress(res.Answer); first != nil {
		tier := q.ranking.tier(octetsOf(first))
		w.site.response(tier)
		w.asked.facts.setFirst(first, tier)
	}
}

// client returns the address that the answer is for: that of a trusted Client Subnet option, else the packet's source.
func (w *writer) client() octets {
	if w.asked.ecs != nil && w.asked.ecs.client.IsValid() {
		return octetsFrom(w.asked.ecs.client)
	}
	return clientOctets(w.RemoteAddr())
}

// firstAddress returns the first A or AAAA record of answer, nil if there is none.
func firstAddress(answer []dns.RR) dns.RR {
	for _, rr := range answer {
		if isAddress(rr) {
			return rr
		}
	}
	return nil
}
