package e2e

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/miekg/dns"
)

// A client sends queries to a server from an address of the test's choice.
type client struct {
	t    *testing.T
	s    *testServer
	addr netip.Addr
}

// as returns a client of s with this address.
func (s *testServer) as(addr string) client {
	return client{s.t, s, netip.MustParseAddr(addr)}
}

// answer asks for the A records of name. It returns the addresses in the answer section in their
// order, separated by spaces.
func (c client) answer(name string) string { return addresses(c.ask(name, dns.TypeA).Answer) }

// answer6 is answer for AAAA records.
func (c client) answer6(name string) string { return addresses(c.ask(name, dns.TypeAAAA).Answer) }

// ask sends one query over UDP and returns the response, which must be NOERROR.
func (c client) ask(name string, qtype uint16) *dns.Msg {
	c.t.Helper()
	r := c.exchange(question(name, qtype))
	if r.Rcode != dns.RcodeSuccess {
		c.t.Fatalf("%s %s: %s", name, dns.TypeToString[qtype], dns.RcodeToString[r.Rcode])
	}
	return r
}

// question returns a query for name, with or without a dot at the end.
func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
}

// exchange sends m over UDP and returns the response. Clients of one server share a socket, so they
// wait for each other.
func (c client) exchange(m *dns.Msg) *dns.Msg {
	c.t.Helper()
	return parse(c.t, m, c.exchangeWire(wire(c.t, m)))
}

// exchangeWire is exchange for packed messages: it takes a packed query and returns a packed
// response.
func (c client) exchangeWire(query []byte) []byte {
	c.t.Helper()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.udp == nil {
		conn, err := net.Dial("udp", c.s.udpAddr())
		if err != nil {
			c.t.Fatal(err)
		}
		c.s.udp = conn
	}
	return c.datagram(c.s.udp, query)
}

// datagram sends a PROXY header and query in one datagram over conn, and returns the response.
func (c client) datagram(conn net.Conn, query []byte) []byte {
	c.t.Helper()
	packet := append(proxied.Header(proxied.Datagram, netip.AddrPortFrom(c.addr, 40000)), query...)
	if _, err := conn.Write(packet); err != nil {
		c.t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(program.Timeout))
	response := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(response)
	if err != nil {
		c.t.Fatal(err)
	}
	return response[:n]
}

// dial opens a TCP connection to addr and sends a PROXY header. The connection is closed at the end
// of the test, if not before.
func (c client) dial(addr string) net.Conn {
	c.t.Helper()
	conn, err := proxied.Dial(addr, netip.AddrPortFrom(c.addr, 40000))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(program.Timeout))
	return conn
}

// exchangeTCP sends m over a TCP connection of its own and returns the response.
func (c client) exchangeTCP(m *dns.Msg) *dns.Msg {
	c.t.Helper()
	stream := c.dial(c.s.tcpAddr())
	defer stream.Close()
	return exchangeOver(c.t, stream, m)
}

// exchangeOver sends m over an open TCP connection and returns the response.
func exchangeOver(t *testing.T, stream net.Conn, m *dns.Msg) *dns.Msg {
	t.Helper()
	conn := &dns.Conn{Conn: stream}
	if err := conn.WriteMsg(m); err != nil {
		t.Fatal(err)
	}
	r, err := conn.ReadMsg()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wire returns m packed.
func wire(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// parse unpacks response, which must be one to query.
func parse(t *testing.T, query *dns.Msg, response []byte) *dns.Msg {
	t.Helper()
	r := new(dns.Msg)
	if err := r.Unpack(response); err != nil {
		t.Fatal(err)
	}
	if r.Id != query.Id || !r.Response {
		t.Fatalf("not a response to query %d:\n%v", query.Id, r)
	}
	return r
}

// addresses returns the addresses in a section in their order, separated by spaces.
func addresses(section []dns.RR) string {
	var all []string
	for _, rr := range section {
		switch rr := rr.(type) {
		case *dns.A:
			all = append(all, rr.A.String())
		case *dns.AAAA:
			all = append(all, rr.AAAA.String())
		}
	}
	return strings.Join(all, " ")
}

// texts returns the records of a section in presentation format, with single spaces. It leaves out
// the TTLs, because a cache counts them down.
func texts(section []dns.RR) []string {
	all := make([]string, len(section))
	for i, rr := range section {
		fields := strings.Fields(rr.String())
		all[i] = strings.Join(slices.Delete(fields, 1, 2), " ")
	}
	return all
}

// first returns the first word of s: the first address of an answer.
func first(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
