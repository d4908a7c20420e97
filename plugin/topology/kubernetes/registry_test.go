package kubernetes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// TestReloadGoesOn starts a Cluster before it stops another one, while the API server does not answer.
func TestReloadGoesOn(t *testing.T) {
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	old := s.cluster(t)
	start(t, old)
	topologytest.Eventually(t, "ready", old.Ready)

	s.answer(http.StatusServiceUnavailable)
	c := s.cluster(t)
	start(t, c)
	old.Stop()
	if !c.Ready() || !located(c, "10.1.0.1", "r1/z1/n1")() {
		t.Error("the new Cluster did not begin with the table of the old one")
	}
	s.put(node("n1", "r1", "z2", "10.1.0.0/24"))
	s.answer(0)
	topologytest.Eventually(t, "caught up", located(c, "10.1.0.1", "r1/z2/n1"))
}

// TestReloadAfterTheTokenHasChanged has an account whose token is in a file, where it changes every
// hour, as that of a Pod does. The API server does not answer during the reload.
func TestReloadAfterTheTokenHasChanged(t *testing.T) {
	s := unstartedAPIServer()
	s.Server = httptest.NewTLSServer(s) // a token is sent only over TLS
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	directory := t.TempDir()
	kubeconfig, token := filepath.Join(directory, "kubeconfig"), filepath.Join(directory, "token")
	write := func(path, text string) { topologytest.Must(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(kubeconfig, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": %q, "insecure-skip-tls-verify": true}}],
		"users": [{"name": "u", "user": {"tokenFile": %q}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`, s.URL, token))
	cluster := func(text string) *Cluster {
		write(token, text)
		c, err := New(Options{Kubeconfig: kubeconfig})
		topologytest.Must(t, err)
		t.Cleanup(func() { c.Stop() })
		start(t, c)
		return c
	}
	old := cluster("one")
	topologytest.Eventually(t, "ready", old.Ready)

	s.answer(http.StatusServiceUnavailable)
	c := cluster("two")
	old.Stop()
	if !c.Ready() || !located(c, "10.1.0.1", "r1/z1/n1")() {
		t.Error("the new Cluster did not begin with the table of the old one")
	}
}

// TestOneSetOfWatches has many Clusters, as of many server blocks, and two API servers.
func TestOneSetOfWatches(t *testing.T) {
	here, elsewhere := newAPIServer(t), newAPIServer(t)
	here.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	elsewhere.put(node("n1", "r9", "z9", "10.1.0.0/24"))
	var all []*Cluster
	for range 5 {
		c := here.cluster(t)
		start(t, c)
		topologytest.Eventually(t, "ready", c.Ready)
		all = append(all, c)
	}
	other := elsewhere.cluster(t)
	start(t, other)
	topologytest.Eventually(t, "ready", other.Ready)
	if n := here.asked(); n != 2 {
		t.Errorf("%d requests, want a watch of nodes and one of slices", n)
	}
	if !located(all[4], "10.1.0.1", "r1/z1/n1")() || !located(other, "10.1.0.1", "r9/z9/n1")() {
		t.Error("a table is that of another API server")
	}
	if all[0].Name() == other.Name() {
		t.Errorf("both API servers are called %s", other.Name())
	}
	for _, c := range []*Cluster{all[0], other} {
		if got, _ := topologytest.Metric(t, topologytest.Entries, c.Name()); got != 1 {
			t.Errorf("%s has %v entries, want 1", c.Name(), got)
		}
	}
	for _, c := range all[1:] {
		c.Stop()
		c.Stop()
	}
	here.put(node("n1", "r1", "z2", "10.1.0.0/24"))
	topologytest.Eventually(t, "the last one follows", located(all[0], "10.1.0.1", "r1/z2/n1"))
	all[0].Stop()
	if _, found := topologytest.Metric(t, topologytest.Entries, all[0].Name()); found {
		t.Error("the watcher outlives its users")
	}
}

// TestNotReadyAfterAReload starts a Cluster with an option for which the account lacks a right, before
// it stops one that was ready.
func TestNotReadyAfterAReload(t *testing.T) {
	topologytest.Logged(t)
	s := newAPIServer(t)
	s.forbid("pods", true)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	old, now := s.clusterWith(t, PodsOff), s.clusterWith(t, PodsOn)
	ready := func() float64 { got, _ := topologytest.Metric(t, topologytest.Ready, now.Name()); return got }
	start(t, old)
	topologytest.Eventually(t, "ready", func() bool { return ready() == 1 })
	start(t, now)
	topologytest.Must(t, old.Stop())
	if ready() != 0 {
		t.Error("ready, although the Pods that the new Cluster needs were never read")
	}
}

func TestTableOfAStoppedClusterIsNotTaken(t *testing.T) {
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	old := s.cluster(t)
	start(t, old)
	topologytest.Eventually(t, "ready", old.Ready)
	old.Stop()

	s.answer(http.StatusServiceUnavailable)
	c := s.cluster(t)
	start(t, c)
	if c.Ready() || c.Table().Len() > 0 {
		t.Error("the Cluster has a table that nobody kept up to date")
	}
}

func TestOtherAccountsAndOptionsAreWatchedApart(t *testing.T) {
	config := rest.Config{Host: "https://192.0.2.1", BearerToken: "one"}
	same, token := config, config
	token.BearerToken = "two"
	if keyOf(&config, PodsAuto) != keyOf(&same, PodsAuto) {
		t.Error("the same account is another one")
	}
	if keyOf(&config, PodsAuto) == keyOf(&token, PodsAuto) || keyOf(&config, PodsAuto) == keyOf(&config, PodsOn) {
		t.Error("another account or option is the same")
	}
}

// TestKeysOfAccounts has configurations that log in to one API server with different accounts.
func TestKeysOfAccounts(t *testing.T) {
	seen := map[watcherKey]int{}
	for i, config := range []rest.Config{
		{},
		{BearerToken: "a"},
		{BearerToken: "b"},
		{Username: "a"},
		{AuthProvider: &api.AuthProviderConfig{Name: "a", Config: map[string]string{"token": "a"}}},
		{AuthProvider: &api.AuthProviderConfig{Name: "a", Config: map[string]string{"token": "b"}}},
		{ExecProvider: &api.ExecConfig{Command: "login", Args: []string{"a"}}},
		{ExecProvider: &api.ExecConfig{Command: "login", Args: []string{"b"}}},
		{BearerTokenFile: "a"},
		{BearerTokenFile: "b"},
		{TLSClientConfig: rest.TLSClientConfig{CertData: []byte("a"), KeyData: []byte("a")}},
		{TLSClientConfig: rest.TLSClientConfig{CertData: []byte("b"), KeyData: []byte("a")}},
		{TLSClientConfig: rest.TLSClientConfig{CertData: []byte("b"), KeyData: []byte("b")}},
		{TLSClientConfig: rest.TLSClientConfig{CAData: []byte("a")}},
		{TLSClientConfig: rest.TLSClientConfig{CAData: []byte("b")}},
	} {
		config.Host = "https://192.0.2.1"
		key := keyOf(&config, PodsAuto)
		if before, found := seen[key]; found {
			t.Errorf("accounts %d and %d share a watcher", before, i)
		}
		if again := keyOf(rest.CopyConfig(&config), PodsAuto); again != key {
			t.Errorf("account %d does not share a watcher with itself", i)
		}
		seen[key] = i
	}
}
