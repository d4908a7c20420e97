package ordering

import (
	"context"
	"net/netip"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// parsed returns what parse makes of the ordering directives of a server block for the root zone.
func parsed(corefile string) (*zones, error) {
	c := caddy.NewTestController("dns", corefile)
	c.ServerBlockKeys = []string{"."}
	return parse(c, new(rrset.Turns))
}

// orderingOf returns the handler that a server block with these ordering directives has.
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

// reply returns an authoritative answer with these records.
func reply(qname string, qtype uint16, answer ...dns.RR) *dns.Msg {
	m := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion(qname, qtype))
	m.Authoritative, m.Answer = true, answer
	return m
}

// replying returns a handler that replies with a message of its own but with the sections of m, as file does out of its zone.
func replying(m *dns.Msg) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		res := *m
		res.Id = r.Id
		return m.Rcode, w.WriteMsg(&res)
	})
}

// ask returns what a client that asks from this address gets.
func ask(tb testing.TB, h plugin.Handler, client, qname string, qtype uint16) *dns.Msg {
	tb.Helper()
	return exchange(tb, h, client, new(dns.Msg).SetQuestion(qname, qtype))
}

func exchange(tb testing.TB, h plugin.Handler, client string, r *dns.Msg) *dns.Msg {
	tb.Helper()
	w := &inbox{sink: from(client)}
	if _, err := h.ServeDNS(context.Background(), w, r); err != nil {
		tb.Fatal(err)
	}
	return w.msg
}

// An inbox is a client that keeps what it gets.
type inbox struct {
	*sink
	msg *dns.Msg
}

func (i *inbox) WriteMsg(m *dns.Msg) error {
	i.msg = m
	return nil
}

// rrset returns the address records that hot has for these addresses.
func addressRRset(addrs ...string) []dns.RR {
	rrs := make([]dns.RR, len(addrs))
	for i, a := range addrs {
		rrs[i] = address(hot, netip.MustParseAddr(a))
	}
	return rrs
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

// rankingOf returns the ranking that p has for a client.
func rankingOf(p *policy, client netip.Addr) (k ranking.Ranking) {
	p.ranker.Rank(&k, client)
	return k
}

// tierOf returns the tier of an address.
func tierOf(k *ranking.Ranking, a netip.Addr) uint32 { return k.Tier(ipaddr.FromNetip(a), a.Is4()) }

// isAddress reports whether rr is an A or AAAA record, whatever its data.
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
