package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://192.0.2.1:6443", certificate-authority: ca.crt}}
- {name: two, cluster: {server: "http://192.0.2.2:8080"}}
contexts:
- {name: one, context: {cluster: one}}
- {name: two, context: {cluster: two}}
current-context: two
`

func TestNew(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	directory := t.TempDir()
	good, bare := filepath.Join(directory, "config"), filepath.Join(directory, "bare")
	withoutCurrent := strings.ReplaceAll(kubeconfig, "current-context: two", "")
	for path, text := range map[string]string{good: kubeconfig, bare: withoutCurrent} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, kubeconfig, context string
		host, err                 string
	}{
		{"current context", good, "", "http://192.0.2.2:8080", ""},
		{"context", good, "two", "http://192.0.2.2:8080", ""},
		{"certificate that is not there", good, "one", "", filepath.Join(directory, "ca.crt")},
		{"unknown context", good, "three", "", good + ": there is no context three; the contexts are one, two"},
		{"no current context", bare, "", "", ": there is no current context: name one"},
		{"context with a control character", good, "\x1b[31m", "", `there is no context "\x1b[31m"; `},
		{"not in a cluster", "", "", "", "not in a pod of a cluster"},
		{"context alone", "", "two", "", "context two: a context needs a kubeconfig"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := New(Options{Kubeconfig: test.kubeconfig, Context: test.context})
			switch {
			case test.err == "" && err != nil:
				t.Fatal(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("error %v, want %q", err, test.err)
			case test.err == "" && c.config.Host != test.host:
				t.Errorf("host %s, want %s", c.config.Host, test.host)
			}
		})
	}
}

func TestNewWithoutTheKubeconfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := New(Options{Kubeconfig: path})
	if want := path + ": " + systemtest.NoSuchFile(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
