package validators

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// A relay passes queries on to a server, and counts them. It is safe for concurrent use.
type relay struct {
	change func(response *dns.Msg) // nil passes responses on unchanged

	mu      sync.Mutex
	queries map[dns.Question]int
}

// startRelay starts a relay at addr to the server at to.
func startRelay(t *testing.T, addr, to netip.AddrPort, change func(response *dns.Msg)) *relay {
	t.Helper()
	r := &relay{change: change, queries: map[dns.Question]int{}}
	sources := map[string]net.Addr{
		"udp": net.UDPAddrFromAddrPort(netip.AddrPortFrom(ownAddress, 0)),
		"tcp": net.TCPAddrFromAddrPort(netip.AddrPortFrom(ownAddress, 0)),
	}
	for network, source := range sources {
		handler := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
			dialer := &net.Dialer{LocalAddr: source}
			r.pass(t, w, m, &dns.Client{Net: network, Timeout: program.Timeout, Dialer: dialer}, to)
		})
		s := &dns.Server{Net: network, Addr: addr.String(), Handler: handler}
		started, served := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { served <- s.ListenAndServe() }()
		select {
		case <-started:
		case err := <-served:
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.Shutdown()
			if err := <-served; err != nil {
				t.Errorf("relay: %v", err)
			}
		})
	}
	return r
}

// pass passes one query on to a server, and its response back. If the server does not respond, then
// neither does pass.
func (r *relay) pass(t *testing.T, w dns.ResponseWriter, m *dns.Msg, c *dns.Client, to netip.AddrPort) {
	r.mu.Lock()
	r.queries[m.Question[0]]++
	r.mu.Unlock()
	response, _, err := c.Exchange(m, to.String())
	if err != nil {
		if _, timeout := err.(net.Error); !timeout {
			t.Errorf("relay: %v", err)
		}
		return
	}
	if r.change != nil {
		r.change(response)
	}
	w.WriteMsg(response)
}

// count returns how many queries for a name and type have passed.
func (r *relay) count(name string, rrtype uint16) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queries[dns.Question{Name: name, Qtype: rrtype, Qclass: dns.ClassINET}]
}
