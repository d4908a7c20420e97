package docs

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// serve starts the server with a Corefile that must be right, as a process whose turns nobody has
// taken yet. It returns the server's address. The server ends with the test.
func serve(t *testing.T, binary string, c *corefile) string {
	t.Helper()
	if c == nil {
		t.Fatal("dig asks before a Corefile is shown or named")
	}
	text := c.text
	if c.path != "" {
		text = fileText(t, c.path)
	}
	var log string
	for range 3 { // another process may have taken the free port
		local := localCorefile(t, text)
		_, port, err := net.SplitHostPort(firstServer.FindString(local))
		if err != nil {
			t.Fatalf("no server block with a port in\n%s", local)
		}
		address := net.JoinHostPort("127.0.0.1", port)
		if log = startProcess(t, binary, local, address); log == "" {
			return address
		}
	}
	t.Fatalf("the server does not start:\n%s", log)
	return ""
}

// firstServer matches the zone and port of the first server block of a local Corefile.
var firstServer = regexp.MustCompile(`(?m)^[^\s({]*:\d+`)

// startProcess starts a server and waits until it answers at address. If it ends before, startProcess
// returns what it has logged.
func startProcess(t *testing.T, binary, text, address string) (log string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(binary, "-conf", "stdin")
	cmd.Dir = workplace(t)
	cmd.Stdin = strings.NewReader(text)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for {
		q := new(dns.Msg).SetQuestion(".", dns.TypeSOA)
		if _, err := dns.Exchange(q, address); err == nil {
			return ""
		}
		select {
		case <-ended:
			return output.String()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// build builds the server and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "coredns")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/coredns")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}
