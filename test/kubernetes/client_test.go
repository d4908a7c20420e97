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

// asker asks a server in the name of any client: each query says in a PROXY header, as a load
// balancer's would, which address it comes from.
type asker struct {
	server string // address and port
	client netip.Addr
}

// lookup returns the addresses that the client gets for a name, in their order. An answer cut to
// fit a datagram is asked for again over TCP, as resolvers do.
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

// ask sends one message over udp or tcp and returns the answer to it. When none comes it sends it
// again, as resolvers do: a server that reloads loses a datagram now and then.
func (a asker) ask(network string, m *dns.Msg) (*dns.Msg, error) {
	for deadline := time.Now().Add(patience); ; {
		answer, err := a.askOnce(network, m)
		var failure net.Error
		if err == nil || !errors.As(err, &failure) || !failure.Timeout() || time.Now().After(deadline) {
			return answer, err
		}
	}
}

func (a asker) askOnce(network string, m *dns.Msg) (*dns.Msg, error) {
	raw, err := net.Dial(network, a.server)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(2 * time.Second))

	conn, err := a.announce(raw)
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

// announce makes a connection for DNS of one to the server: a stream has the header before
// everything else, a datagram each its own.
func (a asker) announce(raw net.Conn) (*dns.Conn, error) {
	header, err := a.header(raw.RemoteAddr())
	if err != nil {
		return nil, err
	}
	if packets, ok := raw.(*net.UDPConn); ok {
		return &dns.Conn{Conn: announced{packets, header}, UDPSize: dns.MaxMsgSize}, nil
	}
	_, err = raw.Write(header)
	return &dns.Conn{Conn: raw}, err
}

func (a asker) header(server net.Addr) ([]byte, error) {
	client := netip.AddrPortFrom(a.client, 40000)
	// A header has one family, and only the client's is of interest.
	nearby := netip.AddrPortFrom(netip.IPv4Unspecified(), 53)
	if a.client.Is6() {
		nearby = netip.AddrPortFrom(netip.IPv6Unspecified(), 53)
	}
	if server.Network() == "udp" {
		return proxyproto.HeaderProxyFromAddrs(2, net.UDPAddrFromAddrPort(client), net.UDPAddrFromAddrPort(nearby)).Format()
	}
	return proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(nearby)).Format()
}

// announced is a socket that sends its header in front of each datagram.
type announced struct {
	*net.UDPConn
	header []byte
}

func (c announced) Write(p []byte) (int, error) {
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
