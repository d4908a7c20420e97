package kubernetes

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// located returns a function that reports whether addr has that location in the table of c.
func located(c *Cluster, addr, location string) func() bool {
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
				t.Fatal("has a table before Start")
			}
			start(t, c)
			topologytest.Eventually(t, "ready", c.Ready)
			if got := c.Table().Len(); got != 4 {
				t.Errorf("%d networks, want 2 of pods, 1 node, 1 endpoint", got)
			}
			checkPlaces(t, c.Table(), map[string]string{
				"10.1.0.7": "r1/z1/n1", "192.0.2.1": "r1/z1/n1", "10.2.0.9": "r1/z2/n2", "172.16.0.1": "r1/z2/n2", "10.9.0.1": "",
			})
			s.put(node("n2", "r1", "z3", "10.2.0.0/24"))
			topologytest.Eventually(t, "a relabelled node", located(c, "10.2.0.9", "r1/z3/n2"))
			topologytest.Eventually(t, "the endpoint on it, outside of its pod network", located(c, "172.16.0.1", "r1/z3/n2"))
			s.put(endpointSlice("web", "10.1.0.7 n1 z1"))
			topologytest.Eventually(t, "a deleted endpoint", located(c, "172.16.0.1", ""))
			s.put(endpointSlice("more", "172.16.0.2 n1 z1"))
			topologytest.Eventually(t, "a new endpoint", located(c, "172.16.0.2", "r1/z1/n1"))
			s.remove(node("n1", "", ""))
			topologytest.Eventually(t, "a deleted node", located(c, "192.0.2.1", ""))
			for _, name := range topologytest.MetricNames {
				if _, found := topologytest.Metric(t, name, "kubernetes"); !found {
					t.Errorf("no %s", name)
				}
			}
			c.Stop()
			for _, name := range topologytest.MetricNames {
				if _, found := topologytest.Metric(t, name, "kubernetes"); found {
					t.Errorf("%s outlives the source", name)
				}
			}
		})
	}
}

func TestTableStaysWhileTheAPIServerDoesNotAnswer(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "ready", c.Ready)
	s.answer(http.StatusServiceUnavailable)
	asked := s.asked()
	topologytest.Eventually(t, "tried again", func() bool { return s.asked() > asked+1 })
	if !c.Ready() || !located(c, "10.1.0.1", "r1/z1/n1")() {
		t.Error("the last table did not stay")
	}
	s.put(node("n1", "r1", "z2", "10.1.0.0/24"))
	s.answer(0)
	topologytest.Eventually(t, "caught up", located(c, "10.1.0.1", "r1/z2/n1"))
	topologytest.Eventually(t, "logged the recovery", func() bool { return strings.HasSuffix(text(), "again\n") })
}

func TestStartStopLeavesNoGoroutine(t *testing.T) {
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	cycle := func(i int) {
		c := s.cluster(t)
		start(t, c)
		if i%2 == 0 { // the others are stopped during the first sync
			topologytest.Eventually(t, "ready", c.Ready)
		}
		c.Stop()
	}
	cycle(0) // starts what stays, such as the logger of the client library
	before := runtime.NumGoroutine()
	for i := range 100 {
		cycle(i)
	}
	topologytest.Eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
}

// TestStopDoesNotWaitForTheAPIServer stops a Cluster whose connections have been refused for so long
// that it waits for minutes between attempts.
func TestStopDoesNotWaitForTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
		c := newCluster(&rest.Config{Host: "http://127.0.0.1:1", Dial: refuse})
		start(t, c)
		time.Sleep(10 * time.Minute)
		before := time.Now()
		c.Stop()
		if waited := time.Since(before); waited > 0 {
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
	start(t, c) // does nothing
	c.Stop()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestWhichEventsNeedANewTable has heartbeats among those that do not.
func TestWhichEventsNeedANewTable(t *testing.T) {
	n1, n2 := node("n1", "r1", "z1", "10.1.0.0/24"), node("n2", "r1", "z2", "10.2.0.0/24")
	web := endpointSlice("web", "10.1.0.7 n1 z1", "172.16.0.1 n2 z2")
	beat := n1.DeepCopy()
	beat.Status.Conditions = append(beat.Status.Conditions,
		v1.NodeCondition{Type: v1.NodeReady, LastHeartbeatTime: beat.CreationTimestamp})
	beat.Labels["example.org/gpu"] = "yes"
	ready := web.DeepCopy()
	ready.Endpoints[0].Conditions.Ready = new(bool)

	for _, test := range []struct {
		name          string
		before, after object
		want          bool
	}{
		{"first event of a node that is in the table", nil, n1, false},
		{"heartbeat", n1, beat, false},
		{"relabelled", n1, node("n1", "r1", "z2", "10.1.0.0/24"), true},
		{"another pod network", n1, node("n1", "r1", "z1", "10.1.0.0/24", "10.9.0.0/24"), true},
		{"another address", n1, node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), true},
		{"new node", nil, node("n3", "r1", "z2"), true},
		{"node gone", n2, nil, true},
		{"first event of a slice that is in the table", nil, web, false},
		{"readiness", web, ready, false},
		{"another order", web, endpointSlice("web", "172.16.0.1 n2 z2", "10.1.0.7 n1 z1"), false},
		{"pod in its node's network", nil, endpointSlice("w2", "10.2.0.4 n2 z2"), false},
		{"pod in its node's network gone", endpointSlice("w2", "10.2.0.4 n2 z2"), nil, false},
		{"zone only, and the network says the same", nil, endpointSlice("w2", "10.2.0.4 - z2"), false},
		{"pod in another node's network", nil, endpointSlice("w2", "10.2.0.4 n1 z1"), true},
		{"pod outside of all networks", nil, endpointSlice("w2", "172.16.0.2 n1 z1"), true},
		{"pod outside of all networks gone", web, endpointSlice("web", "10.1.0.7 n1 z1"), true},
		{"neither node nor zone", nil, endpointSlice("w2", "172.16.0.2 - -"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(&rest.Config{})
			c.rebuild(listed(trimmed(n1), trimmed(n2)), listed(trimmed(web)))
			tell(c, test.before, test.after)
			if got := len(c.changed) == 1; got != test.want {
				t.Errorf("needs a new table: %v, want %v", got, test.want)
			}
		})
	}
}

// TestEventsWaitWhileATableIsMade makes sure that each event is either in the lists that a table is
// made of or compared with that table.
func TestEventsWaitWhileATableIsMade(t *testing.T) {
	c := newCluster(&rest.Config{})
	lists := 0
	list := func() []any {
		lists++
		if c.mu.TryLock() {
			t.Error("events may be compared while the objects are listed")
			c.mu.Unlock()
		}
		return nil
	}
	c.rebuild(list, list)
	if lists != 2 {
		t.Errorf("listed %d kinds, want 2", lists)
	}
}

// listed returns a function that returns objects.
func listed(objects ...any) func() []any { return func() []any { return objects } }

// trimmed returns what an informer keeps of o.
func trimmed(o object) any {
	var info any
	if kindOf(o) == "nodes" {
		info, _ = trimNode(o)
	} else {
		info, _ = trimSlice(o)
	}
	return info
}

// tell gives c the event of an object that changes from before to after, either of which may be nil.
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
		c.nodeChanged(infoOf[nodeInfo](old), infoOf[nodeInfo](fresh))
	} else {
		c.sliceChanged(infoOf[sliceInfo](old), infoOf[sliceInfo](fresh))
	}
}

// TestPauseIsTenTimesTheWork has rebuilds that take less and more than a tenth of minPause.
func TestPauseIsTenTimesTheWork(t *testing.T) {
	for work, want := range map[time.Duration]time.Duration{
		minPause/10 - 1: minPause,
		minPause/10 + 1: minPause + 10,
		time.Second:     10 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(&rest.Config{})
			var ended time.Time
			var pauses []time.Duration
			ctx, cancel := context.WithCancel(t.Context())
			var follow sync.WaitGroup
			follow.Go(func() {
				c.follow(ctx, func() {
					if !ended.IsZero() {
						pauses = append(pauses, time.Since(ended))
					}
					c.markChanged() // during the work
					time.Sleep(work)
					ended = time.Now()
				})
			})
			time.Sleep(3 * (work + want))
			cancel()
			follow.Wait()
			if len(pauses) < 2 || pauses[0] != want || pauses[1] != want {
				t.Errorf("after %v the pauses are %v, want %v", work, pauses, want)
			}
		})
	}
}

func TestChangesAreCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(&rest.Config{})
		var rebuilt atomic.Int32
		c.markChanged() // by the first lists
		go c.follow(t.Context(), func() { rebuilt.Add(1) })
		synctest.Wait()
		if rebuilt.Load() != 1 {
			t.Fatalf("rebuilt %d times at first, want 1", rebuilt.Load())
		}
		time.Sleep(10 * minPause)
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
			time.Sleep(minPause / 100)
		}
		time.Sleep(minPause)
		synctest.Wait()
		if n := rebuilt.Load(); n != 3 && n != 4 {
			t.Fatalf("rebuilt %d times after 100 changes in a row, want 3 or 4", n)
		}
	})
}
