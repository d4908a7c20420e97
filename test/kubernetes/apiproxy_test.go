package kubernetes

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// apiProxy is a TCP proxy in front of the API server. A restarted API server listens on another
// port; the address of the proxy, which the kubeconfigs name, stays the same.
type apiProxy struct {
	listener net.Listener
	sent     atomic.Int64 // bytes from the API server

	mu     sync.Mutex
	target string // address of the API server; empty while disconnected
	conns  map[net.Conn]bool
}

// newAPIProxy returns a disconnected proxy, which stops when the test ends.
func newAPIProxy(t *testing.T) *apiProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &apiProxy{listener: listener, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		p.disconnect()
	})
	go p.accept()
	return p
}

func (p *apiProxy) url() string { return "https://" + p.listener.Addr().String() }

// connect makes the proxy accept connections and forward them to target.
func (p *apiProxy) connect(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// disconnect closes every connection and makes the proxy close new ones.
func (p *apiProxy) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

func (p *apiProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.relay(client)
	}
}

func (p *apiProxy) relay(client net.Conn) {
	defer client.Close()
	server := p.dial(client)
	if server == nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(io.MultiWriter(client, (*counter)(&p.sent)), server)

	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
}

// dial opens a connection to the API server for client. It returns nil if there is none.
func (p *apiProxy) dial(client net.Conn) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target == "" {
		return nil
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return nil
	}
	p.conns[client] = true
	return server
}

// counter counts the bytes that are written to it.
type counter atomic.Int64

func (c *counter) Write(p []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(p)))
	return len(p), nil
}
