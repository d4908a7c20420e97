package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// binary is the path of the server under test.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

// buildAndRun runs the tests with the binary that ORDERING_COREDNS names. Without it, it builds
// one.
func buildAndRun(m *testing.M) int {
	if binary = os.Getenv("ORDERING_COREDNS"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "ordering")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "coredns")
	// The binary is static, like that in the image.
	build := exec.Command("go", "build", "-C", "../..", "-o", binary, "./cmd/coredns")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building cmd/coredns:", err)
		return 1
	}
	return m.Run()
}

// server is a running server process.
type server struct {
	dns, ready, metrics string // the addresses it listens on
	process             *os.Process
	log                 *transcript
	exited              chan struct{}
}

// Environment variables that a Corefile uses in place of ports.
const (
	dnsPort     = "{$DNS_PORT}"
	readyPort   = "{$READY_PORT}"
	healthPort  = "{$HEALTH_PORT}"
	metricsPort = "{$METRICS_PORT}"
)

// startServer starts the server under test with a Corefile, and returns when it answers queries.
func startServer(t *testing.T, corefile string) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Corefile")
	if err := os.WriteFile(path, []byte(corefile), 0o600); err != nil {
		t.Fatal(err)
	}
	// Another process may take a free port before the server does. Then try other ports.
	for {
		s := launch(t, path)
		err := s.listening()
		if err == nil {
			return s
		}
		if !strings.Contains(s.log.String(), "address already in use") {
			t.Fatalf("%v; the server says:\n%s", err, s.log.tail())
		}
	}
}

// launch starts the server with the Corefile at a path, on free ports. It is killed when the test
// ends.
func launch(t *testing.T, corefile string) *server {
	t.Helper()
	ports := freePorts(t, 4)
	loopback := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	s := &server{
		dns: loopback(ports[0]), ready: loopback(ports[1]), metrics: loopback(ports[3]),
		log: new(transcript), exited: make(chan struct{}),
	}
	cmd := exec.Command(binary, "-conf", corefile)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Env = append(os.Environ(),
		fmt.Sprintf("DNS_PORT=%d", ports[0]), fmt.Sprintf("READY_PORT=%d", ports[1]),
		fmt.Sprintf("HEALTH_PORT=%d", ports[2]), fmt.Sprintf("METRICS_PORT=%d", ports[3]))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	go func() {
		defer close(s.exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() // a graceful shutdown would wait for lameduck of health
		<-s.exited
		if t.Failed() {
			t.Logf("end of the server's log:\n%s", s.log.tail())
		}
	})
	return s
}

// freePorts returns n different ports of 127.0.0.1 that are free for TCP and UDP.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close() // not earlier, so that no port is returned twice
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			continue
		}
		defer udp.Close()
		ports = append(ports, tcp.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// listening waits until the server answers queries. It returns an error if the server has exited.
func (s *server) listening() error {
	probe := asker{s.dns, netip.MustParseAddr("127.0.0.1")}
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		select {
		case <-s.exited:
			return errors.New("the server did not start")
		default:
		}
		if _, err := probe.ask("tcp", question("version.bind", dns.TypeTXT)); err == nil {
			return nil
		}
	}
	return errors.New("the server does not answer")
}

// readiness returns nil if the server is ready, and otherwise an error with the response of /ready.
func (s *server) readiness() error {
	response, err := http.Get("http://" + s.ready + "/ready")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", body)
	}
	return nil
}

// waitReady waits until the server is ready.
func (s *server) waitReady(t *testing.T) {
	t.Helper()
	eventually(t, "the server's readiness", s.readiness)
}

// transcript collects the output of the server. It is safe for concurrent use.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns the output so far.
func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// tail returns the end of the output. It leaves out the lines "Plugins not ready", which repeat.
func (l *transcript) tail() string {
	const maxLength = 4000
	var all strings.Builder
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, "Plugins not ready") {
			all.WriteString(line)
		}
	}
	return all.String()[max(0, all.Len()-maxLength):]
}
