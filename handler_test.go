package ordering

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

func TestPassedOnUntouched(t *testing.T) {
	two := func() []dns.RR { return addressRRset("192.168.1.1", "10.4.3.1") }
	changed := func(f func(*dns.Msg)) *dns.Msg {
		m := reply(hot, dns.TypeA, two()...)
		m.Extra = two()
		f(m)
		return m
	}
	for _, tt := range []struct {
		name  string
		below *dns.Msg
	}{
		{"NXDOMAIN", changed(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError })},
		{"SERVFAIL", changed(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })},
		{"REFUSED", changed(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused })},
		{"AXFR", changed(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR })},
		{"IXFR", changed(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeIXFR })},
		{"no question", changed(func(m *dns.Msg) { m.Question = nil })},
		{"RRsets of one", changed(func(m *dns.Msg) { m.Answer, m.Extra = two()[:1], two()[1:] })},
		{"RRsets of one in one section", changed(func(m *dns.Msg) {
			other := address("other.example.org.", netip.MustParseAddr("10.4.3.1"))
			m.Answer = append(two()[:1], addressRRset("2001:db8::1")[0], other)
			m.Extra = nil
		})},
		{"one name with two classes", changed(func(m *dns.Msg) {
			m.Answer[0].Header().Class = dns.ClassCHAOS
			m.Extra = nil
		})},
		{"the authority section", changed(func(m *dns.Msg) { m.Answer, m.Extra, m.Ns = nil, nil, two() })},
		{"no records", changed(func(m *dns.Msg) { m.Answer, m.Extra = nil, nil })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.below.Copy()
			o := orderingOf(t, "ordering {\nanswer_limit 1\n}", replying(tt.below))
			for range 3 {
				res := ask(t, o, "10.4.3.2", hot, dns.TypeA)
				for _, s := range []struct{ below, got []dns.RR }{
					{tt.below.Answer, res.Answer}, {tt.below.Ns, res.Ns}, {tt.below.Extra, res.Extra},
				} {
					if !slices.Equal(s.below, s.got) || len(s.got) > 0 && &s.below[0] != &s.got[0] {
						t.Fatalf("a section was changed or copied:\n%s", lines(s.got))
					}
				}
			}
			if tt.below.String() != want.String() {
				t.Errorf("the message from below was written to: %v", tt.below)
			}
		})
	}
}

func TestNilMessage(t *testing.T) {
	for _, corefile := range []string{"ordering", "ordering {\necs 0.0.0.0/0\nanswer_limit 1\n}"} {
		o := orderingOf(t, corefile, test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
			return dns.RcodeSuccess, w.WriteMsg(nil)
		}))
		if res := exchange(t, o, "10.4.3.2", asking(subnet(1, "10.4.3.0", 24, 0))); res != nil {
			t.Errorf("%s\nwrites %v, want nil", corefile, res)
		}
	}
}

// TestOnlyQueriesHaveAnOrder checks that the answers to a NOTIFY, to an UPDATE and to a message
// without a question are passed on as they are.
func TestOnlyQueriesHaveAnOrder(t *testing.T) {
	below := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)
	o := orderingOf(t, "ordering", replying(below))
	for _, r := range []*dns.Msg{new(dns.Msg), new(dns.Msg).SetNotify(hot), new(dns.Msg).SetUpdate(hot)} {
		if res := exchange(t, o, "10.4.3.2", r); &res.Answer[0] != &below.Answer[0] {
			t.Errorf("%s: %v", dns.OpcodeToString[r.Opcode], addrs(res.Answer))
		}
	}
}

// TestBothSectionsAreOrdered checks that the answer and the additional section are ordered, and that
// only the answer has aliases that move.
func TestBothSectionsAreOrdered(t *testing.T) {
	alias := record("www.example.org. 300 IN CNAME " + hot)
	in := append(addressRRset("192.168.1.1", "10.4.3.1"), alias)
	below := reply("www.example.org.", dns.TypeA, in...)
	below.Extra = in
	res := ask(t, orderingOf(t, "ordering", replying(below)), "10.4.3.9", "www.example.org.", dns.TypeA)
	if want := []dns.RR{alias, in[1], in[0]}; !slices.Equal(res.Answer, want) {
		t.Errorf("answer\n%s", lines(res.Answer))
	}
	if want := []dns.RR{in[1], in[0], alias}; !slices.Equal(res.Extra, want) {
		t.Errorf("additional section\n%s", lines(res.Extra))
	}
}

func TestReturnsWhatNextReturns(t *testing.T) {
	o := orderingOf(t, "ordering", test.NextHandler(dns.RcodeRefused, net.ErrClosed))
	code, err := o.ServeDNS(context.Background(), from("10.4.3.2"), new(dns.Msg).SetQuestion(hot, dns.TypeA))
	if code != dns.RcodeRefused || err != net.ErrClosed {
		t.Errorf("returns %d, %v", code, err)
	}
	if o.Name() != "ordering" {
		t.Errorf("the name is %s", o.Name())
	}
}

// A brokenWriter fails to write.
type brokenWriter struct{ *sink }

func (brokenWriter) WriteMsg(*dns.Msg) error { return net.ErrClosed }

func TestReturnsTheErrorOfTheWriter(t *testing.T) {
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	_, err := o.ServeDNS(context.Background(), brokenWriter{from("10.4.3.2")}, new(dns.Msg).SetQuestion(hot, dns.TypeA))
	if err != net.ErrClosed {
		t.Errorf("returns %v", err)
	}
}

// TestQuestionIsReadBeforeNext checks that a plugin below that rewrites the question does not change
// which policy decides.
func TestQuestionIsReadBeforeNext(t *testing.T) {
	below := meddling(replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	o := orderingOf(t, "ordering example.org {\nround_robin off\n}", below)
	if got := fmt.Sprint(addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer)); got != "[10.4.3.1 192.168.1.1]" {
		t.Errorf("answer %s", got)
	}
}

// TestAnswerLimitIsNotForDNSSEC checks that a client that asks for DNSSEC gets all addresses. A
// plugin below removes the DO bit from the query.
func TestAnswerLimitIsNotForDNSSEC(t *testing.T) {
	o := orderingOf(t, "ordering {\nanswer_limit 1\n}", nil)
	o.Next = meddling(replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	for _, do := range []bool{false, true} {
		r := new(dns.Msg).SetQuestion(hot, dns.TypeA)
		r.SetEdns0(1232, do)
		want := 1
		if do {
			want = 2
		}
		res := exchange(t, o, "10.4.3.2", r)
		if got := addrs(res.Answer); len(got) != want || got[0] != "10.4.3.1" || res.Truncated {
			t.Errorf("DO %v: %v, TC %v", do, got, res.Truncated)
		}
	}
}

// TestWeightsOfTheCorefile checks that the lines of weight reach the order.
func TestWeightsOfTheCorefile(t *testing.T) {
	o := orderingOf(t, "ordering {\nweight 10.4.0.0/16 0\nweight 10.4.3.2 2\nweight 2001:db8::/32 9\n}",
		replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2", "10.9.9.9")...)))
	firsts := map[string]int{}
	for range 30 {
		firsts[addrs(ask(t, o, "192.168.1.1", hot, dns.TypeA).Answer)[0]]++
	}
	if firsts["10.4.3.1"] != 0 || firsts["10.4.3.2"] != 20 || firsts["10.9.9.9"] != 10 {
		t.Errorf("first addresses %v", firsts)
	}
}

func TestClientWithoutAnAddress(t *testing.T) {
	in := []string{"192.168.1.1", "10.4.3.1", "172.16.0.1"}
	for _, corefile := range []string{
		"ordering", "ordering {\nnetmask6 0\nnetmask /0\nsortlist any 10.0.0.0/8\ntopology TABLE\n}",
	} {
		o := orderingOf(t, withTable(t, corefile), replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
		for turn := range 3 {
			w := &inbox{sink: &sink{client: &net.UnixAddr{Name: "/run/dns.sock", Net: "unix"}}}
			o.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(hot, dns.TypeA))
			if got, want := addrs(w.msg.Answer), slices.Concat(in[turn:], in[:turn]); !slices.Equal(got, want) {
				t.Errorf("%s\nturn %d: %v, want %v", corefile, turn, got, want)
			}
		}
	}
}

func TestReady(t *testing.T) {
	for _, corefile := range []string{"ordering", "ordering {\ntopology TABLE\n}"} {
		if !orderingOf(t, withTable(t, corefile), nil).Ready() {
			t.Errorf("%s\nis not ready", corefile)
		}
	}
	var z zones
	s := &source{}
	z.add(".", follows(s))
	o := &Ordering{zones: &z}
	for _, want := range []bool{false, true} {
		if s.ready = want; o.Ready() != want {
			t.Errorf("ready %v with a topology that is ready %v", !want, want)
		}
	}
}
