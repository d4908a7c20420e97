package e2e

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// An answer that does not fit into a datagram is cut at its end. The nearest addresses must remain.
func TestTruncationKeepsTheNearest(t *testing.T) {
	zone := freshZone()
	const near = "10.9.8.1 10.9.8.2 10.9.8.3"
	var far []string
	for i := range 100 {
		far = append(far, fmt.Sprintf("192.0.2.%d", i))
	}
	s := start(t, zone+" {\n import clients\n ordering\n file "+
		zoneFileOf(t, zone, host("www", strings.Join(far, " ")+" "+near))+"\n}")
	c := s.as("10.9.8.7")
	for turn := range 3 {
		r := c.ask("www."+zone, dns.TypeA)
		if !r.Truncated || len(r.Answer) < 3 || len(r.Answer) > 50 {
			t.Fatalf("%d records, TC %v, want a truncated answer", len(r.Answer), r.Truncated)
		}
		if got, want := addresses(r.Answer[:3]), rotated(near, turn); got != want {
			t.Errorf("answer %d starts with %s, want %s", turn, got, want)
		}
	}
	if r := c.exchangeTCP(question("www."+zone, dns.TypeA)); r.Truncated || len(r.Answer) != 103 {
		t.Errorf("%d records over TCP, TC %v, want all 103", len(r.Answer), r.Truncated)
	}
}

func TestAnswerLimit(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2 10.9.8.3"
		far  = "192.0.2.1 192.0.2.2"
	)
	path := zoneFile(t, host("www", far+" "+near)+host("two", far)+host("six", "2001:db8::1 2001:db8::2 2001:db8::3"))
	with := func(properties string) *testServer {
		return start(t, "example.org {\n import clients\n ordering {\n round_robin off\n "+properties+"\n }\n file "+
			path+"\n}")
	}
	tests := []struct{ limit, client, want string }{
		{"1", "10.9.8.7", "10.9.8.1"},
		{"2", "10.9.8.7", "10.9.8.1 192.0.2.1"}, // one address of the next tier to fail over to
		{"3", "10.9.8.7", "10.9.8.1 10.9.8.2 192.0.2.1"},
		{"4", "10.9.8.7", "10.9.8.1 10.9.8.2 10.9.8.3 192.0.2.1"},
		{"5", "10.9.8.7", "10.9.8.1 10.9.8.2 10.9.8.3 192.0.2.1 192.0.2.2"},
		{"9", "10.9.8.7", "10.9.8.1 10.9.8.2 10.9.8.3 192.0.2.1 192.0.2.2"},
		{"3", "198.51.100.7", "192.0.2.1 192.0.2.2 10.9.8.1"}, // one tier
	}
	for _, test := range tests {
		t.Run(test.limit+" for "+test.client, func(t *testing.T) {
			c := with("answer_limit " + test.limit).as(test.client)
			r := c.ask("www.example.org", dns.TypeA)
			if got := addresses(r.Answer); got != test.want || r.Truncated {
				t.Errorf("got  %s, TC %v\nwant %s", got, r.Truncated, test.want)
			}
		})
	}
	t.Run("other RRsets", func(t *testing.T) {
		c := with("answer_limit 2").as("10.9.8.7")
		if got := c.answer("two.example.org"); got != far {
			t.Errorf("an RRset of two is %s, want %s", got, far)
		}
		if got, want := c.answer6("six.example.org"), "2001:db8::1 2001:db8::2"; got != want {
			t.Errorf("AAAA is %s, want %s", got, want)
		}
	})
	t.Run("DO", func(t *testing.T) {
		q := question("www.example.org", dns.TypeA)
		q.SetEdns0(4096, true)
		if got, want := addresses(with("answer_limit 2").as("10.9.8.7").exchange(q).Answer), near+" "+far; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestAnswerLimitInTheAdditionalSection(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, "_http._tcp SRV 10 5 80 www\n"+host("www", "192.0.2.1 192.0.2.2 10.9.8.1 2001:db8::1"))
	s := start(t, zone+" {\n import clients\n ordering {\n answer_limit 2\n }\n file "+path+"\n}")
	q := question("_http._tcp."+zone, dns.TypeSRV)
	q.SetEdns0(4096, false)
	r := s.as("10.9.8.7").exchange(q)
	if got, want := addresses(r.Extra), "10.9.8.1 192.0.2.1 2001:db8::1"; got != want {
		t.Errorf("additional has %s, want %s", got, want)
	}
	if r.IsEdns0() == nil || r.Truncated {
		t.Errorf("no OPT, or TC is set:\n%v", r)
	}
}

// A message over TCP holds 4,000 addresses at most.
func TestTheLargestAnswer(t *testing.T) {
	zone := freshZone()
	var near, far []string
	for i := range 2000 {
		near = append(near, fmt.Sprintf("10.%d.%d.1", i/250, i%250))
		far = append(far, fmt.Sprintf("192.0.%d.%d", i/250, i%250))
	}
	mixed := make([]string, 0, len(near)+len(far))
	for i := range near {
		mixed = append(mixed, far[i], near[i])
	}
	s := start(t, zone+" {\n import clients\n ordering\n file "+
		zoneFileOf(t, zone, host("www", strings.Join(mixed, " ")))+"\n}")
	for turn := range 3 {
		r := s.as("10.99.8.7").exchangeTCP(question("www."+zone, dns.TypeA))
		want := rotated(strings.Join(near, " "), turn) + " " + rotated(strings.Join(far, " "), turn)
		if r.Truncated || addresses(r.Answer) != want {
			t.Errorf("answer %d has %d records, TC %v, or they are in another order", turn, len(r.Answer), r.Truncated)
		}
	}
}

// TestThousandsOfAliases has a chain of aliases that comes backwards and behind its addresses.
func TestThousandsOfAliases(t *testing.T) {
	const n = 2500
	zone := freshZone()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("n%d.%s.", i, zone) }
	respond := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Compress = true
		for _, a := range []string{"192.0.2.1", "10.9.8.1"} {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: name(n), Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(a),
			})
		}
		for i := n - 1; i >= 0; i-- {
			m.Answer = append(m.Answer, &dns.CNAME{
				Hdr:    dns.RR_Header{Name: name(i), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60},
				Target: name(i + 1),
			})
		}
		w.WriteMsg(m)
	})
	below := &dns.Server{Listener: listener, Handler: respond}
	go below.ActivateAndServe()
	t.Cleanup(func() { below.Shutdown() })
	s := start(t, zone+" {\n import clients\n ordering\n forward . "+listener.Addr().String()+" {\n force_tcp\n }\n}")
	r := s.as("10.9.8.7").exchangeTCP(question("n0."+zone, dns.TypeA))
	if len(r.Answer) != n+2 || r.Truncated {
		t.Fatalf("%d records, TC %v, want %d", len(r.Answer), r.Truncated, n+2)
	}
	for i, rr := range r.Answer[:n] {
		if rr.Header().Rrtype != dns.TypeCNAME || rr.Header().Name != name(i) {
			t.Fatalf("record %d is %v, want the alias of %s", i, rr, name(i))
		}
	}
	if got, want := addresses(r.Answer), "10.9.8.1 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Over many turns, a limit treats all addresses of a tier alike: each is first equally often, and
// each is in the answer equally often.
func TestTurnsUnderALimitAreEven(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2 10.9.8.3 10.9.8.4"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
	)
	s := start(t, "example.org {\n import clients\n ordering {\n answer_limit 3\n }\n file "+
		zoneFile(t, host("www", far+" "+near))+"\n}")
	const cycles = 10
	firsts, present := tally{}, tally{}
	for range cycles * 3 * 4 {
		answer := s.as("10.9.8.7").answer("www.example.org")
		firsts[first(answer)]++
		for _, a := range strings.Fields(answer) {
			present[a]++
		}
	}
	firsts.expectEven(t, near, cycles*3)
	want := tally{}
	for _, a := range strings.Fields(near) {
		want[a] = cycles * 3 * 4 * 2 / 4 // two of these four in each answer
	}
	for _, a := range strings.Fields(far) {
		want[a] = cycles * 3 * 4 * 1 / 3 // one of these three in each answer
	}
	if !maps.Equal(present, want) {
		t.Errorf("the addresses are in the answer %v times\nwant %v", present, want)
	}
}
