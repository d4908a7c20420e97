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
	path := func(name string) string { return filepath.Join(directory, name) }
	good, bare, odd, untrusted, broken := path("config"), path("bare"), path("odd"), path("untrusted"), path("broken")
	mistyped, empty := path("mistyped"), path("empty")
	for path, text := range map[string]string{
		good:      kubeconfig,
		bare:      strings.ReplaceAll(kubeconfig, "current-context: two", ""),
		odd:       strings.ReplaceAll(kubeconfig, "{name: two, context:", `{name: "\e[31m", context:`),
		untrusted: strings.ReplaceAll(kubeconfig, "ca.crt", "no.crt"),
		mistyped:  strings.ReplaceAll(kubeconfig, "8080", "808O"),
		empty: strings.NewReplacer("http:", "https:", "cluster: two}", "cluster: two, user: u}").Replace(kubeconfig) +
			"users: [{name: u, user: {tokenFile: no.token}}]",
		broken:           "{",
		path("no.token"): "",
		path("no.crt"):   "no certificate",
	} {
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
		{"contexts with control characters", odd, "three", "", `the contexts are \x1b[31m, one`},
		{"path with control characters", path("a\nb"), "", "", path(`a\nb`) + ": "},
		{"certificate that is none", untrusted, "one", "", "https://192.0.2.1:6443: unable to load root certificates"},
		{"port that is none", mistyped, "", "", "http://192.0.2.2:808O: host must be a URL or a host:port pair"},
		{"token file that is empty", empty, "", "", "https://192.0.2.2:8080: read empty token from file"},
		{"no YAML", broken, "", "", broken + ": error loading config file"},
		{"not in a cluster", "", "", "", "not in a pod of a cluster"},
		{"context alone", "", "two", "", "context two: a context needs a kubeconfig"},
		{"context with a control character alone", "", "\x1b[31m", "", `context "\x1b[31m": a context needs a kubeconfig`},
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

// TestNewInAPodWithoutAnAccount has the environment of a Pod whose service account is not mounted.
func TestNewInAPodWithoutAnAccount(t *testing.T) {
	const token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	if _, err := os.Stat(token); err == nil {
		t.Skip("runs in a Pod that has an account")
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), token) {
		t.Errorf("error %v, want one about %s", err, token)
	}
}

func TestNewWithoutTheKubeconfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := New(Options{Kubeconfig: path})
	if want := path + ": " + systemtest.NoSuchFile(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
