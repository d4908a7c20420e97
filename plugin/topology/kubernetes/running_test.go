package kubernetes

import (
	"net/http"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	"k8s.io/client-go/rest"
)

func TestReloadBeginsWithTheTableOfTheRunningCluster(t *testing.T) {
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

func TestTableOfAnotherServerIsNotTaken(t *testing.T) {
	here, elsewhere := newAPIServer(t), newAPIServer(t)
	elsewhere.put(node("n1", "r1", "z1", "10.1.0.0/24"))
	other := elsewhere.cluster(t)
	start(t, other)
	topologytest.Eventually(t, "ready", other.Ready)

	here.answer(http.StatusServiceUnavailable)
	c := here.cluster(t)
	start(t, c)
	if c.Ready() || c.Table().Len() > 0 {
		t.Error("the Cluster has the table of another API server")
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

func TestNewClusterBeginsWithTheLatestReadyTable(t *testing.T) {
	var r runningClusters
	tables := map[*topology.Table]string{}
	add := func(host, name string, ready bool) *Cluster {
		c := newCluster(&rest.Config{Host: host})
		r.add(c)
		if name != "" {
			table := &topology.Table{}
			tables[table] = name
			c.table.Store(table)
			c.ready.Store(ready)
		}
		return c
	}
	add("server", "first", true)
	second := add("server", "second", true)
	third := add("server", "third", false)
	add("another server", "fourth", true)
	check := func(want string) {
		t.Helper()
		c := add("server", "", false)
		if got := tables[c.Table()]; got != want || c.Ready() != (want != "") {
			t.Errorf("the table is that of the %s, ready %v, want %s", got, c.Ready(), want)
		}
		r.remove(c)
	}
	check("second")
	third.ready.Store(true)
	check("third")
	r.remove(third)
	r.remove(second)
	check("first")
}
