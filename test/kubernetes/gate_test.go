package kubernetes

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate is the address of the API server whether there is one or not. A restarted API server
// listens elsewhere; its clients, whose kubeconfig names the gate, need not know.
type gate struct {
	listener net.Listener

	mu     sync.Mutex
	target string // where the API server listens; empty while the gate is shut
	conns  map[net.Conn]bool
}

// newGate returns a gate that is shut.
func newGate(t *testing.T) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: listener, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		g.shut()
	})
	go g.accept()
	return g
}

func (g *gate) url() string { return "https://" + g.listener.Addr().String() }

// open lets new connections through to target.
func (g *gate) open(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
}

// shut breaks every connection and lets no new one through.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = ""
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

func (g *gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.relay(client)
	}
}

func (g *gate) relay(client net.Conn) {
	defer client.Close()
	server := g.dial(client)
	if server == nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)

	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, client)
}

// dial connects client to the API server, or returns nil.
func (g *gate) dial(client net.Conn) net.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.target == "" {
		return nil
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return nil
	}
	g.conns[client] = true
	return server
}
