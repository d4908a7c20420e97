package kubernetes

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
)

// TestMain removes what makes each error of a reflector wait for a millisecond. In a test with a clock
// of its own that would wait for the time of the other clock.
func TestMain(m *testing.M) {
	utilruntime.ErrorHandlers = nil
	os.Exit(m.Run())
}

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

// versions are how API servers answer a request for a list as events; 0 for those that know it.
var versions = map[string]int{
	"streamed": 0, "listed": http.StatusUnprocessableEntity, "listed by a very old one": http.StatusBadRequest,
}

func TestClusterFollows(t *testing.T) {
	for name, old := range versions {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t)
			s.old = old
			s.put(node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24"))
			s.put(endpointSlice("web", "10.1.0.7 n1 z1", "172.16.0.1 n2 z2"))
			c := s.clusterWith(t, PodsOff)
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
				if _, found := topologytest.Metric(t, name, c.Name()); !found {
					t.Errorf("no %s", name)
				}
			}
			if failures, _ := topologytest.Metric(t, topologytest.Failures, c.Name()); failures != 0 {
				t.Errorf("%v failures, want none", failures)
			}
			c.Stop()
			for _, name := range topologytest.MetricNames {
				if _, found := topologytest.Metric(t, name, c.Name()); found {
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

// TestStopClosesConnections has an API server without TLS, as kubectl proxy is one, whose responses leave
// connections without a request.
func TestStopClosesConnections(t *testing.T) {
	s := unstartedAPIServer()
	s.Server = httptest.NewUnstartedServer(s)
	var open atomic.Int64
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	s.answer(http.StatusForbidden)
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "a failure of each kind", func() bool {
		n, _ := topologytest.Metric(t, topologytest.Failures, c.Name())
		return n >= 2
	})
	c.Stop()
	topologytest.Eventually(t, "no connection is open", func() bool { return open.Load() == 0 })
}

// TestStopDoesNotWaitForAnOverloadedAPIServer is like TestStopDoesNotWaitForTheAPIServer, and each
// request is answered with "too many requests".
func TestStopDoesNotWaitForAnOverloadedAPIServer(t *testing.T) {
	topologytest.Logged(t)
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyServer(t, rand.New(rand.NewPCG(1, 1)))
		s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(w, http.StatusTooManyRequests, "") })
		c := newCluster(s.config(), PodsAuto)
		start(t, c)
		time.Sleep(10 * time.Minute)
		stopAtOnce(t, c)
	})
}

// refused returns a Cluster that has started, and whose API server refuses connections. The caller must
// stop it.
func refused(t *testing.T) *Cluster {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	c := newCluster(&rest.Config{Host: "http://127.0.0.1:1", Dial: dial}, PodsAuto)
	start(t, c)
	return c
}

// TestStopDoesNotWaitForTheAPIServer stops a Cluster whose connections have been refused for so long
// that it waits for minutes between attempts.
func TestStopDoesNotWaitForTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := refused(t)
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
	if _, found := topologytest.Metric(t, topologytest.Entries, c.Name()); found {
		t.Error("the cluster is watched after Stop")
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestPauseIsTenTimesTheWork has work that takes less and more than a tenth of minPause, and more than
// a tenth of maxPause.
func TestPauseIsTenTimesTheWork(t *testing.T) {
	for work, want := range map[time.Duration]time.Duration{
		minPause/10 - 1:  minPause,
		minPause/10 + 1:  minPause + 10,
		10 * time.Second: maxPause,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &watcher{changed: make(chan struct{}, 1), places: newPlaces(PodsOn, "")}
			var ended time.Time
			var pauses []time.Duration
			ctx, cancel := context.WithCancel(t.Context())
			var follow sync.WaitGroup
			follow.Go(func() {
				w.follow(ctx, func() {
					if !ended.IsZero() {
						pauses = append(pauses, time.Since(ended))
					}
					w.update(func() {}) // during the work
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
		w := &watcher{changed: make(chan struct{}, 1), places: newPlaces(PodsOn, "")}
		var made atomic.Int32
		go w.follow(t.Context(), func() { made.Add(1) })
		synctest.Wait()
		time.Sleep(10 * minPause)
		synctest.Wait()
		if made.Load() != 1 {
			t.Fatalf("%d tables without a change, want 1", made.Load())
		}
		w.update(func() {})
		synctest.Wait()
		if made.Load() != 2 {
			t.Fatalf("%d tables after a change, want 2, at once", made.Load())
		}
		for range 100 {
			w.update(func() {})
			time.Sleep(minPause / 100)
		}
		time.Sleep(minPause)
		synctest.Wait()
		if n := made.Load(); n != 3 && n != 4 {
			t.Fatalf("%d tables after 100 changes in a row, want 3 or 4", n)
		}
	})
}

// TestReadyWaitsForHalfAMinute has an API server that never answers.
func TestReadyWaitsForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := topologytest.Logged(t)
		c := refused(t)
		defer c.Stop()
		time.Sleep(syncTimeout - 1)
		synctest.Wait()
		if c.Ready() {
			t.Error("ready without an answer before the time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !c.Ready() || c.Synced() {
			t.Errorf("after the time ready is %v and synced %v, want ready and not synced", c.Ready(), c.Synced())
		}
		time.Sleep(10 * syncTimeout)
		if n := strings.Count(text(), "could not be read completely within 30s"); n != 1 {
			t.Errorf("said %d times that it goes on without, want once:\n%s", n, text())
		}
		if got, want := c.Describe(), "0 nodes, 0 networks and addresses, read from the API"; got != want {
			t.Errorf("it is described as %q, want %q", got, want)
		}
		if ready, found := topologytest.Metric(t, topologytest.Ready, c.Name()); !found || ready != 0 {
			t.Errorf("topology_ready is %v, want 0 before the first sync", ready)
		}
	})
}

// TestNothingIsSaidAfterStop stops a Cluster before it is ready.
func TestNothingIsSaidAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := topologytest.Logged(t)
		c := refused(t)
		time.Sleep(syncTimeout / 2)
		c.Stop()
		before := text()
		time.Sleep(10 * syncTimeout)
		synctest.Wait()
		if after := text(); after != before || c.Ready() {
			t.Errorf("after Stop ready is %v, and the log has more:\n%s", c.Ready(), after[len(before):])
		}
	})
}

// TestClusterBeforeStart asks a Cluster what it knows that watches nothing yet.
func TestClusterBeforeStart(t *testing.T) {
	c := newCluster(&rest.Config{Host: "https://192.0.2.1:6443"}, PodsAuto)
	addr := netip.MustParseAddr("10.1.0.1")
	if c.Table() == nil || c.Synced() || c.Ready() || c.Table().Len() != 0 {
		t.Errorf("synced %v, ready %v, %d places", c.Synced(), c.Ready(), c.Table().Len())
	}
	if got := c.Describe(); got != "kubernetes 192.0.2.1:6443" {
		t.Errorf("describes itself as %q", got)
	}
	if got := c.Explain(addr); got != "the cluster is not watched" {
		t.Errorf("explains %q", got)
	}
	if got := c.Mend(addr); !strings.Contains(got, "10.1.0.1") {
		t.Errorf("says %q to mend", got)
	}
}

// TestNameOfACluster has the ways in which a kubeconfig can write an API server.
func TestNameOfACluster(t *testing.T) {
	for host, want := range map[string]string{
		"https://192.0.2.1:6443":             "kubernetes 192.0.2.1:6443",
		"https://api.example.org/clusters/1": "kubernetes api.example.org",
		"192.0.2.1:6443":                     "kubernetes 192.0.2.1:6443",
		"localhost:8080":                     "kubernetes localhost:8080",
		"api.example.org":                    "kubernetes api.example.org",
	} {
		if got := newCluster(&rest.Config{Host: host}, PodsAuto).Name(); got != want {
			t.Errorf("%s is called %q, want %q", host, got, want)
		}
	}
}

// TestRequests has an API server that looks at the requests of a Cluster that a kubeconfig describes.
func TestRequests(t *testing.T) {
	s := unstartedAPIServer()
	headers := make(chan http.Header, 100)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case headers <- r.Header:
		default:
		}
		s.ServeHTTP(w, r)
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "config")
	topologytest.Must(t, os.WriteFile(path, []byte(strings.ReplaceAll(kubeconfig, "http://192.0.2.2:8080", s.URL)), 0o600))
	c, err := New(Options{Kubeconfig: path})
	topologytest.Must(t, err)
	start(t, c)
	header := <-headers
	c.Stop()
	if got, want := header.Get("User-Agent"), "coredns-ordering"; got != want {
		t.Errorf("the client is called %q, want %q", got, want)
	}
	if got, want := header.Get("Accept"), "application/vnd.kubernetes.protobuf"; !strings.HasPrefix(got, want) {
		t.Errorf("asks for %q, want %s first", got, want)
	}
}

// TestWatcherBeforeItsFirstTable has a watcher whose goroutines have not run yet.
func TestWatcherBeforeItsFirstTable(t *testing.T) {
	w, err := newWatcher("kubernetes api", &rest.Config{Host: "https://192.0.2.1:6443"}, newPlaces(PodsOn, ""), func(string) {})
	topologytest.Must(t, err)
	if table := w.current.Load(); table == nil || table.Len() != 0 || table.Find(netip.MustParseAddr("10.1.0.1")) != nil {
		t.Errorf("the first table is %v, want an empty one", table)
	}
}

// TestStartSaysWhyThereCanBeNoConnection has a certificate that is not there.
func TestStartSaysWhyThereCanBeNoConnection(t *testing.T) {
	config := &rest.Config{Host: "https://192.0.2.1:6443", TLSClientConfig: rest.TLSClientConfig{CAFile: t.TempDir() + "/ca.crt"}}
	c := newCluster(config, PodsAuto)
	if err := c.Start(); err == nil || !strings.Contains(err.Error(), "https://192.0.2.1:6443: ") || !strings.Contains(err.Error(), "ca.crt") {
		t.Errorf("error %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}
