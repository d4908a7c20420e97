package kubernetes

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

func (c *Cluster) is(addr, location string) func() bool {
	return func() bool { return c.Table().Find(netip.MustParseAddr(addr)).String() == location }
}

func start(tb testing.TB, c *Cluster) {
	tb.Helper()
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
}

func TestClusterFollows(t *testing.T) {
	for name, old := range map[string]bool{"streamed": false, "listed": true} {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t)
			s.old = old
			s.put(node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24"))
			s.put(endpointSlice("web", "10.1.0.7 n1 z1", "172.16.0.1 n2 z2"))
			c := s.cluster(t)
			if c.Ready() || c.Table().Len() != 0 {
				t.Fatal("knows something before it was started")
			}
			start(t, c)
			topologytest.Eventually(t, "ready", c.Ready)
			if got := c.Table().Len(); got != 4 {
				t.Errorf("%d networks, want 2 of pods, 1 node, 1 endpoint", got)
			}
			for addr, location := range map[string]string{"10.1.0.7": "r1/z1/n1", "192.0.2.1": "r1/z1/n1", "10.2.0.9": "r1/z2/n2", "172.16.0.1": "r1/z2/n2", "10.9.0.1": ""} {
				if !c.is(addr, location)() {
					t.Errorf("%s is at %q, want %q", addr, c.Table().Find(netip.MustParseAddr(addr)), location)
				}
			}
			s.put(node("n2", "r1", "z3", "10.2.0.0/24"))
			topologytest.Eventually(t, "a relabelled node", c.is("10.2.0.9", "r1/z3/n2"))
			topologytest.Eventually(t, "its endpoint outside of pod networks", c.is("172.16.0.1", "r1/z3/n2"))
			s.put(endpointSlice("web", "10.1.0.7 n1 z1"))
			topologytest.Eventually(t, "an endpoint that went", c.is("172.16.0.1", ""))
			s.put(endpointSlice("more", "172.16.0.2 n1 z1"))
			topologytest.Eventually(t, "an endpoint that came", c.is("172.16.0.2", "r1/z1/n1"))
			s.remove(node("n1", "", ""))
			topologytest.Eventually(t, "a node that went", c.is("192.0.2.1", ""))
			for _, name := range topologytest.MetricNames {
				if _, there := topologytest.Metric(t, name, "kubernetes"); !there {
					t.Errorf("no %s", name)
				}
			}
			c.Stop()
			for _, name := range topologytest.MetricNames {
				if _, there := topologytest.Metric(t, name, "kubernetes"); there {
					t.Errorf("%s outlives the source", name)
				}
			}
		})
	}
}

func TestClusterServesOnWithoutAPIServer(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "ready", c.Ready)
	s.answer(http.StatusServiceUnavailable)
	asked := s.asked()
	topologytest.Eventually(t, "tried again", func() bool { return s.asked() > asked+1 })
	if !c.Ready() || !c.is("10.1.0.1", "r1/z1/n1")() {
		t.Error("the last table does not serve on")
	}
	s.put(node("n1", "r1", "z2", "10.1.0.0/24"))
	s.answer(0)
	topologytest.Eventually(t, "caught up", c.is("10.1.0.1", "r1/z2/n1"))
	topologytest.Eventually(t, "said that all is well again", func() bool { return strings.HasSuffix(text(), "again\n") })
}

func TestForbiddenIsSaidOnce(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.answer(http.StatusForbidden)
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "tried several times", func() bool { return s.asked() > 8 })
	c.Stop()
	for _, want := range []string{"cannot list nodes: ", "cannot list endpointslices: ", "system:serviceaccount:kube-system:dns", "needs list and watch on nodes and endpointslices (discovery.k8s.io)"} {
		if !strings.Contains(text(), want) {
			t.Errorf("%q is not in the log:\n%s", want, text())
		}
	}
	if got := strings.Count(text(), "\n"); got != 2 {
		t.Errorf("%d lines, want one per kind:\n%s", got, text())
	}
	if c.Ready() || c.Table().Len() != 0 {
		t.Error("ready, but knows nothing")
	}
}

func TestUnreachableIsSaidOnce(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.Close()
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "said", func() bool { return strings.Contains(text(), "trying again") })
	c.Stop()
	if got := strings.Count(text(), "\n"); got != 1 {
		t.Errorf("%d lines, want one:\n%s", got, text())
	}
}

func TestStartStopLeavesNoGoroutine(t *testing.T) {
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	cycle := func(i int) {
		c := s.cluster(t)
		start(t, c)
		if i%2 == 0 { // the others are stopped in the middle of the first sync
			topologytest.Eventually(t, "ready", c.Ready)
		}
		c.Stop()
	}
	cycle(0) // what is made once and for all is made
	before := runtime.NumGoroutine()
	for i := range 100 {
		cycle(i)
	}
	topologytest.Eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
}

// TestStopDoesNotWaitForTheAPIServer stops a cluster that has been refused for long enough that it tries seldom.
func TestStopDoesNotWaitForTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(&rest.Config{Host: "http://127.0.0.1:1", Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, syscall.ECONNREFUSED
		}})
		start(t, c)
		time.Sleep(10 * time.Minute)
		asked := time.Now()
		c.Stop()
		if waited := time.Since(asked); waited > 0 {
			t.Errorf("Stop took %v", waited)
		}
	})
}

func TestStopWithoutStart(t *testing.T) {
	c := newAPIServer(t).cluster(t)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, c)
	start(t, c) // once is enough
	c.Stop()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestWhatCallsForANewTable sees to it that heartbeats do not.
func TestWhatCallsForANewTable(t *testing.T) {
	n1, n2 := node("n1", "r1", "z1", "10.1.0.0/24"), node("n2", "r1", "z2", "10.2.0.0/24")
	web := endpointSlice("web", "10.1.0.7 n1 z1", "172.16.0.1 n2 z2")
	beat := n1.DeepCopy()
	beat.Status.Conditions = append(beat.Status.Conditions, v1.NodeCondition{Type: v1.NodeReady, LastHeartbeatTime: beat.CreationTimestamp})
	beat.Labels["example.org/gpu"] = "yes"
	ready := web.DeepCopy()
	ready.Endpoints[0].Conditions.Ready = new(bool)

	for _, test := range []struct {
		name          string
		before, after object
		want          bool
	}{
		{"first event of a node that is in", nil, n1, false},
		{"heartbeat", n1, beat, false},
		{"relabelled", n1, node("n1", "r1", "z2", "10.1.0.0/24"), true},
		{"another pod network", n1, node("n1", "r1", "z1", "10.1.0.0/24", "10.9.0.0/24"), true},
		{"another address", n1, node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), true},
		{"new node", nil, node("n3", "r1", "z2"), true},
		{"node gone", n2, nil, true},
		{"first event of a slice that is in", nil, web, false},
		{"readiness", web, ready, false},
		{"another order", web, endpointSlice("web", "172.16.0.1 n2 z2", "10.1.0.7 n1 z1"), false},
		{"pod in its node's network", nil, endpointSlice("w2", "10.2.0.4 n2 z2"), false},
		{"pod in its node's network gone", endpointSlice("w2", "10.2.0.4 n2 z2"), nil, false},
		{"zone only, and the network says the same", nil, endpointSlice("w2", "10.2.0.4 - z2"), false},
		{"pod in another node's network", nil, endpointSlice("w2", "10.2.0.4 n1 z1"), true},
		{"pod outside of all networks", nil, endpointSlice("w2", "172.16.0.2 n1 z1"), true},
		{"pod outside of all networks gone", web, endpointSlice("web", "10.1.0.7 n1 z1"), true},
		{"nobody knows where", nil, endpointSlice("w2", "172.16.0.2 - -"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(nil)
			c.rebuild(listed(trimmed(n1), trimmed(n2)), listed(trimmed(web)))
			tell(c, test.before, test.after)
			if got := len(c.changed) == 1; got != test.want {
				t.Errorf("calls for a new table: %v, want %v", got, test.want)
			}
		})
	}
}

// TestEventsWaitForTheTableInTheMaking guards against an event that is neither in the list that a table is made from nor judged
// by that table.
func TestEventsWaitForTheTableInTheMaking(t *testing.T) {
	c := newCluster(nil)
	asked := 0
	list := func() []any {
		asked++
		if c.mu.TryLock() {
			t.Error("events may be judged while the objects are listed")
			c.mu.Unlock()
		}
		return nil
	}
	c.rebuild(list, list)
	if asked != 2 {
		t.Errorf("listed %d kinds, want 2", asked)
	}
}

func listed(objects ...any) func() []any { return func() []any { return objects } }

func trimmed(o object) any {
	var facts any
	if kindOf(o) == "nodes" {
		facts, _ = trimNode(o)
	} else {
		facts, _ = trimSlice(o)
	}
	return facts
}

func tell(c *Cluster, before, after object) {
	var old, fresh any
	kind := ""
	if before != nil {
		old, kind = trimmed(before), kindOf(before)
	}
	if after != nil {
		fresh, kind = trimmed(after), kindOf(after)
	}
	if kind == "nodes" {
		c.nodeChanged(facts[nodeFacts](old), facts[nodeFacts](fresh))
	} else {
		c.sliceChanged(facts[sliceFacts](old), facts[sliceFacts](fresh))
	}
}

func TestChangesAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(nil)
		var rebuilt atomic.Int32
		c.markChanged() // by the first list
		go c.follow(t.Context(), func() { rebuilt.Add(1) })
		synctest.Wait()
		if rebuilt.Load() != 1 {
			t.Fatalf("rebuilt %d times at first, want 1", rebuilt.Load())
		}
		time.Sleep(10 * leastPause)
		synctest.Wait()
		if rebuilt.Load() != 1 {
			t.Fatalf("rebuilt %d times without a change, want 1", rebuilt.Load())
		}
		c.markChanged()
		synctest.Wait()
		if rebuilt.Load() != 2 {
			t.Fatalf("rebuilt %d times after a change, want 2, at once", rebuilt.Load())
		}
		for range 100 {
			c.markChanged()
			time.Sleep(leastPause / 100)
		}
		time.Sleep(leastPause)
		synctest.Wait()
		if n := rebuilt.Load(); n != 3 && n != 4 {
			t.Fatalf("rebuilt %d times after 100 changes in a row, want 3 or 4", n)
		}
	})
}

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
	for path, text := range map[string]string{good: kubeconfig, bare: strings.ReplaceAll(kubeconfig, "current-context: two", "")} {
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
		{"unknown context", good, "three", "", "has no context three, but: one, two"},
		{"no current context", bare, "", "", "has no current context: name one"},
		{"no such file", filepath.Join(directory, "none"), "", "", "no such file"},
		{"not in a cluster", "", "", "", "not in a pod of a cluster"},
		{"context alone", "", "two", "", "context two: a context needs a kubeconfig"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := New(test.kubeconfig, test.context)
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

func TestLastingTroubleIsRepeatedSeldom(t *testing.T) {
	var c contact
	now := time.Unix(0, 0)
	if !c.isNews("list nodes", now) || !c.isNews(noAnswer, now) {
		t.Error("what is new is news")
	}
	if c.isNews("list nodes", now.Add(repeat-1)) {
		t.Error("repeated too soon")
	}
	if !c.isNews("list nodes", now.Add(repeat)) {
		t.Error("not repeated")
	}
	if _, over := c.good("watch nodes", "nodes", now); !over {
		t.Error("an answer does not end that there was none")
	}
	if c.isNews("list nodes", now.Add(repeat+1)) {
		t.Error("a watch ends the trouble of a list")
	}
	if _, over := c.good("list nodes", "nodes", now); !over {
		t.Error("a list does not end the trouble of a list")
	}
	if _, over := c.good("list nodes", "nodes", now); over {
		t.Error("a trouble ends twice")
	}
}

func TestSyncIsOfBothKinds(t *testing.T) {
	var c contact
	first, second := time.Unix(1, 0), time.Unix(2, 0)
	if since, _ := c.good("list nodes", "nodes", first); !since.IsZero() {
		t.Error("nodes alone are enough")
	}
	c.good("list endpointslices", "endpointslices", first)
	if since, _ := c.good("watch nodes", "nodes", second); !since.Equal(first) {
		t.Errorf("in sync since %v, want %v: endpoints were not heard of", since, first)
	}
	if since, _ := c.good("watch endpointslices", "endpointslices", second); !since.Equal(second) {
		t.Errorf("in sync since %v, want %v", since, second)
	}
}
