package kubernetes

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
	"github.com/pires/go-proxyproto"
)

// asker sends queries to a server on behalf of a client: each query has a PROXY header with the
// client's address, as behind a load balancer.
type asker struct {
	server string // address and port
	client netip.Addr
}

// lookup returns the addresses that the client gets for a name, in their order. After a truncated
// answer it asks again over TCP, as resolvers do.
func (a asker) lookup(name string, qtype uint16) ([]netip.Addr, error) {
	answer, err := a.ask("udp", question(name, qtype))
	if err == nil && answer.Truncated {
		answer, err = a.ask("tcp", question(name, qtype))
	}
	if err != nil {
		return nil, err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return nil, errors.New(name + " " + dns.RcodeToString[answer.Rcode])
	}
	return addresses(answer), nil
}

func question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
}

// ask sends one message over udp or tcp and returns the response. It repeats the message when no
// response comes, as resolvers do: a server that reloads sometimes loses a datagram. A message that was
// not lost, but is answered too late, takes a turn twice.
func (a asker) ask(network string, m *dns.Msg) (*dns.Msg, error) {
	for deadline := time.Now().Add(timeout); ; {
		answer, err := a.askOnce(network, m)
		var failure net.Error
		if err == nil || !errors.As(err, &failure) || !failure.Timeout() || time.Now().After(deadline) {
			return answer, err
		}
	}
}

// askOnce sends one message and returns the response. It waits for ten seconds at most.
func (a asker) askOnce(network string, m *dns.Msg) (*dns.Msg, error) {
	raw, err := net.Dial(network, a.server)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(10 * time.Second))

	conn, err := a.withProxyHeader(raw)
	if err != nil {
		return nil, err
	}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	answer, err := conn.ReadMsg()
	if err == nil && answer.Id != m.Id {
		return nil, fmt.Errorf("an answer to query %d, not %d", answer.Id, m.Id)
	}
	return answer, err
}

// withProxyHeader returns a DNS connection over raw that sends PROXY headers: one at the start of a
// TCP connection, or one in each datagram.
func (a asker) withProxyHeader(raw net.Conn) (*dns.Conn, error) {
	header, err := a.header(raw.RemoteAddr())
	if err != nil {
		return nil, err
	}
	if packets, ok := raw.(*net.UDPConn); ok {
		return &dns.Conn{Conn: proxyConn{packets, header}, UDPSize: dns.MaxMsgSize}, nil
	}
	_, err = raw.Write(header)
	return &dns.Conn{Conn: raw}, err
}

// header returns a PROXY header for a query from the client to server.
func (a asker) header(server net.Addr) ([]byte, error) {
	client := netip.AddrPortFrom(a.client, 40000)
	// Both addresses in a header must have one family. The test uses the client's.
	nearby := netip.AddrPortFrom(netip.IPv4Unspecified(), 53)
	if a.client.Is6() {
		nearby = netip.AddrPortFrom(netip.IPv6Unspecified(), 53)
	}
	if server.Network() == "udp" {
		return proxyproto.HeaderProxyFromAddrs(2, net.UDPAddrFromAddrPort(client), net.UDPAddrFromAddrPort(nearby)).Format()
	}
	return proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(nearby)).Format()
}

// proxyConn is a UDP socket that sends header at the start of each datagram.
type proxyConn struct {
	*net.UDPConn
	header []byte
}

func (c proxyConn) Write(p []byte) (int, error) {
	n, err := c.UDPConn.Write(slices.Concat(c.header, p))
	return max(0, n-len(c.header)), err
}

// addresses returns the addresses in the answer section, in their order.
func addresses(m *dns.Msg) []netip.Addr {
	var all []netip.Addr
	for _, rr := range m.Answer {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		default:
			continue
		}
		if address, ok := netip.AddrFromSlice(ip); ok {
			all = append(all, address.Unmap())
		}
	}
	return all
}
