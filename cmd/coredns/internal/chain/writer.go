package chain

import (
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// writer is a client that keeps what it gets.
type writer struct {
	local, remote net.Addr
	msg           *dns.Msg
}

var _ dns.ResponseWriter = (*writer)(nil)

// clientPort is the port that queries come from.
const clientPort = 40000

// newWriter returns the client at source that asks the server at addr, "dns://:53".
func newWriter(addr string, source netip.Addr) (*writer, error) {
	scheme, hostport, _ := strings.Cut(addr, "://")
	local, err := net.ResolveUDPAddr("udp", hostport)
	if err != nil {
		return nil, err
	}
	if local.IP == nil {
		local.IP = net.IPv6unspecified
		if source.Is4() {
			local.IP = net.IPv4zero
		}
	}
	remote := net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, clientPort))
	if scheme == "dns" {
		return &writer{local: local, remote: remote}, nil
	}
	return &writer{local: (*net.TCPAddr)(local), remote: (*net.TCPAddr)(remote)}, nil
}

// WriteMsg keeps a copy of m.
func (w *writer) WriteMsg(m *dns.Msg) error {
	w.msg = m.Copy()
	return nil
}

// Write keeps the message in b.
func (w *writer) Write(b []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return 0, err
	}
	w.msg = m
	return len(b), nil
}

func (w *writer) LocalAddr() net.Addr  { return w.local }
func (w *writer) RemoteAddr() net.Addr { return w.remote }
func (w *writer) Close() error         { return nil }
func (w *writer) TsigStatus() error    { return nil }
func (w *writer) TsigTimersOnly(bool)  {}
func (w *writer) Hijack()              {}
