package ordering

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// hot is the name that most tests ask for.
const hot = "server1.example.org."

// Handlers made from a Corefile.

// parsed returns the result of parse for the ordering directives of a server block for the root
// zone.
func parsed(corefile string) (*zones, error) {
	c := caddy.NewTestController("dns", corefile)
	c.ServerBlockKeys = []string{"."}
	return parse(c, new(rrset.Turns))
}

// orderingOf returns the handler of a server block with these ordering directives, above next.
func orderingOf(tb testing.TB, corefile string, next plugin.Handler) *Ordering {
	tb.Helper()
	zones, err := parsed(corefile)
	if err != nil {
		tb.Fatalf("%v\n%s", err, corefile)
	}
	return &Ordering{Next: next, zones: zones}
}

// policyOf returns the policy for the root zone.
func policyOf(tb testing.TB, corefile string) *policy {
	tb.Helper()
	return orderingOf(tb, corefile, nil).zones.find(".").policy
}

// rankingOf returns the ranking that p has for a client.
func rankingOf(p *policy, client netip.Addr) (k ranking.Ranking) {
	p.ranker.Rank(&k, client)
	return k
}

// tierOf returns the tier of an address.
func tierOf(k *ranking.Ranking, a netip.Addr) uint32 { return k.Tier(ipaddr.FromNetip(a), a.Is4()) }

// withTable replaces TABLE in a Corefile by the path of a topology file.
func withTable(tb testing.TB, corefile string) string {
	if !strings.Contains(corefile, "TABLE") {
		return corefile
	}
	return strings.ReplaceAll(corefile, "TABLE", tableFile(tb))
}

// tableFile returns the path of a topology file with the 256 /16 networks of 10.0.0.0/8.
func tableFile(tb testing.TB) string {
	var lines strings.Builder
	for i := range 256 {
		fmt.Fprintf(&lines, "10.%d.0.0/16 region-%d/zone-%d\n", i, i%8, i)
	}
	path := filepath.Join(tb.TempDir(), "table")
	if err := os.WriteFile(path, []byte(lines.String()), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// A source is an empty topology that counts how often it was started.
type source struct {
	topology.Source
	err    error // returned by Start
	starts int   // set to 0 by Stop
	ready  bool
}

func (s *source) Table() *topology.Table { return nil }

func (s *source) Ready() bool { return s.ready }

func (s *source) Synced() bool { return s.ready }

func (s *source) Start() error {
	if s.err == nil {
		s.starts++
	}
	return s.err
}

func (s *source) Stop() error {
	s.starts = 0
	return nil
}

// follows returns a policy that asks this topology.
func follows(t topology.Source) *policy {
	return &policy{ranker: ranking.New(ranking.Config{Topology: t})}
}

// Plugins below the handler.

// replying returns a handler that replies with the header and the sections of m, as file does from
// its zone.
func replying(m *dns.Msg) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		res := *m
		res.Id = r.Id
		return m.Rcode, w.WriteMsg(&res)
	})
}

// sending returns a handler that replies with a copy of m, whatever the query is.
func sending(m *dns.Msg) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		res := *m
		return m.Rcode, w.WriteMsg(&res)
	})
}

// answering returns a handler that answers with these records. It makes the query its own reply, so
// that it allocates nothing.
func answering(answer []dns.RR, authoritative bool) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		r.Response, r.Authoritative, r.Answer = true, authoritative, answer
		return dns.RcodeSuccess, w.WriteMsg(r)
	})
}

// meddling returns a handler that overwrites the query before it calls next.
func meddling(next plugin.Handler) plugin.Handler {
	return test.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		r.Question[0] = dns.Question{Name: "elsewhere.example.net.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
		if opt := r.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if s, ok := o.(*dns.EDNS0_SUBNET); ok {
					clear(s.Address)
					*s = dns.EDNS0_SUBNET{}
				}
			}
			opt.Option, opt.Hdr.Ttl = nil, 0
		}
		return next.ServeDNS(ctx, w, r)
	})
}

// Clients.

// servingContext returns a context like the one that a server gives its plugins.
func servingContext() context.Context {
	return context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
}

// A sink is a writer for one client that drops what is written.
type sink struct {
	test.ResponseWriter
	client net.Addr
}

func (s *sink) RemoteAddr() net.Addr { return s.client }

// from returns a writer for a client that asks from this address.
func from(client string) *sink {
	return &sink{client: &net.UDPAddr{IP: net.ParseIP(client), Port: 40212}}
}

// An inbox is a writer for one client that keeps the last message.
type inbox struct {
	*sink
	msg *dns.Msg
}

func (i *inbox) WriteMsg(m *dns.Msg) error {
	i.msg = m
	return nil
}

// ask returns the response to a client that asks from this address.
func ask(tb testing.TB, h plugin.Handler, client, qname string, qtype uint16) *dns.Msg {
	tb.Helper()
	return exchange(tb, h, client, new(dns.Msg).SetQuestion(qname, qtype))
}

// exchange returns the response to query r of a client that asks from this address.
func exchange(tb testing.TB, h plugin.Handler, client string, r *dns.Msg) *dns.Msg {
	tb.Helper()
	w := &inbox{sink: from(client)}
	if _, err := h.ServeDNS(context.Background(), w, r); err != nil {
		tb.Fatal(err)
	}
	return w.msg
}

// Messages.

// reply returns an authoritative answer with these records.
func reply(qname string, qtype uint16, answer ...dns.RR) *dns.Msg {
	m := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion(qname, qtype))
	m.Authoritative, m.Answer = true, answer
	return m
}

// resolver is the source of queries with a Client Subnet option.
const resolver = "203.0.113.53"

// subnet returns a Client Subnet option.
func subnet(family uint16, addr string, source, scope uint8) *dns.EDNS0_SUBNET {
	ip := net.ParseIP(addr)
	if family == 1 && ip.To4() != nil {
		ip = ip.To4()
	}
	return &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, SourceScope: scope, Address: ip,
	}
}

// asking returns a query with these EDNS options.
func asking(options ...dns.EDNS0) *dns.Msg {
	r := new(dns.Msg).SetQuestion(hot, dns.TypeA)
	r.SetEdns0(1232, false)
	r.IsEdns0().Option = options
	return r
}

// subnetsIn returns the Client Subnet options of m.
func subnetsIn(m *dns.Msg) (all []*dns.EDNS0_SUBNET) {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok {
			all = append(all, s)
		}
	}
	return all
}

// Records.

// record returns the record in a line of a zone file.
func record(line string) dns.RR {
	rr, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	return rr
}

// address returns an A or AAAA record. An A record has 16 bytes, as when it is parsed from a zone
// file.
func address(owner string, a netip.Addr) dns.RR {
	b := a.As16()
	if a.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: b[:]}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 300}, AAAA: b[:]}
}

// addressRRset returns the records of hot with these addresses.
func addressRRset(addrs ...string) []dns.RR {
	rrs := make([]dns.RR, len(addrs))
	for i, a := range addrs {
		rrs[i] = address(hot, netip.MustParseAddr(a))
	}
	return rrs
}

// spread returns n address records of hot. The first is in the first network, the second in the
// second, and so on in rotation.
func spread(n int, networks ...string) []dns.RR {
	next := make([]netip.Addr, len(networks))
	for i, network := range networks {
		next[i] = netip.MustParsePrefix(network).Addr()
	}
	rrs := make([]dns.RR, n)
	for i := range rrs {
		a := &next[i%len(next)]
		*a = a.Next()
		rrs[i] = address(hot, *a)
	}
	return rrs
}

// numbered returns the first n addresses of a /24: 10.4.3.1, 10.4.3.2, … for 10.4.3.
func numbered(network string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s.%d", network, i+1)
	}
	return all
}

// addrs returns the addresses in a section, in order.
func addrs(section []dns.RR) []string {
	var all []string
	for _, rr := range section {
		if a := addressIn(rr); a.IsValid() {
			all = append(all, a.String())
		}
	}
	return all
}

// addressIn returns the address in rr, the zero Addr if it has none.
func addressIn(rr dns.RR) netip.Addr {
	var a netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A)
		a = a.Unmap()
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return a
}

// isAddress reports whether rr is an A or AAAA record, with or without an address.
func isAddress(rr dns.RR) bool {
	_, _, ok := rrset.Address(rr)
	return ok
}

// isAlias reports whether rr is a CNAME or DNAME record.
func isAlias(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.CNAME, *dns.DNAME:
		return true
	}
	return false
}

// lines returns records as text for a failure message, one in each line; of a long section only the
// first.
func lines(rrs []dns.RR) string {
	const most = 60
	var b strings.Builder
	for _, rr := range rrs[:min(len(rrs), most)] {
		fmt.Fprintln(&b, "\t", rr)
	}
	if len(rrs) > most {
		fmt.Fprintf(&b, "\t … and %d more\n", len(rrs)-most)
	}
	return b.String()
}

// unevenness returns how often the address that comes first most often does so, divided by the count
// of the one that does so least often. It is +Inf if one of addrs never comes first.
func unevenness(firsts map[string]int, addrs []string) float64 {
	counts := make([]int, len(addrs))
	for i, a := range addrs {
		counts[i] = firsts[a]
	}
	return float64(slices.Max(counts)) / float64(slices.Min(counts))
}
