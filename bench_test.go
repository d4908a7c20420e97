package ordering

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/loadbalance" // for comparison

	"github.com/miekg/dns"
)

// sizes are the sizes of the RRsets in benchmarks.
var sizes = []int{2, 3, 10, 100, 1000}

// The networks of the addresses in benchmarks. For the benchmarks' client, each is nearer than the
// one before.
var (
	nets4 = []string{"192.168.0.0/22", "10.0.0.0/22", "10.240.0.0/22"}
	nets6 = []string{"2001:db8:ffff::/48", "2001:db8:0:1::/64", "2001:db8::/64"}
)

// BenchmarkOrder measures the order of one answer section of one RRset, without the handler.
func BenchmarkOrder(b *testing.B) {
	nearest := []string{"10.240.0.0/22", "10.240.32.0/22", "10.241.0.0/22", "10.0.0.0/22"}
	lengths := []int{22, 18, 14, 8} // of the longest of these masks that each network shares with the client
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

// served are the directives that BenchmarkServeDNS compares.
var served = []struct {
	name, corefile string
	nets           []string // nil: nets4
	client         string   // "": an IPv4 client
	referred       bool     // the answer is not authoritative
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
	{
		name:     "sortlist",
		corefile: "ordering {\nsortlist 10.240.0.0/24 10.240.0.0/16 10.0.0.0/8,172.16.0.0/12 !192.168.0.0/23\n}",
	},
	{name: "weight", corefile: "ordering {\nweight 10.0.0.0/8 3\nweight 192.168.0.0/24 2\n}"},
	{name: "limit", corefile: "ordering {\nanswer_limit 8\n}"},
	{name: "topology", corefile: "ordering {\ntopology TABLE\n}"},
}

// BenchmarkServeDNS measures one plugin between a handler that answers and a writer that drops the
// answer.
func BenchmarkServeDNS(b *testing.B) {
	for _, s := range served {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("plugin=%s/records=%d", s.name, n), func(b *testing.B) {
				nets, w := nets4, from("10.240.0.77")
				if s.nets != nil {
					nets, w = s.nets, from(s.client)
				}
				chain := through(b, withTable(b, s.corefile), answering(spread(n, nets...), !s.referred))
				ctx, r := servingContext(), questionFor(nets)
				b.ReportAllocs()
				for b.Loop() {
					chain.ServeDNS(ctx, w, r)
				}
			})
		}
	}
}

// BenchmarkServeDNSParallel measures many clients that ask for the same name at once.
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

// questionFor returns a query for addresses of the family that networks have.
func questionFor(networks []string) *dns.Msg {
	qtype := dns.TypeA
	if strings.Contains(networks[0], ":") {
		qtype = dns.TypeAAAA
	}
	return new(dns.Msg).SetQuestion(hot, qtype)
}

// through returns next below the plugin of a server block with this one directive. It returns next
// itself for "", and next below a copying for "copy".
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

// copying does the least that a plugin must do to change the order of an answer: it wraps the writer
// and copies the section.
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
