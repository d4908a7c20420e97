package kubernetes

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	errForbidden    = apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, "", errors.New("no such right"))
	errUnauthorized = apierrors.NewUnauthorized("not known")
	errRefused      = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
)

func TestForbiddenIsLoggedOnce(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.answer(http.StatusForbidden)
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "tried several times", func() bool { return s.asked() > 8 })
	c.Stop()
	for _, want := range []string{
		"cannot list nodes: ", "cannot list endpointslices: ", "system:serviceaccount:kube-system:dns",
		"needs list and watch on nodes, pods and endpointslices (discovery.k8s.io)",
	} {
		if !strings.Contains(text(), want) {
			t.Errorf("%q is not in the log:\n%s", want, text())
		}
	}
	if got := strings.Count(text(), "\n"); got != 2 {
		t.Errorf("%d lines, want one per kind:\n%s", got, text())
	}
	if c.Ready() || c.Table().Len() != 0 {
		t.Error("ready without an answer")
	}
}

func TestUnauthorizedNamesTheAPIServer(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.answer(http.StatusUnauthorized)
	c := s.cluster(t)
	start(t, c)
	want := s.URL + " does not accept the account"
	topologytest.Eventually(t, want, func() bool { return strings.Contains(text(), want) })
	c.Stop()
	if got := strings.Count(text(), "\n"); got != 1 {
		t.Errorf("%d lines, want one:\n%s", got, text())
	}
}

// TestWatchIsForbidden has an account that must list but not watch. Lists are then all that it gets,
// again and again.
func TestWatchIsForbidden(t *testing.T) {
	text := topologytest.Logged(t)
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyServer(t, rand.New(rand.NewPCG(1, 1)))
		s.mend()
		s.old = 0
		s.forbid("watch", true)
		s.put(node("n1", "r1", "z1", "10.1.0.0/24"))
		c := newCluster(s.config(), PodsOff)
		defer c.Stop()
		start(t, c)
		time.Sleep(logInterval - 10*time.Second)
		synctest.Wait()
		if !c.Synced() || !located(c, "10.1.0.1", "r1/z1/n1")() {
			t.Error("not synced by lists")
		}
		s.put(node("n1", "r1", "z2", "10.1.0.0/24"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !located(c, "10.1.0.1", "r1/z2/n1")() {
			t.Error("does not follow by lists")
		}
		s.forbid("watch", false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
	})
	for _, want := range []string{"cannot watch nodes: ", "cannot watch endpointslices: "} {
		if n := strings.Count(text(), want); n < 1 || n > 2 {
			t.Errorf("said %d times in 7 minutes that it %s want 1 or 2:\n%s", n, want, text())
		}
	}
	if n := strings.Count(text(), "can watch nodes again"); n != 1 {
		t.Errorf("said %d times that it can watch, want once:\n%s", n, text())
	}
	if strings.Contains(text(), ": cannot list ") || strings.Contains(text(), ": can list ") {
		t.Errorf("lists succeed, and it says something else:\n%s", text())
	}
}

func TestUnreachableIsLoggedOnce(t *testing.T) {
	text := topologytest.Logged(t)
	s := newAPIServer(t)
	s.Close()
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "logged", func() bool { return strings.Contains(text(), "the last table stays") })
	c.Stop()
	if got := strings.Count(text(), "\n"); got != 1 {
		t.Errorf("%d lines, want one:\n%s", got, text())
	}
}

// TestStatusLog reports results of requests and checks which of them are logged.
func TestStatusLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := topologytest.Logged(t)
		s := &apiStatus{host: "https://192.0.2.1"}
		seen := 0
		logs := func(what string, want ...string) {
			t.Helper()
			lines := strings.Split(strings.TrimSuffix(text()[seen:], "\n"), "\n")
			if text()[seen:] == "" {
				lines = nil
			}
			seen = len(text())
			if len(lines) != len(want) {
				t.Fatalf("%s: logged %q, want %q", what, lines, want)
			}
			for i := range lines {
				if !strings.Contains(lines[i], want[i]) {
					t.Errorf("%s: logged %q, want %q", what, lines[i], want[i])
				}
			}
		}
		report := func(verb string, err error) { s.report(t.Context(), verb, "nodes", err) }

		report("list", errForbidden)
		logs("a failure", "cannot list nodes: nodes is forbidden")
		report("watch", errForbidden)
		logs("another failure", "cannot watch nodes: ")
		time.Sleep(logInterval - 1)
		report("list", errForbidden)
		logs("a failure that lasts")
		time.Sleep(time.Nanosecond)
		report("list", errForbidden)
		logs("a failure that lasts for longer", "cannot list nodes: ")
		report("list", nil)
		logs("a recovery", "can list nodes again")
		report("list", nil)
		logs("no second recovery")
		report("watch", errForbidden)
		logs("a list ended only the failure of the list", "cannot watch nodes: ")
		report("list", errForbidden)
		logs("a failure after a recovery", "cannot list nodes: ")

		report("watch", errRefused)
		logs("no answer", "connection refused; the last table stays while this is tried again")
		report("list", errRefused)
		logs("no answer to another request")
		report("watch", errUnauthorized)
		logs("unauthorized", "https://192.0.2.1 does not accept the account")
		report("list", nil)
		logs("an answer ends what was the same for all requests", "can list nodes again")
		report("watch", errRefused)
		report("watch", errUnauthorized)
		logs("failures after the answer", "connection refused", "does not accept the account")

		report("list", apierrors.NewResourceExpired("too old"))
		report("get", &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusGone, Reason: metav1.StatusReasonGone}})
		logs("an expired list or watch is no failure")
		ended, end := context.WithCancel(t.Context())
		end()
		s.report(ended, "get", "nodes", errForbidden)
		logs("an error after the end is no failure")
		report("get", errors.New("a\nb\x1b[31m"))
		logs("control characters", `cannot get nodes: a\nb\x1b[31m`)
	})
}

func TestFailuresAreCountedEachTime(t *testing.T) {
	metrics := topology.NewMetrics("counted")
	defer metrics.Close()
	s := &apiStatus{metrics: metrics}
	for range 3 {
		s.report(t.Context(), "list", "nodes", errForbidden)
	}
	if got, _ := topologytest.Metric(t, topologytest.Failures, "counted"); got != 3 {
		t.Errorf("%v failures, want 3", got)
	}
}

func TestSyncIsOfAllKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := topology.NewMetrics("synced")
		defer metrics.Close()
		s := apiStatus{metrics: metrics}
		check := func(what string, want time.Time) {
			t.Helper()
			seconds := float64(0)
			if !want.IsZero() {
				seconds = float64(want.Unix())
			}
			if got, _ := topologytest.Metric(t, topologytest.LastSync, "synced"); got != seconds {
				t.Errorf("%s: in sync at %v, want %v", what, got, seconds)
			}
		}
		s.expect("nodes")
		s.expect("pods")
		s.current("pods")
		check("pods alone", time.Time{})
		time.Sleep(time.Second)
		s.current("nodes")
		check("nodes later", time.Now().Add(-time.Second))
		first := time.Now()
		time.Sleep(time.Second)
		s.current("pods")
		check("nothing was read of nodes later", first)
		s.current("nodes")
		check("both", time.Now())
	})
}
