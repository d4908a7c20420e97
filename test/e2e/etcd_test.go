package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"
)

// etcd is the server that all tests share.
var etcd struct {
	start   sync.Once
	url     string
	process *exec.Cmd
	dir     string
	err     error
}

// etcdURL returns the URL of an etcd server, which it starts if no test has before. It skips the
// test if etcd is not installed.
func etcdURL(t *testing.T) string {
	t.Helper()
	etcd.start.Do(func() { etcd.err = startEtcd(t) })
	if errors.Is(etcd.err, exec.ErrNotFound) {
		t.Skip("etcd is not installed: Debian has it in etcd-server")
	}
	if etcd.err != nil {
		t.Fatal(etcd.err)
	}
	program.Eventually(t, "etcd is healthy", func() bool {
		response, err := http.Get(etcd.url + "/health")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return etcd.url
}

func startEtcd(t *testing.T) error {
	path, err := exec.LookPath("etcd")
	if err != nil {
		return err
	}
	var urls [2]string
	for i := range urls {
		port := systemtest.FreePort(t)
		urls[i] = fmt.Sprintf("http://127.0.0.1:%d", port)
	}
	if etcd.dir, err = os.MkdirTemp("", "etcd"); err != nil {
		return err
	}
	etcd.url, etcd.process = urls[0], exec.Command(path, "--data-dir", etcd.dir, "--log-level", "panic",
		"--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
		"--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
		"--initial-cluster", "default="+urls[1])
	return etcd.process.Start()
}

// stopEtcd stops the etcd server if a test has started it.
func stopEtcd() {
	if etcd.process != nil && etcd.process.Process != nil {
		etcd.process.Process.Kill()
		etcd.process.Wait()
	}
	os.RemoveAll(etcd.dir)
}

// putInEtcd stores a record for name in the etcd server at url, as the etcd plugin reads it.
func putInEtcd(t *testing.T, url, name, record string) {
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
	response, err := http.Post(url+"/v3/kv/put", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("etcd says %s", response.Status)
	}
}
