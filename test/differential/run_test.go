package differential

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/miekg/dns"
)

// newGenerator returns a generator with a new seed, or with the seed in DIFFERENTIAL_SEED.
func newGenerator(t *testing.T) generator {
	t.Helper()
	return generator{program.Random(t, "DIFFERENTIAL_SEED")}
}

// answers returns a function that reports whether a server has an IPv4 address of name, as ask says.
func answers(ask asker, name string) func(addr netip.AddrPort) bool {
	return func(addr netip.AddrPort) bool {
		_, err := ask(addr.String(), addr.Addr(), name, dns.TypeA)
		return err == nil
	}
}

// An asker sends a query for a name and type from the address client to a server. It returns the
// addresses in the answer.
type asker func(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error)

// ask is an asker without TSIG.
func ask(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error) {
	return exchange(new(dns.Client), server, client, new(dns.Msg).SetQuestion(name, qtype))
}

// askSigned returns an asker that signs its queries with a TSIG key.
func askSigned(key string) asker {
	return func(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error) {
		m := new(dns.Msg).SetQuestion(name, qtype)
		m.SetEdns0(1232, false)
		m.SetTsig(dns.Fqdn(key), dns.HmacSHA256, 300, time.Now().Unix())
		return exchange(&dns.Client{TsigSecret: map[string]string{dns.Fqdn(key): tsigSecret}}, server, client, m)
	}
}

// mustAsk returns the result of ask, and fails the test if there is an error.
func mustAsk(t *testing.T, ask asker, server string, client netip.Addr, name string, qtype uint16) []netip.Addr {
	t.Helper()
	all, err := ask(server, client, name, qtype)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// exchange sends m from client to server. An error, a truncated answer and an empty one are errors.
func exchange(c *dns.Client, server string, client netip.Addr, m *dns.Msg) ([]netip.Addr, error) {
	c.Dialer = &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(client, 0))}
	c.Timeout = program.Timeout
	res, _, err := c.Exchange(m, server)
	switch {
	case err != nil:
		return nil, err
	case res.Rcode != dns.RcodeSuccess || res.Truncated || len(res.Answer) == 0:
		return nil, fmt.Errorf("%s answers %s for %s, truncated %v, with %d records", server, dns.RcodeToString[res.Rcode],
			m.Question[0].Name, res.Truncated, len(res.Answer))
	}
	return addresses(res.Answer), nil
}

// addresses returns the addresses in an answer section, in their order.
func addresses(answer []dns.RR) (all []netip.Addr) {
	for _, rr := range answer {
		var a netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA)
		default:
			continue
		}
		all = append(all, a.Unmap())
	}
	return all
}

// startOrdering starts a CoreDNS server with these ordering directives and a file for the zone
// example. It returns the server's address.
func startOrdering(t *testing.T, directives, zoneFile string) string {
	t.Helper()
	corefile := fmt.Sprintf("example {\nbind 127.0.0.1\n%sfile %s\n}\n", directives, zoneFile)
	instance, err := server.Start(t, "Corefile", corefile)
	if err != nil {
		t.Fatal(err)
	}
	return server.UDP(instance)
}
