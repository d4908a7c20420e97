// Package e2e asks a whole CoreDNS through real sockets. The server runs in the
// test's own process, on ports of 127.0.0.1 that the system chooses; a client's
// address travels in a PROXY header, so that a query can come from anywhere.
package e2e

import (
	"bytes"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
)

// patience is how long a test waits for what must come. It is no measure of
// speed: nothing takes that long unless it is broken.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	dnsserver.Port = "0" // of server blocks that name none: any free one
	clog.SetOutput(&journal)
	log.SetOutput(&journal)
	os.Exit(m.Run())
}

// clients is a part of a Corefile that lets test clients in, on a server block's
// own port. Corefiles import it.
const clients = `
(clients) {
	bind 127.0.0.1
	proxyproto {
		allow 127.0.0.1/32
	}
}
`

// A running is a CoreDNS that serves a test.
type running struct {
	t        *testing.T
	instance *caddy.Instance

	mu  sync.Mutex
	udp net.Conn // to the first server block, dialed when first needed
}

// start starts a CoreDNS that ends with the test. Its Corefile can import clients.
func start(t *testing.T, corefile string) *running {
	t.Helper()
	instance, err := launch(clients + corefile)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, corefile)
	}
	s := &running{t: t, instance: instance}
	t.Cleanup(s.stop)
	return s
}

// launch starts a CoreDNS from a Corefile, which errors call Corefile.
func launch(corefile string) (*caddy.Instance, error) {
	return caddy.Start(server.Input("Corefile", corefile))
}

// restart replaces the Corefile as a reload does. On an error the old one goes on.
func (s *running) restart(corefile string) error {
	s.hangUp()
	instance, err := s.instance.Restart(server.Input("Corefile", clients+corefile))
	s.instance = instance
	return err
}

func (s *running) stop() {
	s.hangUp()
	server.Stop(s.t, s.instance)
}

func (s *running) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.udp != nil {
		s.udp.Close()
		s.udp = nil
	}
}

// udpAddr returns where s listens for datagrams.
func (s *running) udpAddr() string {
	for _, l := range s.instance.Servers() {
		if a := l.LocalAddr(); a != nil {
			return a.String()
		}
	}
	s.t.Fatal("the server listens for no datagrams")
	return ""
}

// tcpAddr returns where s listens for streams.
func (s *running) tcpAddr() string {
	for _, l := range s.instance.Servers() {
		if a := l.Addr(); a != nil {
			return a.String()
		}
	}
	s.t.Fatal("the server listens for no streams")
	return ""
}

// upstream starts a server that is not CoreDNS: respond writes the answer to
// each query into m, which is a reply already. It returns its address.
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

// journal collects what the servers log.
var journal logged

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*logged)(nil)

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// lines returns the lines logged so far that contain every one of words.
func (l *logged) lines(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
lines:
	for line := range strings.Lines(l.text.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue lines
			}
		}
		found = append(found, strings.TrimSpace(line))
	}
	return found
}

// eventually waits until done returns true, and fails the test with what otherwise.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
