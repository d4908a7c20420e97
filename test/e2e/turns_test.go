package e2e

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// A tally counts how often each address came first.
type tally map[string]int

// expectEven fails the test unless each of addresses came first exactly n times, and no other
// address ever did.
func (f tally) expectEven(t *testing.T, addresses string, n int) {
	t.Helper()
	want := tally{}
	for _, a := range strings.Fields(addresses) {
		want[a] = n
	}
	if !maps.Equal(f, want) {
		t.Errorf("first places are %v\nwant %d each: %v", f, n, addresses)
	}
}

func TestEveryAddressOfATierComesFirstEquallyOften(t *testing.T) {
	zone := freshZone()
	const (
		near = "10.9.8.1 10.9.8.2 10.9.8.3"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4"
	)
	s := start(t, zone+" {\n import clients\n ordering\n file "+
		zoneFileOf(t, zone, host("www", far+" "+near))+"\n}")
	nearFirst, farFirst := tally{}, tally{}
	for turn := range 600 {
		got := s.as("10.9.8.7").answer("www." + zone)
		if want := rotated(near, turn) + " " + rotated(far, turn); got != want {
			t.Fatalf("answer %d is %s\nwant %s", turn, got, want)
		}
		nearFirst[strings.Fields(got)[0]]++
		farFirst[strings.Fields(got)[3]]++
	}
	nearFirst.expectEven(t, near, 200)
	farFirst.expectEven(t, far, 150)
}

// A client that connects asks for A and AAAA. The two must not share turns.
func TestAAndAAAAHaveSeparateTurns(t *testing.T) {
	const (
		a    = "10.9.8.1 10.9.8.2"
		aaaa = "2001:db8::1 2001:db8::2"
	)
	s := start(t, "example.org {\n import clients\n ordering\n file "+
		zoneFile(t, host("www", a+" "+aaaa))+"\n}")
	// For the second of these clients, all addresses of both families are in one tier.
	for _, addr := range []string{"10.9.8.7", "198.51.100.7"} {
		t.Run(addr, func(t *testing.T) {
			c, firsts, firsts6 := s.as(addr), tally{}, tally{}
			for range 200 {
				firsts[first(c.answer("www.example.org"))]++
				firsts6[first(c.answer6("www.example.org"))]++
			}
			firsts.expectEven(t, a, 100)
			firsts6.expectEven(t, aaaa, 100)
		})
	}
}

func TestClientsWithDifferentTiersHaveSeparateTurns(t *testing.T) {
	const (
		client1 = "10.9.8.7"
		client2 = "172.16.1.7"
	)
	tests := []struct{ near1, near2 string }{
		{"10.9.8.1 10.9.8.2", "172.16.1.1 172.16.1.2"},
		{"10.9.8.1 10.9.8.2", "172.16.1.1"},
		{"10.9.8.1 10.9.8.2", "172.16.1.1 172.16.1.2 172.16.1.3"},
		{"10.9.8.1 10.9.8.2 10.9.8.3 10.9.8.4", "172.16.1.1 172.16.1.2 172.16.1.3 172.16.1.4"},
	}
	for _, test := range tests {
		t.Run(test.near1+" and "+test.near2, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering\n file "+
				zoneFile(t, host("www", test.near1+" "+test.near2))+"\n}")
			firsts1, firsts2 := tally{}, tally{}
			for range 120 {
				firsts1[first(s.as(client1).answer("www.example.org"))]++
				firsts2[first(s.as(client2).answer("www.example.org"))]++
			}
			firsts1.expectEven(t, test.near1, 120/len(strings.Fields(test.near1)))
			firsts2.expectEven(t, test.near2, 120/len(strings.Fields(test.near2)))
		})
	}
}

// Clients that see the same tiers share their turns, with any spelling of the name. So their load
// together is even.
func TestClientsWithTheSameTiersShareTurns(t *testing.T) {
	const near = "10.9.8.1 10.9.8.2 10.9.8.3"
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			zone := freshZone()
			s := start(t, zone+" {\n import clients\n ordering\n file "+
				zoneFileOf(t, zone, host("www", near))+"\n}")
			spellings := []string{
				"www." + zone, "WWW." + strings.ToUpper(zone), "wWw." + zone, "www." + strings.Replace(zone, "e", "E", 1),
			}
			for turn := range 24 {
				c, q := s.as(fmt.Sprintf("10.9.8.%d", 77+turn%5)), question(spellings[turn%len(spellings)], dns.TypeA)
				exchange := map[string]func(*dns.Msg) *dns.Msg{"UDP": c.exchange, "TCP": c.exchangeTCP}[transport]
				if got, want := addresses(exchange(q).Answer), rotated(near, turn); got != want {
					t.Errorf("answer %d is %s\nwant %s", turn, got, want)
				}
			}
		})
	}
}

// Tiers without an address make no difference: a class A client has two masks, a class C client one,
// and a client of the other family has others, but all addresses are equally far from each of them.
func TestClientsShareTurnsWhateverTiersAreEmpty(t *testing.T) {
	tests := []struct {
		name, properties, addresses string
		clients                     []string
		orders                      []string // of successive answers
	}{
		{"one tier", "", "192.0.2.1 192.0.2.2",
			[]string{"10.9.8.7", "192.168.1.7", "172.16.1.7", "2001:db8::7", "239.0.0.7"},
			[]string{"192.0.2.1 192.0.2.2", "192.0.2.2 192.0.2.1"}},
		{"two tiers", "netmask /24 /20 /16", "203.0.113.1 203.0.113.2 192.0.2.1 192.0.2.2",
			[]string{"192.0.2.7", "192.0.3.7", "192.0.99.7"},
			[]string{"192.0.2.1 192.0.2.2 203.0.113.1 203.0.113.2", "192.0.2.2 192.0.2.1 203.0.113.2 203.0.113.1"}},
		{"more tiers than records", "netmask /24\nsortlist 10.0.0.0/8" + strings.Repeat(" 198.51.100.0/24", 200),
			"192.0.2.1 192.0.2.2", []string{"10.9.8.7", "192.168.1.7"},
			[]string{"192.0.2.1 192.0.2.2", "192.0.2.2 192.0.2.1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			zone := freshZone()
			s := start(t, zone+" {\n import clients\n ordering {\n "+test.properties+"\n }\n file "+
				zoneFileOf(t, zone, host("www", test.addresses))+"\n}")
			for turn := range 4 * len(test.clients) {
				addr := test.clients[turn%len(test.clients)]
				if got, want := s.as(addr).answer("www."+zone), test.orders[turn%len(test.orders)]; got != want {
					t.Errorf("answer %d, for %s, is %s\nwant %s", turn, addr, got, want)
				}
			}
		})
	}
}

func TestTurnsAreExactUnderConcurrency(t *testing.T) {
	const near = "10.9.8.1 10.9.8.2 10.9.8.3"
	s := start(t, "example.org {\n import clients\n ordering\n file "+
		zoneFile(t, host("www", near))+"\n}")
	const clients, queries = 6, 100
	query, addr := wire(t, question("www.example.org", dns.TypeA)), s.udpAddr()
	firsts, mu, wg := tally{}, sync.Mutex{}, sync.WaitGroup{}
	for i := range clients {
		conn, err := net.Dial("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := s.as(fmt.Sprintf("10.9.8.%d", 100+i))
		wg.Go(func() {
			for range queries {
				r := new(dns.Msg)
				if err := r.Unpack(c.datagram(conn, query)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				firsts[first(addresses(r.Answer))]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	firsts.expectEven(t, near, clients*queries/3)
}

func TestNamesHaveSeparateTurns(t *testing.T) {
	const a = "10.9.8.1 10.9.8.2"
	s := start(t, "example.org {\n import clients\n ordering\n file "+
		zoneFile(t, host("www", a)+host("ftp", a))+"\n}")
	www, ftp := tally{}, tally{}
	for range 100 {
		www[first(s.as("10.9.8.7").answer("www.example.org"))]++
		ftp[first(s.as("10.9.8.7").answer("ftp.example.org"))]++
	}
	www.expectEven(t, a, 50)
	ftp.expectEven(t, a, 50)
}

func TestRandomGivesEveryPermutationInsideATier(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2 10.9.8.3"
		far  = "192.0.2.1 192.0.2.2"
	)
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin random\n }\n file "+
		zoneFile(t, host("www", far+" "+near))+"\n}")
	seen := map[string]bool{}
	// There are 12 equally likely orders. The probability that one is missing from 600 answers is
	// 10^-21.
	for range 600 {
		got := s.as("10.9.8.7").answer("www.example.org")
		words := strings.Fields(got)
		slices.Sort(words[:3])
		slices.Sort(words[3:])
		if sorted := strings.Join(words, " "); sorted != near+" "+far {
			t.Fatalf("%s: the tiers are mixed", got)
		}
		seen[got] = true
	}
	if len(seen) != 6*2 {
		t.Errorf("%d orders, want all 12: %v", len(seen), seen)
	}
}
