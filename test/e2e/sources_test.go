package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// Whichever plugin answers, the near addresses come first and each tier takes exact turns.
func TestAnswersOfEveryPluginAreOrdered(t *testing.T) {
	zone := freshZone()
	const (
		near = "10.9.8.1 10.9.8.2"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
		all  = "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2 192.0.2.3"
	)
	other := start(t, zone+" {\n import clients\n file "+
		zoneFileOf(t, zone, host("www", all))+"\n}")
	tests := []struct{ name, source string }{
		{"file", "file " + zoneFileOf(t, zone, host("www", all))},
		{"auto", "auto {\n directory " + filepath.Dir(zoneFileOf(t, zone, host("www", all))) + " db\\.(.*) {1}\n }"},
		{"hosts", "hosts " + writeFile(t, "hosts", strings.ReplaceAll(all+" ", " ", " www."+zone+"\n"))},
		{"template", template(all)},
		{"forward", "forward . " + other.udpAddr()},
		{"cache over forward", "cache\n forward . " + other.udpAddr()},
		{"cache over file", "cache\n file " + zoneFileOf(t, zone, host("www", all))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, zone+" {\n import clients\n ordering\n "+test.source+"\n}")
			for turn := range 12 {
				want := rotated(near, turn) + " " + rotated(far, turn)
				if got := s.as("10.9.8.7").answer("www." + zone); got != want {
					t.Errorf("answer %d is %s\nwant %s", turn, got, want)
				}
			}
		})
	}
}

// template returns a template directive that answers every A query with these addresses.
func template(addresses string) string {
	var b strings.Builder
	b.WriteString("template IN A {\n")
	for _, a := range strings.Fields(addresses) {
		fmt.Fprintf(&b, "answer \"{{ .Name }} 300 IN A %s\"\n", a)
	}
	b.WriteString("}")
	return b.String()
}

// One cached answer is ordered for every client, and so is the first answer, which fills the cache.
func TestCachedAnswersAreOrderedForEachClient(t *testing.T) {
	zone := freshZone()
	const (
		here  = "10.9.8.1 10.9.8.2"
		there = "172.16.1.1 172.16.1.2"
	)
	var asked atomic.Int32
	addr := upstream(t, func(m *dns.Msg) {
		asked.Add(1)
		m.Answer = rrs(t, host("www."+zone+".", "172.16.1.1 10.9.8.1 172.16.1.2 10.9.8.2"))
	})
	s := start(t, zone+" {\n import clients\n ordering\n cache\n forward . "+addr+"\n}")
	for turn := range 10 {
		want := rotated(here, turn) + " " + rotated(there, turn)
		if got := s.as("10.9.8.7").answer("www." + zone); got != want {
			t.Errorf("answer %d here is %s\nwant %s", turn, got, want)
		}
		want = rotated(there, turn) + " " + rotated(here, turn)
		if got := s.as("172.16.1.7").answer("www." + zone); got != want {
			t.Errorf("answer %d there is %s\nwant %s", turn, got, want)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the upstream got %d queries, want 1: the cached answer was not used", n)
	}
}

// An upstream that rotates its answers must not cancel the turns.
func TestTwoRoundRobinsDoNotCancel(t *testing.T) {
	const all = "10.9.8.1 10.9.8.2"
	rotating := func(authoritative bool) string {
		var turn atomic.Int32
		return upstream(t, func(m *dns.Msg) {
			m.Authoritative = authoritative
			m.Answer = rrs(t, host("www.example.org.", rotated(all, int(turn.Add(1)-1))))
		})
	}
	// A CoreDNS server that takes turns itself and sets AA. It runs in the same process, whose turns are
	// in one table, so it is asked over TCP, which has turns of its own.
	authority := start(t, "example.org {\n bind 127.0.0.1\n ordering\n file "+
		zoneFile(t, host("www", all))+"\n}")
	tests := []struct {
		name, upstream, properties string
		cancel                     bool
	}{
		{"a recursive server", rotating(false), "", false},
		{"an authoritative server, base order canonical", rotating(true), "base_order canonical", false},
		{"ordering, base order canonical", authority.tcpAddr() + " {\nforce_tcp\n}", "base_order canonical", false},
		{"base order received, as a control", rotating(false), "base_order received", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, fmt.Sprintf(`example.org {
				import clients
				ordering {
					%s
				}
				forward . %s
			}`, test.properties, test.upstream))
			firsts := tally{}
			for range 100 {
				firsts[first(s.as("10.9.8.7").answer("www.example.org"))]++
			}
			if test.cancel {
				if len(firsts) != 1 {
					t.Errorf("the upstream does not rotate as this test expects: %v", firsts)
				}
				return
			}
			firsts.expectEven(t, all, 50)
		})
	}
}

func TestCanonicalOrderWithoutTurnsNeverChanges(t *testing.T) {
	var turn atomic.Int32
	addr := upstream(t, func(m *dns.Msg) {
		m.Answer = rrs(t, host("www.example.org.", rotated("10.9.8.20 10.9.8.3 192.0.2.1 10.9.8.100", int(turn.Add(1)))))
	})
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n base_order canonical\n }\n forward . "+
		addr+"\n}")
	for range 8 {
		want := "10.9.8.3 10.9.8.20 10.9.8.100 192.0.2.1"
		if got := s.as("10.9.8.7").answer("www.example.org"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
