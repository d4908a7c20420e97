package ordering

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

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
			t.Errorf("%s is in zone %q, want %q", name, got, want)
		}
	}
}

// TestFindAgainstOracle compares find with a search through all zones.
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
			qname, want := name(), ""
			for _, r := range z.rules {
				if dns.IsSubDomain(r.zone, qname) && (want == "" || dns.CountLabel(r.zone) > dns.CountLabel(want)) {
					want = r.zone
				}
			}
			got := ""
			if r := z.find(qname); r != nil {
				got = r.zone
			}
			if got != want {
				t.Fatalf("%s is in zone %q, want %q", qname, got, want)
			}
		}
	}
}

// TestServes has two server blocks with zones inside of each other's. Both have example.org, as at two
// ports.
func TestServes(t *testing.T) {
	one := []string{".", "a.b.example.org.", "example.org."}
	two := []string{"b.example.org.", "example.net.", "example.org."}
	all := map[string]bool{}
	for _, zone := range slices.Concat(one, two) {
		all[zone] = true
	}
	for name, want := range map[string]struct{ one, two, alone bool }{ // alone: two, if it does not know one
		"example.org.":       {true, true, true},
		"WWW.example.org.":   {true, true, true},
		"b.example.org.":     {false, true, true},
		"x.B.example.org.":   {false, true, true},
		"a.b.example.org.":   {true, false, true},
		"x.a.b.Example.org.": {true, false, true},
		`a\.b.example.org.`:  {true, true, true},
		"www.example.net.":   {false, true, true},
		"example.com.":       {true, false, false},
		".":                  {true, false, false},
	} {
		for _, block := range []struct {
			name  string
			zones *zones
			want  bool
		}{
			{"the first", &zones{served: one, allServed: all}, want.one},
			{"the second", &zones{served: two, allServed: all}, want.two},
			{"the second alone", &zones{served: two}, want.alone},
		} {
			if got := block.zones.serves(name); got != block.want {
				t.Errorf("%s serves %s: %v, want %v", block.name, name, got, block.want)
			}
		}
	}
}

// TestAliasLeadsOut has aliases that stay in the zone, lead to another, and stand behind a signature or a
// DNAME.
func TestAliasLeadsOut(t *testing.T) {
	const (
		in        = "www.example.org. 300 IN CNAME host.example.org."
		out       = "host.example.org. 300 IN CNAME host.example.net."
		dname     = "example.org. 300 IN DNAME example.net."
		signature = "www.example.org. 300 IN RRSIG CNAME 13 3 300 20300101000000 20200101000000 1 example.org. AAAA"
		address   = "host.example.org. 300 IN A 192.0.2.1"
	)
	z := &zones{served: []string{"example.org."}}
	for _, test := range []struct {
		answer []string
		want   bool
	}{
		{nil, false},
		{[]string{address}, false},
		{[]string{in, address}, false},
		{[]string{out, address}, true},
		{[]string{in, signature, out, address}, true},
		{[]string{dname, out, address}, true},
		{[]string{address, out}, false},
	} {
		var answer []dns.RR
		for _, text := range test.answer {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			answer = append(answer, rr)
		}
		if got := z.aliasLeadsOut(answer); got != test.want {
			t.Errorf("%q: %v, want %v", test.answer, got, test.want)
		}
	}
	if z.aliasLeadsOut([]dns.RR{nil}) {
		t.Error("a record that is nil leads out")
	}
}

// TestPoliciesOfZonesDiffer has a directive for all zones and one for a name.
func TestPoliciesOfZonesDiffer(t *testing.T) {
	corefile := "ordering {\nround_robin off\n}\n" +
		"ordering far.example.org {\nlocal_net_priority off\nround_robin off\n}"
	o := orderingOf(t, corefile,
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
			t.Errorf("the answer was copied: %v", addrs(res.Answer))
		}
	}
}

// TestTopologiesStartTogether checks that all topologies start, each once, or none after an error.
func TestTopologiesStartTogether(t *testing.T) {
	for _, broken := range []error{nil, errors.New("cannot start")} {
		one, two := &source{}, &source{err: broken}
		z := &zones{}
		z.add("a.example.", follows(one))
		z.add("b.example.", follows(one))
		z.add("c.example.", follows(two))

		want := 1 // although two zones have the first
		if broken != nil {
			want = 0
		}
		if err := z.start(); !errors.Is(err, broken) || one.starts != want || two.starts != want {
			t.Errorf("with error %v of the second, start returns %v and leaves %d and %d started, want %d of each",
				broken, err, one.starts, two.starts, want)
		}
	}
}

// A stoppable is a topology that closes a channel when it is stopped.
type stoppable struct {
	source
	stopped chan struct{}
}

func (s *stoppable) Stop() error {
	close(s.stopped)
	return nil
}

// TestTopologiesEndWithTheirZones drops the zones of a server without a stop, as CoreDNS does with a
// server that could not listen.
func TestTopologiesEndWithTheirZones(t *testing.T) {
	dropped := &stoppable{stopped: make(chan struct{})}
	func() {
		z := &zones{}
		z.add("dropped.example.", follows(dropped))
		if err := z.start(); err != nil {
			t.Fatal(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		select {
		case <-dropped.stopped:
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("the topology was not stopped")
}
