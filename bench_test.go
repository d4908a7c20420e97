package ordering

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/loadbalance" // to compare with
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

const hot = "server1.example.org."

var sizes = []int{2, 3, 10, 100, 1000}

// BenchmarkOrder measures the core alone: one answer section of one RRset.
func BenchmarkOrder(b *testing.B) {
	nearest := []string{"10.240.0.0/22", "10.240.32.0/22", "10.241.0.0/22", "10.0.0.0/22"}
	lengths := []int{22, 18, 14, 8} // which one each of these shares with the client
	client := netip.MustParseAddr("10.240.0.1")
	for _, n := range sizes {
		for _, tiers := range []int{1, 2, 3, 5} {
			b.Run(fmt.Sprintf("records=%d/tiers=%d", n, tiers), func(b *testing.B) {
				p := &policy{
					ranker:  ranking.New(ranking.Config{Masks: ranking.MaskLengths{IPv4: lengths[:tiers-1]}}),
					orderer: rrset.New(rrset.Config{Types: rrset.Types(dns.TypeA, dns.TypeAAAA), Turns: new(rrset.Turns)}),
				}
				in := spread(n, append([]string{"192.168.0.0/22"}, nearest[:tiers-1]...)...)
				b.ReportAllocs()
				for b.Loop() {
					q := rrset.Query{Limit: p.limit}
					p.ranker.Rank(&q.Ranking, client)
					p.orderer.Answer(in, &q, hot)
				}
			})
		}
	}
}

var (
	nets4 = []string{"192.168.0.0/22", "10.0.0.0/22", "10.240.0.0/22"}
	nets6 = []string{"2001:db8:ffff::/48", "2001:db8:0:1::/64", "2001:db8::/64"}
)

// served are the plugins that BenchmarkServeDNS compares, and their properties.
var served = []struct {
	name, corefile string
	nets           []string
	client         string
	referred       bool // the answer has no AA bit
}{
	{name: "none"},
	{name: "copy", corefile: "copy"},
	{name: "loadbalance", corefile: "loadbalance"},
	{name: "prefer", corefile: "loadbalance {\nprefer 10.240.0.0/24 10.240.0.0/16 10.0.0.0/8 192.168.0.0/16\n}"},
	{name: "ordering", corefile: "ordering"},
	{name: "ordering/family=AAAA", corefile: "ordering", nets: nets6, client: "2001:db8::77"},
	{name: "still", corefile: "ordering {\nlocal_net_priority off\nround_robin off\n}"},
	{name: "canonical", corefile: "ordering", referred: true},
	{name: "random", corefile: "ordering {\nround_robin random\n}"},
	{name: "sticky", corefile: "ordering {\nround_robin sticky\n}"},
	{name: "sortlist", corefile: "ordering {\nsortlist 10.240.0.0/24 10.240.0.0/16 10.0.0.0/8,172.16.0.0/12 !192.168.0.0/23\n}"},
	{name: "weight", corefile: "ordering {\nweight 10.0.0.0/8 3\nweight 192.168.0.0/24 2\n}"},
	{name: "limit", corefile: "ordering {\nanswer_limit 8\n}"},
	{name: "topology", corefile: "ordering {\ntopology TABLE\n}"},
}

// BenchmarkServeDNS measures the way of a query through one plugin, from a stub that answers to a writer that drops the
// answer.
func BenchmarkServeDNS(b *testing.B) {
	for _, s := range served {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("plugin=%s/records=%d", s.name, n), func(b *testing.B) {
				nets, w := nets4, from("10.240.0.77")
				if s.nets != nil {
					nets, w = s.nets, from(s.client)
				}
				chain := through(b, strings.ReplaceAll(s.corefile, "TABLE", tableFile(b)), answering(spread(n, nets...), !s.referred))
				ctx, r := servingContext(), questionFor(nets)
				b.ReportAllocs()
				for b.Loop() {
					chain.ServeDNS(ctx, w, r)
				}
			})
		}
	}
}

// BenchmarkServeDNSParallel measures one name that everybody asks for.
func BenchmarkServeDNSParallel(b *testing.B) {
	for _, name := range []string{"none", "loadbalance", "ordering"} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("plugin=%s/records=%d", name, n), func(b *testing.B) {
				corefile := name
				if name == "none" {
					corefile = ""
				}
				chain := through(b, corefile, answering(spread(n, nets4...), true))
				ctx := servingContext()
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					w, r := from("10.240.0.77"), questionFor(nets4)
					for pb.Next() {
						chain.ServeDNS(ctx, w, r)
					}
				})
			})
		}
	}
}

// spread returns an RRset of n addresses, taken from the networks in turn.
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

// address returns an A or AAAA record; an A as a zone file gives it, in 16 bytes.
func address(owner string, a netip.Addr) dns.RR {
	b := a.As16()
	if a.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: b[:]}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 300}, AAAA: b[:]}
}

// tableFile returns the path of a topology file of 256 zones.
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

// through returns next below the plugin that a server block with this one directive has; next itself without one, and below copying
// for copy.
func through(tb testing.TB, corefile string, next plugin.Handler) plugin.Handler {
	tb.Helper()
	switch corefile {
	case "":
		return next
	case "copy":
		return copying{next}
	}
	directive, _, _ := strings.Cut(corefile, " ")
	setup, err := caddy.DirectiveAction("dns", strings.TrimSpace(directive))
	if err != nil {
		tb.Fatal(err)
	}
	c := caddy.NewTestController("dns", corefile)
	c.ServerBlockKeys = []string{"."}
	if err := setup(c); err != nil {
		tb.Fatal(err)
	}
	for _, above := range dnsserver.GetConfig(c).Plugin {
		next = above(next)
	}
	return next
}

// copying is the least that a plugin can do that gives an answer another order: it wraps the writer and copies the section.
type copying struct{ plugin.Handler }

func (c copying) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return c.Handler.ServeDNS(ctx, &copier{w}, r)
}

type copier struct{ dns.ResponseWriter }

func (c *copier) WriteMsg(res *dns.Msg) error {
	section := make([]dns.RR, len(res.Answer))
	copy(section, res.Answer)
	res.Answer = section
	return c.ResponseWriter.WriteMsg(res)
}

// answering returns a handler that answers with these records. It makes the query its own reply, so that nothing is
// allocated but by the plugin above.
func answering(answer []dns.RR, authoritative bool) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		r.Response, r.Authoritative, r.Answer = true, authoritative, answer
		return dns.RcodeSuccess, w.WriteMsg(r)
	})
}

func questionFor(networks []string) *dns.Msg {
	qtype := dns.TypeA
	if strings.Contains(networks[0], ":") {
		qtype = dns.TypeAAAA
	}
	return new(dns.Msg).SetQuestion(hot, qtype)
}

// servingContext returns a context as a server gives it to its chain.
func servingContext() context.Context {
	return context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
}

// A sink is the way back to one client, that ends here.
type sink struct {
	test.ResponseWriter
	client net.Addr
}

func (s *sink) RemoteAddr() net.Addr { return s.client }

// from returns a writer for a client that asks from this address.
func from(client string) *sink {
	return &sink{client: &net.UDPAddr{IP: net.ParseIP(client), Port: 40212}}
}
