package monitoring

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// timeout is how long a test waits for something that should happen soon.
const timeout = time.Minute

// scratch is a directory for all tests, which is removed after the last one.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "monitoring-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// buildServer returns the path of the server of this checkout.
var buildServer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "coredns")
	out, err := exec.Command("go", "build", "-C", root, "-o", path, "./cmd/coredns").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return path, nil
})

// server is a running server.
type server struct {
	dir     string
	dns     string // the address for queries
	metrics string // the address of the metrics
}

// files are those of a server with every criterion of nearness: a sort list and masks in the zone
// lan.example, which is in a view, a file in places.example and a cluster in cluster.example. The API
// server of the cluster does not answer.
var files = map[string]string{
	"Corefile": `lan.example:DNSPORT {
    bind 127.0.0.1
    reload 2s 1s
    prometheus METRICS
    view lan {
        expr incidr(client_ip(), '127.0.0.0/8')
    }
    ordering {
        sortlist 10.9.0.0/16 10.9.3.0/24
        ecs 127.0.0.1
    }
    file zone lan.example
}
places.example:DNSPORT {
    bind 127.0.0.1
    prometheus METRICS
    ordering {
        topology places
        ecs 127.0.0.1
    }
    file zone places.example
}
cluster.example:DNSPORT {
    bind 127.0.0.1
    prometheus METRICS
    ordering {
        topology kubernetes kubeconfig
    }
    file zone cluster.example
}
`,
	"kubeconfig": `apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
`,
	"places": `10.1.0.0/16 west/w1/r1
10.2.0.0/16 west/w1/r2
10.3.0.0/16 west/w2/r1
10.4.0.0/16 east/e1/r1
`,
	"zone": `@ 60 SOA ns hostmaster 1 3600 600 86400 60
@ 60 NS ns
www 60 A 10.1.0.9
www 60 A 10.2.0.9
www 60 A 10.3.0.9
www 60 A 10.9.3.9
www 60 A 192.0.2.9
`,
}

// startServer starts a server in a directory with these files, and stops it when the test ends. In
// the Corefile, DNSPORT and METRICS stand for a free port and a free address.
func startServer(t *testing.T, files map[string]string) server {
	t.Helper()
	binary, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	s := server{dir: t.TempDir(), dns: freeAddress(t), metrics: freeAddress(t)}
	for name, text := range files {
		s.write(t, name, text)
	}
	run(t, s.dir, binary, "-conf", "Corefile")
	eventually(t, "an answer", func() error { return s.ask("places.example.", "10.1.0.4") })
	return s
}

// write writes a file into the directory of the server, with DNSPORT and METRICS replaced.
func (s server) write(t *testing.T, name, text string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.dns)
	text = strings.NewReplacer("DNSPORT", port, "METRICS", s.metrics).Replace(text)
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// query returns a query for www in a zone, with client in a Client Subnet option.
func query(zone, client string) *dns.Msg {
	q := new(dns.Msg).SetQuestion("www."+zone, dns.TypeA)
	q.SetEdns0(1232, false)
	q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1,
		SourceNetmask: 32, Address: net.ParseIP(client)}}
	return q
}

// exchange sends a query from a loopback address.
func (s server) exchange(q *dns.Msg, source string) (*dns.Msg, error) {
	c := dns.Client{Timeout: timeout, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(source)}}}
	r, _, err := c.Exchange(q, s.dns)
	return r, err
}

// ask asks for www in a zone, with client in a Client Subnet option. The answer must have addresses.
func (s server) ask(zone, client string) error {
	r, err := s.exchange(query(zone, client), "127.0.0.1")
	if err == nil && len(r.Answer) == 0 {
		err = fmt.Errorf("www.%s has no answer:\n%v", zone, r)
	}
	return err
}

// askAll asks in each zone for clients that are near to an address in different ways.
func (s server) askAll(t *testing.T) {
	t.Helper()
	for _, client := range []string{"10.9.3.4", "10.1.0.4", "10.2.7.4", "10.3.0.4", "10.4.0.4", "192.0.2.4", "198.51.100.4"} {
		for _, zone := range []string{"lan.example.", "places.example.", "cluster.example."} {
			if err := s.ask(zone, client); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// families returns the metrics that the server publishes.
func (s server) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// run runs a program in a directory until the test ends. If the test fails, its output is logged.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	logPath := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			out, _ := os.ReadFile(logPath)
			t.Logf("%s printed\n%s", filepath.Base(program), out)
		}
	})
}

// freeAddress returns an address of 127.0.0.1 with a port that is free for UDP and TCP. No socket gets
// it that asks for any port, as those of all clients do: Linux begins to give them at 32768.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", address)
		tcp.Close()
		if err == nil {
			udp.Close()
			return address
		}
	}
	t.Fatal("no port of 127.0.0.1 is free for both UDP and TCP")
	return ""
}

// eventually calls check until it returns nil, and fails the test if that takes too long.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("waiting for %s: %v", what, err)
}

// get returns the body of a page.
func get(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status + ": " + string(body))
	}
	return body, err
}

// program returns the path of a program. If it is not installed, the test is skipped.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}
