package ordering

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// oneLine is what each error of the parser looks like: file, line and what is wrong, in one line.
var oneLine = regexp.MustCompile(`\ATestfile:\d+ - [^\n]+\z`)

// FuzzCorefile parses anything. What parses puts an answer in order.
func FuzzCorefile(f *testing.F) {
	for _, property := range []string{
		"", "local_net_priority off", "netmask 255.255.248.0 /24 16 0xff", "netmask 0xffffffff", "netmask 255.0.255.0", "classful off",
		"netmask6 64 /48", "round_robin sticky", "round_robin random", "base_order canonical", "types A AAAA MX", "types CNAME",
		"sortlist any 10.0.0.0/8,2001:db8::/32 !192.168.0.0/16", "sortlist 10.0.0.0/8", "weight 10.0.0.0/8 3\nweight ::/0 0", "answer_limit 2",
		"ecs 10.0.0.0/8 ::1", "netmsk 24", "netmask {", "}", "\"",
	} {
		f.Add("ordering {\n" + property + "\n}")
	}
	f.Add("ordering example.org 10.0.0.0/8 {\nclassful off\n}\nordering EXAMPLE.org")
	f.Add("ordering ..\nordering")
	f.Add("ordering {")

	below := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1", "10.4.3.2")...)
	f.Fuzz(func(t *testing.T, corefile string) {
		if strings.Contains(corefile, "topology") {
			t.Skip("would read any file")
		}
		zones, err := parsed(corefile)
		if err != nil {
			if !oneLine.MatchString(err.Error()) {
				t.Errorf("error %q", err)
			}
			return
		}
		o := &Ordering{Next: replying(below), zones: zones}
		for _, client := range []string{"10.4.3.9", "2001:db8::1"} {
			res := exchange(t, o, client, asking(subnet(1, "192.168.1.0", 24, 0)))
			if n := len(res.Answer); n > 3 || n < 1 {
				t.Errorf("%d records", n)
			}
		}
	})
}

// fuzzedPolicies are those that FuzzMessage puts every message through.
var fuzzedPolicies = []config{
	{turning: "on", base: "auto"},
	{turning: "off", base: "canonical", masks: []mask{{"/28", 28}, {"255.240.0.0", 12}}, masks6: []int{128, 32, 8}},
	{turning: "random", base: "received", limit: 2},
	{turning: "sticky", base: "auto", classless: true, types: []string{"A", "AAAA", "MX", "TXT", "NS", "SRV"}},
	{turning: "on", base: "canonical", types: []string{"A", "AAAA", "MX", "TXT", "NS", "SRV", "PTR"}, weights: []string{"0.0.0.0/1 3", "::/0 0", "10.0.0.0/8 255"}},
	{turning: "on", base: "received", sortlist: [][]string{{"any", "10.0.0.0/8,2001:db8::/32", "!0.0.0.0/1", "128.0.0.0/2"}}, limit: 3,
		topology: []string{"10.0.0.0/8 r/z", "192.0.0.0/2 r/z/n", "2001:db8::/32 r"}},
	{turning: "random", base: "auto", blind: true, weights: []string{"0.0.0.0/0 0", "10.0.0.0/9 2"}},
}

// FuzzMessage puts messages of any kind through the handler, from the wire and made up.
func FuzzMessage(f *testing.F) {
	for _, m := range seedMessages() {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	for i := range 8 {
		f.Add([]byte(strings.Repeat(string(rune(i*29)), 40)))
	}
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz\x00\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0\xe0\xf0"))

	dir := f.TempDir()
	var handlers []*Ordering
	for _, c := range fuzzedPolicies {
		zones, err := parsed(strings.Replace(c.corefile(f, dir), "{\n", "{\n\tecs 10.0.0.0/8\n", 1))
		if err != nil {
			f.Fatal(err)
		}
		handlers = append(handlers, &Ordering{zones: zones})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range []*dns.Msg{unpacked(b), invented(b)} {
			if m == nil {
				continue
			}
			for i, c := range fuzzedPolicies {
				for _, client := range []string{"10.4.3.2", "192.168.1.1", "2001:db8::1", ""} {
					checkOrder(t, handlers[i], &c, client, m)
				}
			}
		}
	})
}

// seedMessages are answers of the kinds that the plugin meets.
func seedMessages() []*dns.Msg {
	mixed := append(addressRRset("192.168.1.1", "10.4.3.1", "2001:db8::1", "10.4.3.2", "2001:db8:1::1"), record("www.example.org. 60 IN CNAME "+hot),
		record(hot+" 60 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. c2ln"))
	chain := reply("www.example.org.", dns.TypeA, mixed...)
	chain.Extra = append(addressRRset("10.4.3.1", "192.168.1.1"), &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232}})
	dname := reply("w.x.", dns.TypeA, record("w.y. 60 IN A 10.4.3.1"), record("w.y. 60 IN A 192.168.1.1"), record("w.x. 60 IN CNAME w.y."), record("x. 60 IN DNAME y."))
	mx := reply("example.org.", dns.TypeMX, record("example.org. 60 IN MX 10 b.example.org."), record("example.org. 60 IN MX 5 a.example.org."))
	mx.Extra = addressRRset("10.4.3.1", "192.168.1.1")
	nxdomain := reply(hot, dns.TypeA, mixed...)
	nxdomain.Rcode = dns.RcodeNameError
	loop := reply("a.", dns.TypeA, record("b. 60 IN A 10.4.3.1"), record("b. 60 IN CNAME a."), record("a. 60 IN CNAME b."))
	return []*dns.Msg{reply(hot, dns.TypeA, mixed[:2]...), chain, dname, mx, nxdomain, loop, reply(hot, dns.TypeAXFR, mixed...), new(dns.Msg)}
}

// unpacked returns the message that b is on the wire, nil if it is none.
func unpacked(b []byte) *dns.Msg {
	m := new(dns.Msg)
	if m.Unpack(b) != nil {
		return nil
	}
	return m
}

// invented returns a message that b says, one record for a few of its octets. It has what never comes over the wire too:
// records without data, aliases to nowhere, addresses in 16 octets.
func invented(b []byte) *dns.Msg {
	take := func() byte {
		if len(b) == 0 {
			return 0
		}
		first := b[0]
		b = b[1:]
		return first
	}
	owners := []string{"a.", "A.", "b.a.", "B.A.", "c.b.a.", "c.d.", "d.", ".", "", `\065.`}
	owner := func() string { return owners[int(take())%len(owners)] }
	m := new(dns.Msg).SetQuestion(dns.Fqdn(owner()), dns.TypeA)
	m.Rcode, m.Authoritative = int(take()%8/7), take()%2 == 0
	for len(b) > 0 && len(m.Answer)+len(m.Extra) < 300 {
		kind, h := take(), dns.RR_Header{Name: owner(), Class: dns.ClassINET, Ttl: 60}
		if kind&0x40 != 0 {
			h.Class = dns.ClassCHAOS
		}
		var rr dns.RR
		switch kind % 16 {
		case 0, 1, 2:
			rr = &dns.A{Hdr: h, A: net.IP{10, 4, take() % 4, take()}}
		case 3, 4:
			rr = &dns.A{Hdr: h, A: net.IPv4(take(), take(), 0, 1)}
		case 5, 6:
			ip := net.ParseIP("2001:db8::")
			ip[7], ip[15] = take(), take()
			rr = &dns.AAAA{Hdr: h, AAAA: ip}
		case 7:
			rr = &dns.AAAA{Hdr: h, AAAA: net.IPv4(10, 4, 3, take())}
		case 8:
			rr = &dns.A{Hdr: h}
		case 9, 10, 11:
			rr = &dns.CNAME{Hdr: h, Target: owner()}
		case 12:
			rr = &dns.DNAME{Hdr: h, Target: owner()}
		case 13:
			rr = &dns.MX{Hdr: h, Preference: uint16(take()), Mx: owner()}
		case 14:
			rr = &dns.NS{Hdr: h, Ns: owner()}
		default:
			rr = &dns.RRSIG{Hdr: h, TypeCovered: uint16(take())}
		}
		rr.Header().Rrtype = typeOf(rr)
		if kind&0x80 != 0 {
			m.Extra = append(m.Extra, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}

// typeOf returns the type number of a record of one of the library's types.
func typeOf(rr dns.RR) uint16 {
	return dns.StringToType[strings.TrimPrefix(fmt.Sprintf("%T", rr), "*dns.")]
}

// checkOrder sends m up to a client and checks what the contract promises of every answer.
func checkOrder(t *testing.T, o *Ordering, c *config, client string, m *dns.Msg) {
	t.Helper()
	o = &Ordering{Next: sending(m), zones: o.zones}
	before, text := *m, m.String()
	before.Answer, before.Ns, before.Extra = slices.Clone(m.Answer), slices.Clone(m.Ns), slices.Clone(m.Extra)
	from, _ := netip.ParseAddr(client)
	out := exchange(t, o, client, new(dns.Msg).SetQuestion(hot, dns.TypeA))

	if m.String() != text || !slices.Equal(m.Answer, before.Answer) || !slices.Equal(m.Ns, before.Ns) || !slices.Equal(m.Extra, before.Extra) {
		t.Fatalf("what is below was written to:\n%v\nwas\n%s", m, text)
	}
	if !slices.Equal(out.Ns, m.Ns) || out.MsgHdr != m.MsgHdr || !slices.Equal(out.Question, m.Question) {
		t.Fatalf("was\n%v\nis\n%v", m, out)
	}
	if m.Rcode != dns.RcodeSuccess || len(m.Question) == 0 || isTransfer(m.Question[0].Qtype) {
		if !slices.Equal(out.Answer, m.Answer) || !slices.Equal(out.Extra, m.Extra) {
			t.Fatalf("was not to be touched:\n%v\nis\n%v", m, out)
		}
		return
	}
	checkSection(t, c, from, m.Answer, out.Answer, true)
	checkSection(t, c, from, m.Extra, out.Extra, false)
	checkAliases(t, m.Question[0].Name, m.Answer, out.Answer)
}

// sending returns a handler that replies with a copy of m, as it is.
func sending(m *dns.Msg) plugin.Handler {
	return test.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		res := *m
		return m.Rcode, w.WriteMsg(&res)
	})
}

// checkSection checks that out has the records of in, each RRset nearest first and within its limit, and all else in place.
func checkSection(t *testing.T, c *config, client netip.Addr, in, out []dns.RR, aliases bool) {
	t.Helper()
	left := map[dns.RR]int{}
	for _, rr := range in {
		left[rr]++
	}
	sizes, kept := map[string]int{}, map[string][]dns.RR{}
	for _, rr := range in {
		sizes[rrsetOf(rr)]++
	}
	for _, rr := range out {
		if left[rr]--; left[rr] < 0 {
			t.Fatalf("%v is there once more than before", rr)
		}
		kept[rrsetOf(rr)] = append(kept[rrsetOf(rr)], rr)
	}
	for rrset, size := range sizes {
		set := kept[rrset]
		want := size
		if address := len(set) > 0 && c.orders(set[0]) && isAddress(set[0]); address && c.limit > 0 {
			want = min(size, c.limit)
		}
		if len(set) != want {
			t.Fatalf("%d records of %s are left of %d, want %d", len(set), rrset, size, want)
		}
		if len(set) > 0 && c.orders(set[0]) {
			checkTiers(t, c, client, set)
		}
	}
	if len(out) != len(in) {
		return
	}
	moved := func(rr dns.RR) bool { return aliases && isAlias(rr) || isAddress(rr) || c.orders(rr) }
	chain := slices.ContainsFunc(in, isAlias) && aliases
	for i := range in {
		switch {
		case in[i] == out[i]:
		case !moved(in[i]) || !moved(out[i]):
			t.Fatalf("%v stood at %d, where now is %v", in[i], i, out[i])
		case !chain && rrsetOf(in[i]) != rrsetOf(out[i]):
			t.Fatalf("%v took the place of %v", out[i], in[i])
		}
	}
}

// checkTiers checks that no record of an RRset stands in front of a nearer one.
func checkTiers(t *testing.T, c *config, client netip.Addr, set []dns.RR) {
	t.Helper()
	var before netip.Addr
	for _, rr := range set {
		a := addressIn(rr)
		if !a.IsValid() || a.IsMulticast() {
			continue // no address of a host
		}
		if before.IsValid() && slices.Compare(c.farness(client, before), c.farness(client, a)) > 0 {
			t.Fatalf("%v stands in front of %v, which is nearer to %v", before, a, client)
		}
		before = a
	}
}

// checkAliases checks that each alias of in, the answer as it came, stands in out in front of the addresses it leads to, and
// that the chain from qname to addresses is in order. Of DNAMEs it knows nothing.
func checkAliases(t *testing.T, qname string, in, out []dns.RR) {
	t.Helper()
	aliases, addresses := map[string]*dns.CNAME{}, map[string]int{} // owner → its alias, where its first address is
	at := map[dns.RR]int{}
	for i, rr := range out {
		at[rr] = i
		owner := strings.ToLower(rr.Header().Name)
		if _, ok := addresses[owner]; isAddress(rr) && !ok {
			addresses[owner] = i
		}
	}
	for _, rr := range in {
		switch rr := rr.(type) {
		case *dns.DNAME:
			return
		case *dns.CNAME:
			if owner := strings.ToLower(rr.Hdr.Name); aliases[owner] == nil { // a second alias of one owner leads nowhere
				aliases[owner] = rr
			}
		}
	}
	for owner := range aliases {
		chain, end := follow(aliases, owner)
		if _, ok := addresses[end]; !ok || aliases[end] != nil {
			continue // no addresses, or a loop
		}
		if at[chain[0]] > addresses[end] {
			t.Fatalf("%v stands behind the address that it leads to\n%swas\n%s", chain[0], lines(out), lines(in))
		}
	}
	chain, end := follow(aliases, strings.ToLower(qname))
	if _, ok := addresses[end]; !ok {
		return
	}
	for i := range chain[min(1, len(chain)):] {
		if at[chain[i]] > at[chain[i+1]] {
			t.Fatalf("the chain from %s is not in order:\n%swas\n%s", qname, lines(out), lines(in))
		}
	}
}

// follow returns the chain of aliases from name on, and where it ends or meets itself.
func follow(aliases map[string]*dns.CNAME, name string) (chain []*dns.CNAME, end string) {
	for {
		c := aliases[name]
		if c == nil || slices.Contains(chain, c) {
			return chain, name
		}
		chain, name = append(chain, c), strings.ToLower(c.Target)
	}
}
