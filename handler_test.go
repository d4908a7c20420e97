package ordering

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// meddling returns a handler that overwrites the query before next sees it.
func meddling(next plugin.Handler) plugin.Handler {
	return test.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		r.Question[0] = dns.Question{Name: "elsewhere.example.net.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
		if opt := r.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if s, ok := o.(*dns.EDNS0_SUBNET); ok {
					clear(s.Address)
					*s = dns.EDNS0_SUBNET{}
				}
			}
			opt.Option, opt.Hdr.Ttl = nil, 0
		}
		return next.ServeDNS(ctx, w, r)
	})
}

// withTable writes the path of a topology file into a Corefile where it says TABLE.
func withTable(tb testing.TB, corefile string) string {
	if !strings.Contains(corefile, "TABLE") {
		return corefile
	}
	return strings.ReplaceAll(corefile, "TABLE", tableFile(tb))
}

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
		{"RRsets of one, of one section", changed(func(m *dns.Msg) {
			m.Answer, m.Extra = append(two()[:1], addressRRset("2001:db8::1")[0], address("other.example.org.", netip.MustParseAddr("10.4.3.1"))), nil
		})},
		{"one RRset of two classes", changed(func(m *dns.Msg) {
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
				for _, s := range [][2][]dns.RR{{tt.below.Answer, res.Answer}, {tt.below.Ns, res.Ns}, {tt.below.Extra, res.Extra}} {
					if !slices.Equal(s[0], s[1]) || len(s[0]) > 0 && &s[0][0] != &s[1][0] {
						t.Fatalf("was touched:\n%s", lines(s[1]))
					}
				}
			}
			if tt.below.String() != want.String() {
				t.Errorf("what is below was written to: %v", tt.below)
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
			t.Errorf("a message came out of nothing: %v", res)
		}
	}
}

// TestOnlyQueriesHaveAnOrder checks that what answers a NOTIFY, an UPDATE or nothing at all is passed on as it is.
func TestOnlyQueriesHaveAnOrder(t *testing.T) {
	below := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)
	o := orderingOf(t, "ordering", replying(below))
	for _, r := range []*dns.Msg{new(dns.Msg), new(dns.Msg).SetNotify(hot), new(dns.Msg).SetUpdate(hot)} {
		if res := exchange(t, o, "10.4.3.2", r); &res.Answer[0] != &below.Answer[0] {
			t.Errorf("%s: %v", dns.OpcodeToString[r.Opcode], addrs(res.Answer))
		}
	}
}

// TestAnswersAreTheirOwn checks that what a plugin above does with one answer is never seen in another: small sections are cut from
// one array.
func TestAnswersAreTheirOwn(t *testing.T) {
	for n := 2; n < 50; n++ {
		o := orderingOf(t, "ordering {\nround_robin off\n}", replying(reply(hot, dns.TypeA, spread(n, nets4...)...)))
		last := ask(t, o, "10.240.0.77", hot, dns.TypeA)
		want := addrs(last.Answer)
		for range 10 {
			res := ask(t, o, "10.240.0.77", hot, dns.TypeA)
			clear(last.Answer)
			_ = append(last.Answer, spread(n, "192.0.2.0/24")...)
			if got := addrs(res.Answer); !slices.Equal(got, want) {
				t.Fatalf("%v, want %v", got, want)
			}
			last = res
		}
	}
}

func TestReturnsWhatBelowReturns(t *testing.T) {
	o := orderingOf(t, "ordering", test.NextHandler(dns.RcodeRefused, net.ErrClosed))
	code, err := o.ServeDNS(context.Background(), from("10.4.3.2"), new(dns.Msg).SetQuestion(hot, dns.TypeA))
	if code != dns.RcodeRefused || err != net.ErrClosed {
		t.Errorf("returns %d, %v", code, err)
	}
	if o.Name() != "ordering" {
		t.Errorf("is called %s", o.Name())
	}
}

// A brokenWriter cannot write.
type brokenWriter struct{ *sink }

func (brokenWriter) WriteMsg(*dns.Msg) error { return net.ErrClosed }

func TestReturnsTheErrorOfWriting(t *testing.T) {
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	_, err := o.ServeDNS(context.Background(), brokenWriter{from("10.4.3.2")}, new(dns.Msg).SetQuestion(hot, dns.TypeA))
	if err != net.ErrClosed {
		t.Errorf("returns %v", err)
	}
}

// TestQuestionIsReadOnTheWayDown checks that a rewrite below does not change which policy decides.
func TestQuestionIsReadOnTheWayDown(t *testing.T) {
	below := meddling(replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	o := orderingOf(t, "ordering example.org {\nround_robin off\n}", below)
	if got := fmt.Sprint(addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer)); got != "[10.4.3.1 192.168.1.1]" {
		t.Errorf("answer %s", got)
	}
}

// TestFourAndSixteenBytes mixes records as zone files and as the wire gives them.
func TestFourAndSixteenBytes(t *testing.T) {
	in := addressRRset("192.168.1.1", "10.4.3.1", "10.9.9.9", "192.168.1.2", "10.4.3.2")
	for i, rr := range in {
		if a := rr.(*dns.A); i%2 == 0 {
			a.A = a.A[12:]
		}
	}
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeA, in...)))
	want := []string{"10.4.3.1", "10.4.3.2", "10.9.9.9", "192.168.1.1", "192.168.1.2"}
	if got := addrs(ask(t, o, "10.4.3.9", hot, dns.TypeA).Answer); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestRecordsWithoutAnAddress checks that records that cannot be sent come last, and do no harm.
func TestRecordsWithoutAnAddress(t *testing.T) {
	in := addressRRset("192.168.1.1", "10.4.3.1")
	for _, octets := range []net.IP{nil, {}, {1, 2, 3}} {
		in = append(in, &dns.A{Hdr: *in[0].Header(), A: octets})
	}
	for _, corefile := range []string{"ordering", "ordering {\nround_robin sticky\n}", "ordering {\nsortlist any 10.0.0.0/8\nweight ::/0 3\ntopology TABLE\n}"} {
		o := orderingOf(t, withTable(t, corefile), replying(reply(hot, dns.TypeA, in...)))
		for range 3 {
			res := ask(t, o, "10.4.3.9", hot, dns.TypeA)
			if len(res.Answer) != len(in) || addrs(res.Answer)[0] != "10.4.3.1" {
				t.Errorf("%s: %s", corefile, lines(res.Answer))
			}
		}
	}
}

// TestOtherRecordsKeepTheirPlace puts all that can stand among addresses between them.
func TestOtherRecordsKeepTheirPlace(t *testing.T) {
	rrsig := record(hot + " 300 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. c2ln")
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}}
	a := addressRRset("192.168.1.1", "10.4.3.1", "10.9.9.9")
	below := reply(hot, dns.TypeA, a[0], rrsig, a[1], record(hot+" 300 IN TXT x"), a[2])
	below.Extra = []dns.RR{opt, a[0], a[1], tsig}
	res := ask(t, orderingOf(t, "ordering", replying(below)), "10.4.3.2", hot, dns.TypeA)
	if want := []dns.RR{a[1], rrsig, a[2], below.Answer[3], a[0]}; !slices.Equal(res.Answer, want) {
		t.Errorf("answer\n%s", lines(res.Answer))
	}
	if want := []dns.RR{opt, a[1], a[0], tsig}; !slices.Equal(res.Extra, want) {
		t.Errorf("additional section\n%s", lines(res.Extra))
	}
}

// TestRRsetsInterleaved has owners in mixed case, and two classes.
func TestRRsetsInterleaved(t *testing.T) {
	at := func(owner, a string) dns.RR { return address(owner, netip.MustParseAddr(a)) }
	chaos := at("a.example.org.", "10.4.3.7")
	chaos.Header().Class = dns.ClassCHAOS
	in := []dns.RR{
		at("a.example.org.", "192.168.1.1"), at("b.example.org.", "192.168.1.2"), at("A.Example.ORG.", "10.4.3.1"), chaos,
		at("b.example.org.", "2001:db8:1::2"), at("B.EXAMPLE.org.", "10.4.3.2"), at("b.example.org.", "2001:db8::1"),
	}
	o := orderingOf(t, "ordering", replying(reply(hot, dns.TypeANY, in...)))
	res := ask(t, o, "10.4.3.9", hot, dns.TypeANY)
	if want := []dns.RR{in[2], in[5], in[0], in[3], in[4], in[1], in[6]}; !slices.Equal(res.Answer, want) {
		t.Errorf("answer to an IPv4 client\n%s", lines(res.Answer))
	}
	res = ask(t, o, "2001:db8::9", hot, dns.TypeANY)
	if want := []dns.RR{in[0], in[1], in[2], in[3], in[6], in[5], in[4]}; !slices.Equal(res.Answer, want) {
		t.Errorf("answer to an IPv6 client\n%s", lines(res.Answer))
	}
}

// TestLargeSections has one RRset of 5,000, 2,500 RRsets of two, and as many records as never come in one message.
func TestLargeSections(t *testing.T) {
	c := &config{turning: "on", base: "auto"}
	client := "10.4.3.2"
	var one, many []dns.RR
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{[]byte{10, 192}[i%2], byte(i / 256), byte(i % 256), 1})
		one = append(one, address(hot, a))
		many = append(many, address(fmt.Sprintf("n%d.example.org.", i%2500), a))
	}
	for name, in := range map[string][]dns.RR{"one RRset": one, "many RRsets": many} {
		o := orderingOf(t, c.corefile(t, ""), replying(reply(hot, dns.TypeA, in...)))
		for turn := range 3 {
			want := c.section(in, netip.MustParseAddr(client), turn, true)
			if got := ask(t, o, client, hot, dns.TypeA).Answer; !slices.Equal(got, want) {
				t.Errorf("%s: turn %d comes in another order", name, turn)
			}
		}
	}
	for _, n := range []int{65_534, 65_535, 65_536, 70_000} {
		in := slices.Repeat(one, 15)[:n]
		res := ask(t, orderingOf(t, "ordering {\nround_robin random\n}", replying(reply(hot, dns.TypeA, in...))), client, hot, dns.TypeA)
		if len(res.Answer) != n {
			t.Errorf("%d records out of %d", len(res.Answer), n)
		}
	}
}

func TestAnswerLimit(t *testing.T) {
	near, far, elsewhere := numbered("10.4.3", 4), []string{"10.9.9.1", "10.9.9.2"}, []string{"192.168.1.1", "192.168.1.2"}
	all := slices.Concat(elsewhere, far, near)
	for _, tt := range []struct {
		name  string
		in    []string
		limit int
		want  []string
	}{
		{"more than there are", all, 9, slices.Concat(near, far, elsewhere)},
		{"as many as there are", all, 8, slices.Concat(near, far, elsewhere)},
		{"one fewer", all, 7, slices.Concat(near, far, elsewhere[:1])},
		{"the nearest and one", all, 5, slices.Concat(near, far[:1])},
		{"as many as the nearest: the last place goes to the next tier", all, 4, slices.Concat(near[:3], far[:1])},
		{"fewer than the nearest", all, 2, slices.Concat(near[:1], far[:1])},
		{"one: the nearest", all, 1, near[:1]},
		{"no next tier", near, 2, near[:2]},
		{"no next tier, one", near, 1, near[:1]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset(tt.in...)...)
			below.Extra = append(addressRRset(tt.in...), record("x. 300 IN TXT x"))
			o := orderingOf(t, fmt.Sprintf("ordering {\nround_robin off\nanswer_limit %d\n}", tt.limit), replying(below))
			res := ask(t, o, "10.4.3.200", hot, dns.TypeA)
			if got := addrs(res.Answer); !slices.Equal(got, tt.want) {
				t.Errorf("answer %v, want %v", got, tt.want)
			}
			if got := addrs(res.Extra); !slices.Equal(got, tt.want) {
				t.Errorf("additional section %v, want %v", got, tt.want)
			}
			if _, ok := res.Extra[len(res.Extra)-1].(*dns.TXT); !ok {
				t.Error("another record went too")
			}
			if res.Truncated {
				t.Error("TC is set")
			}
			if len(below.Answer) != len(tt.in) || len(below.Extra) != len(tt.in)+1 {
				t.Error("what is below was cut")
			}
		})
	}
}

func TestAnswerLimitLeavesOtherTypes(t *testing.T) {
	var in []dns.RR
	for i := range 5 {
		in = append(in, record(fmt.Sprintf("%s 300 IN MX 10 m%d.example.org.", hot, i)))
	}
	o := orderingOf(t, "ordering {\ntypes MX A\nanswer_limit 2\n}", replying(reply(hot, dns.TypeMX, in...)))
	if got := ask(t, o, "10.4.3.200", hot, dns.TypeMX).Answer; len(got) != 5 {
		t.Errorf("answer\n%s", lines(got))
	}
}

// TestAnswerLimitIsFair checks that each of the nearest is present as often as the others, and first as often.
func TestAnswerLimitIsFair(t *testing.T) {
	near := numbered("10.4.3", 7)
	o := orderingOf(t, "ordering {\nanswer_limit 3\n}", replying(reply(hot, dns.TypeA, addressRRset(append([]string{"192.168.1.1", "192.168.1.2"}, near...)...)...)))
	firsts, present := map[string]int{}, map[string]int{}
	for range 700 {
		got := addrs(ask(t, o, "10.4.3.200", hot, dns.TypeA).Answer)
		firsts[got[0]]++
		for _, a := range got {
			present[a]++
		}
	}
	if u, v := unevenness(firsts, near), unevenness(present, near); u != 1 || v != 1 {
		t.Errorf("first %v, present %v", firsts, present)
	}
	if u := unevenness(present, []string{"192.168.1.1", "192.168.1.2"}); u != 1 {
		t.Errorf("of the next tier present: %v", present)
	}
}

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
		if got := addrs(exchange(t, o, "10.4.3.2", r).Answer); len(got) != want || got[0] != "10.4.3.1" {
			t.Errorf("DO %v: %v", do, got)
		}
	}
}

// TestTypesThatAreNotNamed checks that types is a list of all there is to order.
func TestTypesThatAreNotNamed(t *testing.T) {
	in := append(addressRRset("192.168.1.1", "10.4.3.1"), addressRRset("2001:db8:1::1", "2001:db8::1")...)
	for types, want := range map[string][]int{"A": {1, 0, 2, 3}, "AAAA": {0, 1, 3, 2}, "MX": {0, 1, 2, 3}, "A AAAA": {1, 0, 3, 2}} {
		o := orderingOf(t, "ordering {\nround_robin off\nsortlist any 10.0.0.0/8,2001:db8::/48\ntypes "+types+"\n}",
			replying(reply(hot, dns.TypeANY, in...)))
		for i, rr := range ask(t, o, "198.51.100.1", hot, dns.TypeANY).Answer {
			if rr != in[want[i]] {
				t.Errorf("types %s: %v at %d", types, rr, i)
			}
		}
	}
}

// TestTypesWithoutAnAddress checks that they take turns, from the base order on.
func TestTypesWithoutAnAddress(t *testing.T) {
	data := map[uint16][]string{
		dns.TypeMX:  {"10 c.example.org.", "5 b.example.org.", "10 a.example.org."},
		dns.TypeSRV: {"0 0 80 c.example.org.", "0 0 8080 a.example.org.", "0 5 80 b.example.org."},
		dns.TypeTXT: {`"c"`, `"a"`, `"bb"`},
		dns.TypeNS:  {"c.example.org.", "a.example.org.", "b.example.org."},
		dns.TypePTR: {"c.example.org.", "a.example.org.", "b.example.org."},
	}
	for qtype, rdata := range data {
		name := dns.TypeToString[qtype]
		var in []dns.RR
		for _, d := range rdata {
			in = append(in, record("example.org. 300 IN "+name+" "+d))
		}
		for _, base := range []string{"received", "canonical"} {
			c := &config{turning: "on", base: base, types: []string{name}}
			o := orderingOf(t, c.corefile(t, ""), replying(reply("example.org.", qtype, in...)))
			for turn := range 4 {
				want := c.section(in, netip.MustParseAddr("10.4.3.2"), turn, true)
				if got := ask(t, o, "10.4.3.2", "example.org.", qtype).Answer; !slices.Equal(got, want) {
					t.Errorf("%s, %s, turn %d\n%s", name, base, turn, lines(got))
				}
			}
		}
	}
}

func TestBaseOrder(t *testing.T) {
	in := []string{"192.0.2.30", "192.0.2.4", "192.0.2.100"}
	sorted := []string{"192.0.2.4", "192.0.2.30", "192.0.2.100"}
	for _, tt := range []struct {
		base, turning string
		authoritative bool
		want          []string
	}{
		{"auto", "on", true, in},
		{"auto", "on", false, sorted},
		{"auto", "off", false, in},
		{"received", "on", false, in},
		{"received", "off", false, in},
		{"canonical", "on", true, sorted},
		{"canonical", "off", true, sorted},
		{"canonical", "off", false, sorted},
	} {
		t.Run(fmt.Sprintf("%s %s AA=%v", tt.base, tt.turning, tt.authoritative), func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset(in...)...)
			below.Authoritative = tt.authoritative
			o := orderingOf(t, fmt.Sprintf("ordering {\nbase_order %s\nround_robin %s\n}", tt.base, tt.turning), replying(below))
			if got := addrs(ask(t, o, "10.4.3.2", hot, dns.TypeA).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestClientWithoutAnAddress(t *testing.T) {
	in := []string{"192.168.1.1", "10.4.3.1", "172.16.0.1"}
	for _, corefile := range []string{"ordering", "ordering {\nnetmask6 0\nnetmask /0\nsortlist any 10.0.0.0/8\ntopology TABLE\n}"} {
		o := orderingOf(t, withTable(t, corefile), replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
		for turn := range 3 {
			w := &inbox{sink: &sink{client: &net.UnixAddr{Name: "/run/dns.sock", Net: "unix"}}}
			o.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(hot, dns.TypeA))
			if got, want := addrs(w.msg.Answer), slices.Concat(in[turn:], in[:turn]); !slices.Equal(got, want) {
				t.Errorf("turn %d: %v, want %v", turn, got, want)
			}
		}
	}
}

func TestReady(t *testing.T) {
	for corefile, want := range map[string]bool{"ordering": true, "ordering {\ntopology TABLE\n}": true} {
		if got := orderingOf(t, withTable(t, corefile), nil).Ready(); got != want {
			t.Errorf("%s: ready %v", corefile, got)
		}
	}
}

// TestManyTiers has a sort list of more words than any array of counters is long, and addresses in most of them.
func TestManyTiers(t *testing.T) {
	c := &config{turning: "on", base: "received", sortlist: [][]string{{"any"}}}
	var in []dns.RR
	for i := range 450 {
		a := netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i % 256), 1})
		if i%3 > 0 {
			c.sortlist[0] = append(c.sortlist[0], netip.PrefixFrom(a, 24).Masked().String())
		}
		in = append(in, address(hot, a))
		a = a.Next()
		in = append(in, address(hot, a))
	}
	slices.Reverse(in)
	for _, n := range []int{5, 700, 900} {
		o := orderingOf(t, c.corefile(t, ""), replying(reply(hot, dns.TypeA, in[:n]...)))
		for turn := range 3 {
			want := c.section(in[:n], netip.MustParseAddr("192.168.1.1"), turn, true)
			if got := ask(t, o, "192.168.1.1", hot, dns.TypeA).Answer; !slices.Equal(got, want) {
				t.Errorf("%d records come in another order at turn %d", n, turn)
			}
		}
	}
}
