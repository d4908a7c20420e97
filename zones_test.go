package ordering

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

func TestMostSpecificZoneDecides(t *testing.T) {
	zones, err := parsed("ordering example.org\nordering www.example.org a.b.c.example.org\nordering 10.in-addr.arpa")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"example.org.":           "example.org.",
		"EXAMPLE.ORG.":           "example.org.",
		"api.example.org.":       "example.org.",
		"www.example.org.":       "www.example.org.",
		"a.www.Example.org.":     "www.example.org.",
		"awww.example.org.":      "example.org.",
		"c.example.org.":         "example.org.",
		"x.a.b.c.example.org.":   "a.b.c.example.org.",
		`a\.b.c.example.org.`:    "example.org.",
		"1.0.0.10.in-addr.arpa.": "10.in-addr.arpa.",
		"anexample.org.":         "",
		"org.":                   "",
		".":                      "",
	} {
		got := ""
		if r := zones.find(name); r != nil {
			got = r.zone
		}
		if got != want {
			t.Errorf("%s is of zone %q, want %q", name, got, want)
		}
	}
}

func TestFindAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	name := func() string {
		labels := make([]string, rnd.IntN(5))
		for i := range labels {
			labels[i] = oneOf(rnd, "a", "b", "B", `\.`, "long-label")
		}
		return strings.Join(labels, ".") + "."
	}
	for range 300 {
		z := new(zones)
		for range rnd.IntN(10) {
			z.add(strings.ToLower(name()), nil)
		}
		for range 30 {
			asked, want := name(), ""
			for _, r := range z.rules {
				if dns.IsSubDomain(r.zone, asked) && (want == "" || dns.CountLabel(r.zone) > dns.CountLabel(want)) {
					want = r.zone
				}
			}
			got := ""
			if r := z.find(asked); r != nil {
				got = r.zone
			}
			if got != want {
				t.Fatalf("%s is of zone %q, want %q", asked, got, want)
			}
		}
	}
}

func TestPoliciesOfZonesDiffer(t *testing.T) {
	o := orderingOf(t, "ordering {\nround_robin off\n}\nordering far.example.org {\nlocal_net_priority off\nround_robin off\n}",
		replying(reply(hot, dns.TypeA, addressRRset("192.168.1.27", "10.0.0.14")...)))
	for qname, want := range map[string]string{
		"near.example.org.": "[10.0.0.14 192.168.1.27]",
		"FAR.example.org.":  "[192.168.1.27 10.0.0.14]",
	} {
		if got := fmt.Sprint(addrs(ask(t, o, "10.4.3.2", qname, dns.TypeA).Answer)); got != want {
			t.Errorf("%s: %s, want %s", qname, got, want)
		}
	}
}

func TestOutsideItsZonesNothingIsTouched(t *testing.T) {
	below := reply(hot, dns.TypeA, addressRRset("192.168.1.27", "10.0.0.14")...)
	o := orderingOf(t, "ordering example.net", replying(below))
	for range 3 {
		if res := ask(t, o, "10.4.3.2", hot, dns.TypeA); &res.Answer[0] != &below.Answer[0] {
			t.Errorf("the answer was written anew: %v", addrs(res.Answer))
		}
	}
}

// source is an empty topology of which only the life is looked at.
type source struct {
	topology.Source
	err    error // of Start
	starts int   // less the stops
	ready  bool
}

func (s *source) Table() *topology.Table { return nil }

func (s *source) Ready() bool { return s.ready }

func (s *source) Start() error {
	if s.err == nil {
		s.starts++
	}
	return s.err
}

func (s *source) Stop() error {
	s.starts = 0
	return nil
}

// follows returns a policy with this topology.
func follows(t topology.Source) *policy {
	return &policy{ranker: ranking.New(ranking.Config{Topology: t})}
}

func TestTopologiesStartTogether(t *testing.T) {
	for _, broken := range []error{nil, errors.New("no room for a watch")} {
		one, two := &source{}, &source{err: broken}
		var z zones
		z.add("a.example.", follows(one))
		z.add("b.example.", follows(one))
		z.add("c.example.", follows(two))

		want := 1 // once, for two zones
		if broken != nil {
			want = 0
		}
		if err := z.start(); !errors.Is(err, broken) || one.starts != want || two.starts != want {
			t.Errorf("the second fails with %v: start returns %v, %d and %d run, want %d of each", broken, err, one.starts, two.starts, want)
		}
	}
}

// ending is a topology that says when it is stopped.
type ending struct {
	source
	stopped chan struct{}
}

func (e *ending) Stop() error {
	close(e.stopped)
	return nil
}

// TestTopologiesEndWithTheirZones is a server that started them and was dropped, because it could not listen.
func TestTopologiesEndWithTheirZones(t *testing.T) {
	e := &ending{stopped: make(chan struct{})}
	func() {
		z := new(zones)
		z.add(".", follows(e))
		if err := z.start(); err != nil {
			t.Fatal(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		select {
		case <-e.stopped:
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("nobody has stopped it")
}
