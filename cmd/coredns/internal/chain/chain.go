// Package chain has the servers of a Corefile answer single queries, without listening.
//
// The servers are those that CoreDNS would start, with the plugins that it would give them. Only the
// plugins that would listen, report or write files stay out of it; see inert.
package chain

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/coredns-ordering/ordering"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/ready"
	"github.com/coredns/coredns/plugin/secondary"

	"github.com/miekg/dns"
)

// A Chain is the servers of a Corefile. It is not safe for concurrent use.
type Chain struct {
	instance *caddy.Instance
	servers  []*Server
	handlers []plugin.Handler // of all server blocks
	probes   *probes
	copies   copies
}

// Open returns the Chain of a Corefile. It runs all that CoreDNS runs before it begins to listen. The
// error is what CoreDNS would refuse to start with. The caller must call Close.
func Open(corefile caddy.Input) (*Chain, error) {
	c := &Chain{probes: new(probes)}
	l, err := load(corefile, false, c.probes)
	if err != nil {
		return nil, err
	}
	c.instance, c.copies = l.instance, l.copies
	made, err := l.context.MakeServers()
	if err != nil {
		return nil, errors.Join(err, c.copies.remove())
	}
	c.addServers(made, l.configs())
	for _, config := range l.configs() {
		c.handlers = append(c.handlers, config.Handlers()...)
	}
	for _, o := range c.orderings() {
		o.Explain(c.probes.add)
	}
	for _, start := range slices.Concat(l.instance.OnFirstStartup, l.instance.OnStartup) {
		if err := start(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// addServers adds the servers that were made of configs, in the order of the Corefile.
func (c *Chain) addServers(made []caddy.Server, configs []*dnsserver.Config) {
	byAddr := map[string]*Server{}
	for _, config := range configs {
		for _, addr := range listenAddrs(config) {
			s := byAddr[addr]
			if s == nil {
				s = &Server{Addr: addr}
				byAddr[addr] = s
				c.servers = append(c.servers, s)
			}
			s.configs = append(s.configs, config)
		}
	}
	for _, m := range made {
		if server := innerServer(m); server != nil && byAddr[server.Addr] != nil {
			byAddr[server.Addr].server = server
		}
	}
	c.servers = slices.DeleteFunc(c.servers, func(s *Server) bool { return s.server == nil })
}

// orderings returns the handlers of ordering.
func (c *Chain) orderings() (all []*ordering.Ordering) {
	for _, h := range c.handlers {
		if o, ok := h.(*ordering.Ordering); ok {
			all = append(all, o)
		}
	}
	return all
}

// patience is how long Close waits for the plugins. Plugin file waits for ever if a server block has a
// zone at two ports: it ends the goroutine of the zone once for each, and there is only one.
const patience = 100 * time.Millisecond

// Close ends what Open began. If a plugin does not end in time, Close leaves the rest to the end of the
// process.
func (c *Chain) Close() error {
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(c.instance.ShutdownCallbacks()...) }()
	select {
	case err := <-ended:
		return errors.Join(err, c.copies.remove())
	case <-time.After(patience):
		return c.copies.remove()
	}
}

// Rules returns the ordering directives of the Corefile by zone, in the order of the Corefile.
func (c *Chain) Rules() []ordering.Rule {
	var rules []ordering.Rule
	for _, o := range c.orderings() {
		for _, r := range o.Rules() {
			if !slices.Contains(rules, r) { // a server block of several zones has a handler for each
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// AnswerWith makes the plugins below ordering answer every query with records, and no longer ask
// what the Corefile says.
func (c *Chain) AnswerWith(records []dns.RR) { c.probes.records = records }

// WaitUntilReady returns when all plugins are ready, or when timeout is over. Then it returns the
// names of those that are not.
func (c *Chain) WaitUntilReady(timeout time.Duration) (missing []string) {
	const pause = 20 * time.Millisecond
	for deadline := time.Now().Add(timeout); ; time.Sleep(pause) {
		missing = nil
		for _, h := range c.handlers {
			if !isReady(h) && !slices.Contains(missing, h.Name()) {
				missing = append(missing, h.Name())
			}
		}
		if len(missing) == 0 || time.Now().After(deadline) {
			return missing
		}
	}
}

// isReady reports whether h is ready, as far as it can be known.
func isReady(h plugin.Handler) bool {
	switch h := h.(type) {
	case ready.Readiness:
		return h.Ready()
	case *secondary.Secondary: // once it has its zones
		for _, z := range h.Zones.Z {
			if z.SOASerialIfDefined() < 0 {
				return false
			}
		}
	}
	return true
}

// Servers returns the servers that have a zone that holds name, the one with the most specific zone
// first, otherwise in the order of the Corefile.
func (c *Chain) Servers(name string) []*Server {
	found := slices.DeleteFunc(slices.Clone(c.servers), func(s *Server) bool { return s.labels(name) < 0 })
	slices.SortStableFunc(found, func(a, b *Server) int { return b.labels(name) - a.labels(name) })
	return found
}

// A Response is what a client gets, and how it came about.
type Response struct {
	*dns.Msg                         // nil: the query was dropped
	Zone     string                  // of the server block that took it; "" if none, by their views
	From     string                  // the plugin that answered first, "" if none did
	Err      error                   // why the query failed
	Ordered  []*ordering.Explanation // by each ordering directive that the response passed, in turn
}

// Ask asks s as a client at source does. Turns begin anew with each call.
func (c *Chain) Ask(s *Server, source netip.Addr, r *dns.Msg) (*Response, error) {
	w, err := newWriter(s.Addr, source)
	if err != nil {
		return nil, err
	}
	if r, err = received(r); err != nil {
		return nil, err
	}
	ordering.ForgetTurns()
	c.probes.take()
	q := new(query)
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, s.server)
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	ctx = context.WithValue(ctx, queryKey{}, q)
	s.server.ServeDNS(ctx, w, r)
	return &Response{Msg: w.msg, Zone: q.zone, From: q.answeredBy, Err: q.err, Ordered: c.probes.take()}, nil
}

// received returns r as the server would receive it, which spells some names in another way.
func received(r *dns.Msg) (*dns.Msg, error) {
	packed, err := r.Pack()
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(packed)
}
