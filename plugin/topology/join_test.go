package topology

import (
	"errors"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// A fixedSource has a table that a test sets.
type fixedSource struct {
	table    *Table
	ready    bool
	startErr error
	started  int
}

func (s *fixedSource) Table() *Table { return s.table }
func (s *fixedSource) Ready() bool   { return s.ready }
func (s *fixedSource) Synced() bool  { return s.ready }
func (s *fixedSource) Name() string  { return "fixed" }
func (s *fixedSource) Stop() error   { s.started = 0; return nil }

func (s *fixedSource) Start() error {
	if s.startErr == nil {
		s.started++
	}
	return s.startErr
}

func tableOf(t *testing.T, networks ...string) *Table {
	t.Helper()
	var b Builder
	for i := 0; i < len(networks); i += 2 {
		topologytest.Must(t, b.Add(netip.MustParsePrefix(networks[i]), networks[i+1]))
	}
	table, err := b.Table()
	topologytest.Must(t, err)
	return table
}

func TestJoin(t *testing.T) {
	cluster := &fixedSource{table: tableOf(t, "10.0.0.0/16", "r/z1/node", "10.0.5.0/24", "r/z1/other"), ready: true}
	file := &fixedSource{table: tableOf(t, "10.0.0.0/8", "r", "10.0.0.0/16", "file", "10.0.7.0/24", "r/z2")}
	j := Join(cluster, file)
	for addr, want := range map[string]string{
		"10.9.0.1": "r", "10.0.0.1": "r/z1/node", "10.0.5.1": "r/z1/other", "10.0.7.1": "r/z2", "11.0.0.1": "",
	} {
		if got := j.Table().Find(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
	if j.Table().Depth() != 3 || j.Table().Len() != 5 {
		t.Errorf("depth %d and length %d, want 3 and 5", j.Table().Depth(), j.Table().Len())
	}
	if n := testing.AllocsPerRun(100, func() { j.Table() }); n > 0 {
		t.Errorf("Table allocates %v times although nothing has changed", n)
	}
	file.table = tableOf(t, "11.0.0.0/8", "far")
	if got := j.Table().Find(netip.MustParseAddr("11.0.0.1")).String(); got != "far" {
		t.Errorf("after a change 11.0.0.1 is in %q, want far", got)
	}
	if j.Ready() {
		t.Error("ready, although one of the two is not")
	}
	if file.ready = true; !j.Ready() {
		t.Error("not ready, although both are")
	}
}

// TestJoinAsksTheSecondWhatTheFirstDoesNotKnow has an address without a location in the table of a
// cluster, as of a Pod on a node that is not known.
func TestJoinAsksTheSecondWhatTheFirstDoesNotKnow(t *testing.T) {
	unknown := []HostChange{{Addr: netip.MustParseAddr("10.0.5.9"), Location: 1}}
	cluster := tableOf(t, "10.0.5.0/24", "r/z1/node").
		WithHosts(new(Hosts).With(unknown), NewLocations([]*Location{nil, nil}))
	path := write(t, "10.0.0.0/16 r/z2\n")
	j := Join(&fixedSource{table: cluster}, open(t, path))
	for addr, want := range map[string]string{"10.0.5.8": "r/z1/node", "10.0.5.9": "r/z2", "10.0.6.9": "r/z2", "10.1.0.9": ""} {
		if got := j.Table().Find(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is in %q, want %q", addr, got, want)
		}
	}
	if got, want := Explain(j, netip.MustParseAddr("10.0.5.9")), filepath.Base(path)+":1"; got != want {
		t.Errorf("10.0.5.9 is explained as %q, want %q", got, want)
	}
	for addr, want := range map[string]int{"10.0.5.9": 32, "10.0.5.8": 32, "10.0.6.9": 23} {
		if got := j.Table().Scope(netip.MustParseAddr(addr)); got != want {
			t.Errorf("the scope of %s is %d, want %d", addr, got, want)
		}
	}
}

func TestJoinStartsBothOrNone(t *testing.T) {
	cluster, file := new(fixedSource), new(fixedSource)
	j := Join(cluster, file)
	topologytest.Must(t, j.Start())
	if cluster.started != 1 || file.started != 1 {
		t.Error("not both are started")
	}
	topologytest.Must(t, j.Stop())
	if cluster.started != 0 || file.started != 0 {
		t.Error("not both are stopped")
	}
	file.startErr = errors.New("no")
	if err := j.Start(); err == nil || cluster.started != 0 {
		t.Errorf("error %v and the first is started: %v", err, cluster.started == 1)
	}
}

// TestJoinIsReadyWithBoth has each of the two ready or not.
func TestJoinIsReadyWithBoth(t *testing.T) {
	for _, first := range []bool{false, true} {
		for _, second := range []bool{false, true} {
			j := Join(&fixedSource{ready: first}, &fixedSource{ready: second})
			if want := first && second; j.Ready() != want || j.Synced() != want {
				t.Errorf("ready %v and %v give %v, synced %v", first, second, j.Ready(), j.Synced())
			}
		}
	}
}

// TestJoinFollowsBoth changes the table of each of the two.
func TestJoinFollowsBoth(t *testing.T) {
	first := &fixedSource{table: tableOf(t, "10.0.0.0/8", "a")}
	second := &fixedSource{table: tableOf(t, "11.0.0.0/8", "b")}
	j := Join(first, second)
	check := func(want map[string]string) {
		t.Helper()
		for addr, location := range want {
			if got := j.Table().Find(netip.MustParseAddr(addr)).String(); got != location {
				t.Errorf("%s is at %q, want %q", addr, got, location)
			}
		}
	}
	check(map[string]string{"10.0.0.1": "a", "11.0.0.1": "b"})
	first.table = tableOf(t, "12.0.0.0/8", "c")
	check(map[string]string{"10.0.0.1": "", "11.0.0.1": "b", "12.0.0.1": "c"})
	second.table = tableOf(t, "13.0.0.0/8", "d")
	check(map[string]string{"11.0.0.1": "", "12.0.0.1": "c", "13.0.0.1": "d"})
}
