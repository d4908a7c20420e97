package differential

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/server"

	"github.com/miekg/dns"
)

// newGenerator returns a generator with a new seed, or with the one in DIFFERENTIAL_SEED, and logs it.
func newGenerator(t *testing.T) generator {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("DIFFERENTIAL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("DIFFERENTIAL_SEED: %v", err)
		}
	}
	t.Logf("DIFFERENTIAL_SEED=%d", seed)
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

// command returns the path of another server, and skips the test where it is not installed.
func command(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a client have any address in 127.0.0.0/8")
	}
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed: nothing to compare with", name)
	return ""
}

// write writes a file into dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// patience is how long a server may take to start or to answer.
const patience = 30 * time.Second

// startOther starts another server with the arguments that configure gives for a port, and returns its address when it answers
// ask for ns.example.
func startOther(t *testing.T, path string, configure func(port int) (args []string), ask asker) string {
	t.Helper()
	for {
		port, err := server.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		said, up := launch(t, path, configure(port), func() bool {
			_, err := ask(address, netip.MustParseAddr("127.0.0.1"), "ns.example.", dns.TypeA)
			return err == nil
		})
		switch {
		case up:
			return address
		case strings.Contains(said, "address already in use"):
			// The port was free a moment ago: try another.
		case strings.Contains(said, "permission denied"):
			t.Skipf("%s may not read its configuration here:\n%s", path, said)
		default:
			t.Fatalf("%s does not answer:\n%s", path, said)
		}
	}
}

// launch starts a command and waits until it answers or ends. It returns what the command said so far.
func launch(t *testing.T, path string, args []string, answers func() bool) (said string, up bool) {
	t.Helper()
	out := new(transcript)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-ended:
			return out.String(), false
		case <-time.After(20 * time.Millisecond):
		}
		if answers() {
			return out.String(), true
		}
	}
	return out.String(), false
}

// A transcript is what a command says.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// An asker asks the server at an address, as a client, for a name and type, and returns the addresses in the answer.
type asker func(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error)

// ask is an asker without a signature.
func ask(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error) {
	return exchange(new(dns.Client), server, client, new(dns.Msg).SetQuestion(name, qtype))
}

// askSigned returns an asker that signs with a key.
func askSigned(key string) asker {
	return func(server string, client netip.Addr, name string, qtype uint16) ([]netip.Addr, error) {
		m := new(dns.Msg).SetQuestion(name, qtype)
		m.SetEdns0(1232, false)
		m.SetTsig(dns.Fqdn(key), dns.HmacSHA256, 300, time.Now().Unix())
		return exchange(&dns.Client{TsigSecret: map[string]string{dns.Fqdn(key): secret}}, server, client, m)
	}
}

func mustAsk(t *testing.T, ask asker, server string, client netip.Addr, name string, qtype uint16) []netip.Addr {
	t.Helper()
	all, err := ask(server, client, name, qtype)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func exchange(c *dns.Client, server string, client netip.Addr, m *dns.Msg) ([]netip.Addr, error) {
	c.Dialer = &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(client, 0))}
	c.Timeout = patience
	res, _, err := c.Exchange(m, server)
	switch {
	case err != nil:
		return nil, err
	case res.Rcode != dns.RcodeSuccess || res.Truncated || len(res.Answer) == 0:
		return nil, fmt.Errorf("%s answers %s to %s, truncated %v, with %d records", server, dns.RcodeToString[res.Rcode],
			m.Question[0].Name, res.Truncated, len(res.Answer))
	}
	return addresses(res.Answer), nil
}

func addresses(answer []dns.RR) (all []netip.Addr) {
	for _, rr := range answer {
		var a netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			a, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA)
		default:
			continue
		}
		all = append(all, a.Unmap())
	}
	return all
}

// startOrdering starts ordering with these ordering directives over a zone file of example, and returns its address.
func startOrdering(t *testing.T, directives, zoneFile string) string {
	t.Helper()
	corefile := fmt.Sprintf("example:0 {\nbind 127.0.0.1\n%sfile %s\n}\n", directives, zoneFile)
	instance, err := server.Start(t, "Corefile", corefile)
	if err != nil {
		t.Fatal(err)
	}
	return server.UDP(instance)
}
