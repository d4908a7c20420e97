package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coredns-ordering/ordering/internal/keytest"

	"github.com/miekg/dns"
)

// rotating starts a DNS server that rotates the addresses of every name by one with each answer, as
// a Windows domain controller does, and returns its address.
func rotating(t *testing.T, addresses string, authoritative bool) string {
	t.Helper()
	var turn atomic.Int32
	return upstream(t, func(m *dns.Msg) {
		m.Authoritative = authoritative
		m.Answer = rrs(t, host(m.Question[0].Name, rotated(addresses, int(turn.Add(1)-1))))
	})
}

// A server below that rotates must not cancel the turns, whether or not it sets AA.
func TestTurnsAreExactInFrontOfAServerThatRotates(t *testing.T) {
	for _, all := range []string{"192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2 192.0.2.3"} {
		for _, authoritative := range []bool{true, false} {
			for _, below := range []string{"", "cache\n", "hosts {\n fallthrough\n }\n", "rewrite name other other\n"} {
				t.Run(fmt.Sprintf("%d addresses, AA %v %s", len(strings.Fields(all)), authoritative, strings.TrimSpace(below)),
					func(t *testing.T) {
						zone, addr := freshZone(), rotating(t, all, authoritative)
						s := start(t, zone+" {\n import clients\n ordering\n "+below+"forward . "+addr+"\n}")
						firsts := tally{}
						for range 60 {
							firsts[first(s.as("10.9.8.7").answer("www."+zone))]++
						}
						firsts.expectEven(t, all, 60/len(strings.Fields(all)))
					})
			}
		}
	}
}

// Where a plugin keeps the order of its source, the turns start from that order.
func TestTurnsStartFromTheOrderOfTheZone(t *testing.T) {
	const all = "192.0.2.2 192.0.2.3 192.0.2.1"
	records := host("www", all)
	tests := []struct {
		name   string
		source func(t *testing.T, zone string) string
	}{
		{"file", func(t *testing.T, zone string) string { return "file " + zoneFileOf(t, zone, records) }},
		{"auto", func(t *testing.T, zone string) string {
			return "auto {\n directory " + filepath.Dir(zoneFileOf(t, zone, records)) + " db\\.(.*) {1}\n }"
		}},
		{"secondary", func(t *testing.T, zone string) string { return secondaryOf(t, zone, zoneFileOf(t, zone, records)) }},
		{"hosts", func(t *testing.T, zone string) string {
			return "hosts " + writeFile(t, "hosts", strings.ReplaceAll(all+" ", " ", " www."+zone+"\n"))
		}},
		{"template", func(*testing.T, string) string { return template(all) }},
		{"file below plugins that do not answer", func(t *testing.T, zone string) string {
			return strings.Join([]string{
				"acl", "any", "bufsize 1232", "cache", "cancel", "chaos", "dns64", "errors", "header {\n response set ra\n }",
				"local", "log", "loop", "metadata", "minimal", "nsid", "rewrite name other other", "siit", "shed",
				"transfer {\n to *\n }", "root /",
			}, "\n") + "\n file " + zoneFileOf(t, zone, records)
		}},
		{"round_robin off in front of forward", func(t *testing.T, zone string) string {
			return "forward . " + upstream(t, func(m *dns.Msg) { m.Answer = rrs(t, host(m.Question[0].Name, all)) })
		}},
	}
	for _, test := range tests {
		for _, roundRobin := range []string{"on", "off"} {
			if strings.HasPrefix(test.name, "round_robin off") && roundRobin == "on" {
				continue
			}
			t.Run(test.name+", round_robin "+roundRobin, func(t *testing.T) {
				zone := freshZone()
				s := start(t, zone+" {\n import clients\n ordering {\n round_robin "+roundRobin+"\n }\n "+
					test.source(t, zone)+"\n}")
				c := s.as("10.9.8.7")
				if test.name == "secondary" {
					c.waitFor("www." + zone)
				}
				for turn := range 6 {
					want := all
					if roundRobin == "on" {
						want = rotated(all, turn)
					}
					if got := c.answer("www." + zone); got != want {
						t.Errorf("answer %d is %s, want %s", turn, got, want)
					}
				}
			})
		}
	}
}

// A block with forward, whatever else answers in it, starts from the canonical order.
func TestTurnsStartFromTheCanonicalOrderInABlockThatForwards(t *testing.T) {
	const all, canonical = "192.0.2.20 192.0.2.3 192.0.2.1", "192.0.2.1 192.0.2.3 192.0.2.20"
	for _, properties := range []string{"", "{\n base_order auto\n }"} {
		zone := freshZone()
		s := start(t, zone+" {\n import clients\n ordering "+properties+"\n file "+zoneFileOf(t, zone, host("www", all))+
			" {\n fallthrough\n }\n forward . "+rotating(t, all, true)+"\n}")
		for turn := range 6 {
			if got, want := s.as("10.9.8.7").answer("www."+zone), rotated(canonical, turn); got != want {
				t.Errorf("answer %d of the zone is %s, want %s", turn, got, want)
			}
			if got, want := s.as("10.9.8.7").answer("other."+zone), rotated(canonical, turn); got != want {
				t.Errorf("answer %d of the upstream is %s, want %s", turn, got, want)
			}
		}
	}
}

// An answer without AA may be of any order, whatever the plugins of its block are.
func TestTurnsStartFromTheCanonicalOrderWithoutAA(t *testing.T) {
	const all, canonical = "192.0.2.20 192.0.2.3 192.0.2.1", "192.0.2.1 192.0.2.3 192.0.2.20"
	zone := freshZone()
	s := start(t, zone+" {\n import clients\n ordering\n header {\n response clear aa\n }\n file "+
		zoneFileOf(t, zone, host("www", all))+"\n}")
	for turn := range 4 {
		if got, want := s.as("10.9.8.7").answer("www."+zone), rotated(canonical, turn); got != want {
			t.Errorf("answer %d is %s, want %s", turn, got, want)
		}
	}
}

// An alias of an authoritative zone may lead to a server block whose plugins rotate.
func TestTurnsAreExactBehindAnAliasIntoABlockThatForwards(t *testing.T) {
	for _, all := range []string{"192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2 192.0.2.3"} {
		for _, f := range followers {
			for _, inner := range []string{"", "ordering\n"} {
				name := fmt.Sprintf("%s, %d addresses %s", f.name, len(strings.Fields(all)), strings.TrimSpace(inner))
				t.Run(name, func(t *testing.T) {
					a := aliased{alias: freshZone(), target: freshZone()}
					outer := "import clients\n ordering\n" + f.follow(t, a.alias, a.target)
					a.testServer = start(t, a.alias+" {\n"+outer+"\n}\n"+
						a.target+" {\n import clients\n"+inner+"forward . "+rotating(t, all, true)+"\n}")
					a.as("127.0.0.1").waitFor("www." + a.alias)
					firsts := tally{}
					for range 30 {
						firsts[first(a.follows("10.9.8.7"))]++
					}
					firsts.expectEven(t, all, 30/len(strings.Fields(all)))
				})
			}
		}
	}
}

// The answer for an alias that leads to another server block can look as if it were of one: it can end
// with a signature, and the block can have a zone that holds the name that the alias leads to.
func TestTurnsAreExactBehindAnAliasThatSeemsToStayInItsBlock(t *testing.T) {
	const all = "192.0.2.1 192.0.2.2"
	_, key := keytest.SigningKey(t, t.TempDir())
	outer, back := freshZone(), freshZone()
	tests := []struct {
		name, block, alias, target, directives string
		respond                                func(m *dns.Msg, turn int)
	}{
		{name: "a signature at the end", block: "example.org", alias: "example.org", target: freshZone(),
			directives: "dnssec {\n key file " + key + "\n }"},
		{name: "a zone in a zone", block: outer, alias: outer, target: "inner." + outer},
		{name: "a zone in the root zone", block: ".", alias: freshZone(), target: freshZone()},
		{name: "back into the zone", block: back, alias: back, target: freshZone(), respond: func(m *dns.Msg, turn int) {
			end := "end." + back + "."
			m.Answer = rrs(t, m.Question[0].Name+" 300 IN CNAME "+end+"\n"+host(end, rotated(all, turn)))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr := rotating(t, all, true)
			if test.respond != nil {
				var turn atomic.Int32
				addr = upstream(t, func(m *dns.Msg) { test.respond(m, int(turn.Add(1)-1)) })
			}
			s := start(t, test.block+" {\n import clients\n ordering\n "+test.directives+"\n file "+
				aliasZone(t, test.alias, "host."+test.target)+" "+test.alias+"\n}\n"+
				test.target+" {\n import clients\n forward . "+addr+"\n}")
			firsts := tally{}
			for range 20 {
				q := question("www."+test.alias, dns.TypeA)
				q.SetEdns0(4096, true)
				firsts[first(addresses(s.as("10.9.8.7").exchange(q).Answer))]++
			}
			firsts.expectEven(t, all, 10)
		})
	}
}
