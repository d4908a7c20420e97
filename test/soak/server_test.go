//go:build linux

package soak

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"
)

// figures are what a server uses.
type figures struct{ Goroutines, Files, Heap int }

func (f figures) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.1f MiB of heap", f.Goroutines, f.Files, float64(f.Heap)/(1<<20))
}

// serveFigures serves the figures of this process over HTTP, after a garbage collection.
func serveFigures(addr string) {
	http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		runtime.GC() // what finalizers have freed
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, _ := os.ReadDir("/proc/self/fd")
		json.NewEncoder(w).Encode(figures{runtime.NumGoroutine(), len(files), int(m.HeapAlloc)})
	}))
}

// A process is a running server.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     program.Transcript // what it prints
	figures string             // address
	ports   map[string]int     // by transport
}

// races returns the reports of the race detector in which ordering, or what it calls directly, is
// one of the two. CoreDNS 1.15.0 has races of its own: file reads a zone while it replaces it.
func (p *process) races() (reports []string) {
	const frames = 6 // lines: two for each function
	for _, report := range strings.Split(p.log.String(), "WARNING: DATA RACE")[1:] {
		report, _, _ = strings.Cut(report, "==================")
		for part := range strings.SplitSeq(report, "\n\n") {
			lines := strings.SplitN(strings.TrimSpace(part), "\n", frames+2)
			access := strings.Contains(lines[0], "ead at") || strings.Contains(lines[0], "rite at")
			top := strings.Join(lines[:min(len(lines), frames+1)], "\n")
			if access && strings.Contains(top, "coredns-ordering/ordering") {
				reports = append(reports, report)
				break
			}
		}
	}
	return reports
}

// tail returns the end of what the server has printed.
func (p *process) tail() string {
	text := p.log.String()
	return text[max(0, len(text)-3000):]
}

var transports = []string{"udp", "tcp", "tls", "https", "quic"}

// freePorts returns free ports, one for each transport.
func freePorts(t *testing.T) map[string]int {
	ports := map[string]int{}
	for _, transport := range append(transports, "figures") {
		port := systemtest.FreePort(t)
		ports[transport] = port
	}
	ports["tcp"] = ports["udp"]
	return ports
}

// startProcess starts a server with the Corefile in directory, which ends with the test.
func startProcess(t *testing.T, directory string, ports map[string]int) *process {
	p := &process{t: t, ports: ports, figures: fmt.Sprintf("127.0.0.1:%d", ports["figures"])}
	p.cmd = exec.Command(os.Args[0], "-conf", filepath.Join(directory, "Corefile"))
	p.cmd.Dir = directory
	p.cmd.Env = append(os.Environ(), figuresEnv+"="+p.figures)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

// measure returns the figures of the server. The test fails if it does not answer.
func (p *process) measure() (f figures) {
	p.t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + p.figures)
	if err != nil {
		p.t.Fatalf("the server does not run: %v\n%s", err, p.tail())
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
		p.t.Fatal(err)
	}
	return f
}

// reload asks the server to read its Corefile again.
func (p *process) reload() { p.cmd.Process.Signal(syscall.SIGUSR1) }

// reloads returns how many reloads the server has completed.
func (p *process) reloads() int { return strings.Count(p.log.String(), "Reloading complete") }

// addr returns the address where the server listens for a transport.
func (p *process) addr(transport string) string {
	return fmt.Sprintf("127.0.0.1:%d", p.ports[transport])
}
