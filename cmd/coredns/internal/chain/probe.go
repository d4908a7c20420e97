package chain

import (
	"context"
	"sync"

	"github.com/coredns-ordering/ordering"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// probes are what the probes of a Chain have in common.
type probes struct {
	records []dns.RR // the answer to everything that ordering asks the plugins below; nil: they answer

	mu      sync.Mutex // some plugins ask in the background
	ordered []*ordering.Explanation
}

// add adds an explanation of the response to the query that is answered.
func (p *probes) add(x *ordering.Explanation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ordered = append(p.ordered, x)
}

// take returns what was added since the last call.
func (p *probes) take() []*ordering.Explanation {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.ordered
	p.ordered = nil
	return all
}

// A probe stands between two plugins. It records that the lower one answers. The handlers themselves
// stay as they are, as plugins look for the handlers of others.
type probe struct {
	plugin.Handler // the lower plugin
	upper          string
	common         *probes
}

// addProbes puts a probe on top of each plugin of a server block, which has a configuration for each
// of its keys. The first has the plugins, and the others share them.
func addProbes(block []*dnsserver.Config, common *probes) {
	config := block[0]
	for i, newHandler := range config.Plugin {
		config.Plugin[i] = func(next plugin.Handler) plugin.Handler {
			if next == nil {
				return newLowest(newHandler, common)
			}
			p := &probe{Handler: next, common: common}
			upper := newHandler(p)
			p.upper = upper.Name()
			return upper
		}
	}
	if len(config.Plugin) > 0 {
		var zones plugin.Zones
		for _, c := range block {
			zones = append(zones, c.Zone)
		}
		top := func(next plugin.Handler) plugin.Handler {
			return topmost{&probe{Handler: next, common: common}, zones}
		}
		config.Plugin = append([]plugin.Plugin{top}, config.Plugin...)
	}
}

// newLowest returns the handler of a plugin that has none below it.
func newLowest(newHandler plugin.Plugin, common *probes) plugin.Handler {
	h := newHandler(nil)
	if h.Name() != "ordering" {
		return h
	}
	return newHandler(&probe{Handler: missing{h.Name()}, upper: h.Name(), common: common})
}

// missing is the handler below the lowest plugin, which is called upper. It does what a plugin does
// if there is no handler.
type missing struct{ upper string }

// Name returns a name that no plugin has.
func (missing) Name() string { return "missing" }

// ServeDNS implements plugin.Handler.
func (m missing) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return plugin.NextOrFailure(m.upper, nil, ctx, w, r)
}

// topmost is a handler that does nothing, so that the topmost plugin has a probe as well.
type topmost struct {
	*probe
	zones plugin.Zones // of the server block
}

// Name returns a name that no plugin has.
func (topmost) Name() string { return "topmost" }

// ServeDNS records the zone of the server block, which takes the query, and the error that the server
// does not get to see.
func (t topmost) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	zone := t.zones.Matches(r.Question[0].Name) // before rewrite changes the name
	code, err := t.probe.ServeDNS(ctx, w, r)
	if q, ok := ctx.Value(queryKey{}).(*query); ok {
		q.zone, q.err = zone, err
	}
	return code, err
}

// ServeDNS implements plugin.Handler.
func (p *probe) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if p.upper == "ordering" && p.common.records != nil {
		res := new(dns.Msg).SetReply(r)
		res.Authoritative, res.Answer = true, p.common.records
		return dns.RcodeSuccess, w.WriteMsg(res)
	}
	return p.Handler.ServeDNS(ctx, &probeWriter{w, ctx, p.Name()}, r)
}

// A query is what probes record of one query. It is in its context.
type query struct {
	zone       string // of the server block that takes it
	answeredBy string // the name of a plugin
	err        error  // with which the query failed
}

type queryKey struct{}

// A probeWriter is what a plugin writes its response to.
type probeWriter struct {
	dns.ResponseWriter
	ctx  context.Context
	name string
}

// WriteMsg records the plugin as the one that answers if none below it was.
func (w *probeWriter) WriteMsg(m *dns.Msg) error {
	if q, ok := w.ctx.Value(queryKey{}).(*query); ok && q.answeredBy == "" {
		q.answeredBy = w.name
	}
	return w.ResponseWriter.WriteMsg(m)
}
