// Package e2e tests a complete CoreDNS server through real sockets. The server runs in the process
// of the test, on free ports of 127.0.0.1. Each query carries the address of its client in a PROXY
// header, so that clients can have any address.
package e2e

import (
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"
	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
)

func TestMain(m *testing.M) {
	clog.SetOutput(&serverLog)
	log.SetOutput(&serverLog)
	code := m.Run()
	stopEtcd()
	os.Exit(code)
}

// clients is a Corefile snippet that a server block imports to accept PROXY headers from the test.
const clients = `
(clients) {
	bind 127.0.0.1
	proxyproto {
		allow 127.0.0.1/32
	}
}
`

// A testServer is a running CoreDNS server.
type testServer struct {
	t        *testing.T
	instance *caddy.Instance
	port     string // of server blocks that name none

	mu  sync.Mutex
	udp net.Conn // to the first server block; nil until the first query
}

// start starts a server, which stops when the test ends. Its Corefile can import clients.
func start(t *testing.T, corefile string) *testServer {
	t.Helper()
	instance, err := server.Run(t, "Corefile", clients+corefile)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, corefile)
	}
	s := &testServer{t: t, instance: instance, port: dnsserver.Port}
	t.Cleanup(s.stop)
	return s
}

// restart replaces the Corefile, as a reload does. After an error the old one stays in use.
func (s *testServer) restart(corefile string) error {
	systemtest.SkipOnWindows(s.t, "CoreDNS cannot give its sockets to the next instance")
	s.closeUDP()
	dnsserver.Port = s.port
	instance, err := s.instance.Restart(server.Input("Corefile", clients+corefile))
	s.instance = instance
	return err
}

// stop stops the server.
func (s *testServer) stop() {
	s.closeUDP()
	server.Stop(s.t, s.instance)
}

// closeUDP closes the UDP socket of the clients; the next query opens another.
func (s *testServer) closeUDP() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.udp != nil {
		s.udp.Close()
		s.udp = nil
	}
}

// udpAddr returns the address where s listens for UDP.
func (s *testServer) udpAddr() string { return server.UDP(s.instance) }

// tcpAddr returns the address where s listens for TCP.
func (s *testServer) tcpAddr() string { return server.TCP(s.instance) }

// upstream starts a DNS server that is not CoreDNS and returns its address. For each query, respond
// adds the records to m, an empty reply.
func upstream(t *testing.T, respond func(m *dns.Msg)) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		respond(m)
		w.WriteMsg(m)
	})
	s := &dns.Server{PacketConn: conn, Handler: handler}
	served := make(chan error)
	go func() { served <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		s.Shutdown()
		if err := <-served; err != nil {
			t.Errorf("upstream: %v", err)
		}
	})
	return conn.LocalAddr().String()
}

// serverLog collects what the servers log.
var serverLog logBuffer

type logBuffer struct{ program.Transcript }

// lines returns the lines logged so far that contain all of words.
func (l *logBuffer) lines(words ...string) (found []string) {
lines:
	for line := range strings.Lines(l.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue lines
			}
		}
		found = append(found, strings.TrimSpace(line))
	}
	return found
}
