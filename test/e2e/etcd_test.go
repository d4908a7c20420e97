package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/server"
)

// An etcd is a running etcd server.
type etcd struct{ url string }

// startEtcd starts an etcd server, which stops when the test ends. It skips the test if etcd is not
// installed.
func startEtcd(t *testing.T) etcd {
	t.Helper()
	program, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("etcd is not installed")
	}
	var urls [2]string
	for i := range urls {
		port, err := server.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = fmt.Sprintf("http://127.0.0.1:%d", port)
	}
	cmd := exec.Command(program, "--data-dir", t.TempDir(), "--log-level", "panic",
		"--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
		"--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
		"--initial-cluster", "default="+urls[1])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	eventually(t, "etcd is healthy", func() bool {
		response, err := http.Get(urls[0] + "/health")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return etcd{urls[0]}
}

// put stores a record for name as the etcd plugin reads it.
func (e etcd) put(t *testing.T, name, record string) {
	t.Helper()
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	body, err := json.Marshal(map[string][]byte{
		"key":   []byte("/skydns/" + strings.Join(labels, "/")),
		"value": []byte(record),
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(e.url+"/v3/kv/put", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("etcd says %s", response.Status)
	}
}
