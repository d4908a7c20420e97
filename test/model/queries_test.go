package model

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/miekg/dns"
)

// timeout is how long a query may take. It does not measure speed: no answer takes this long.
const timeout = 20 * time.Second

// A query is what one client asks.
type query struct {
	question
	source  netip.Addr // as the PROXY header has it
	tcp     bool
	edns    bool
	size    uint16 // of the client's largest datagram, with edns
	do      bool
	subnet  netip.Prefix // of the Client Subnet option; the zero Prefix: none
	spelled uint64       // seed of the upper-case letters in the name
}

// msg returns q as a message.
func (q *query) msg() *dns.Msg {
	spelling, name := rand.New(rand.NewPCG(q.spelled, 0)), []byte(q.name)
	for i := range name {
		if q.spelled > 0 && spelling.IntN(2) == 0 && 'a' <= name[i] && name[i] <= 'z' {
			name[i] -= 'a' - 'A'
		}
	}
	m := new(dns.Msg).SetQuestion(string(name), q.qtype)
	if !q.edns {
		return m
	}
	m.SetEdns0(q.size, q.do)
	if q.subnet.IsValid() {
		m.IsEdns0().Option = []dns.EDNS0{proxied.Subnet(q.subnet)}
	}
	return m
}

func (q *query) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s from %v over %s", q.name, dns.TypeToString[q.qtype], q.source, q.transport())
	if q.edns {
		fmt.Fprintf(&b, ", EDNS %d, DO %v, subnet %v", q.size, q.do, q.subnet)
	}
	return b.String()
}

func (q *query) transport() string {
	if q.tcp {
		return "TCP"
	}
	return "UDP"
}

// datagram returns the size of the largest answer that the client takes over UDP.
func (q *query) datagram() int {
	if q.edns {
		return max(dns.MinMsgSize, int(q.size))
	}
	return dns.MinMsgSize
}

// exchange sends q and returns the response and its length. udp is a socket connected to the
// server.
func (s *servers) exchange(udp net.Conn, q *query) (*dns.Msg, int, error) {
	m := q.msg()
	packed, err := m.Pack()
	if err != nil {
		return nil, 0, err
	}
	source := netip.AddrPortFrom(q.source, 40000)
	var response []byte
	if q.tcp {
		response, err = overTCP(s.tcp, source, packed)
	} else {
		response, err = exchange(udp, append(proxied.Header(proxied.Datagram, source), packed...))
	}
	if err != nil {
		return nil, 0, err
	}
	r := new(dns.Msg)
	if err := r.Unpack(response); err != nil {
		return nil, 0, err
	}
	if r.Id != m.Id || !r.Response || len(r.Question) != 1 || r.Question[0] != m.Question[0] {
		return nil, 0, fmt.Errorf("not a response to %v:\n%v", m, r)
	}
	return r, len(response), nil
}

// exchange sends a packed query over conn and returns the packed response.
func exchange(conn net.Conn, packet []byte) ([]byte, error) {
	conn.SetDeadline(time.Now().Add(timeout))
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	response := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(response)
	return response[:n], err
}

func overTCP(addr string, source netip.AddrPort, packed []byte) ([]byte, error) {
	conn, err := proxied.Dial(addr, source)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return exchange(&dns.Conn{Conn: conn}, packed)
}

// below returns the answer that ordering gets from below: that of the reference server.
func (s *servers) below(q question, do bool) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	if do {
		m.SetEdns0(dns.DefaultMsgSize, true)
	}
	c := dns.Client{Net: "tcp", Timeout: timeout}
	r, _, err := c.Exchange(m, s.reference)
	return r, err
}
