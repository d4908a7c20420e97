package ordering

import (
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// oneLine matches the errors of the parser: file, line and what is wrong, in one line.
var oneLine = regexp.MustCompile(`\ATestfile:\d+ - [^\n]+\z`)

// FuzzCorefile parses any text. Errors must be one line, and what parses must order an answer.
func FuzzCorefile(f *testing.F) {
	for _, property := range []string{
		"", "local_net_priority off", "netmask 255.255.248.0 /24 16 0xff", "netmask 0xffffffff", "netmask 255.0.255.0",
		"classful off", "netmask6 64 /48", "round_robin sticky", "round_robin random", "base_order canonical",
		"types A AAAA MX", "types CNAME", "sortlist any 10.0.0.0/8,2001:db8::/32 !192.168.0.0/16", "sortlist 10.0.0.0/8",
		"weight 10.0.0.0/8 3\nweight ::/0 0", "answer_limit 2", "ecs 10.0.0.0/8 ::1", "netmsk 24", "netmask {", "}", "\"",
	} {
		f.Add("ordering {\n" + property + "\n}")
	}
	f.Add("ordering example.org 10.0.0.0/8 {\nclassful off\n}\nordering EXAMPLE.org")
	f.Add("ordering ..\nordering")
	f.Add("ordering {")

	below := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1", "10.4.3.2")...)
	f.Fuzz(func(t *testing.T, corefile string) {
		if strings.Contains(corefile, "topology") {
			t.Skip("could read any file")
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
				t.Errorf("%d records, want 1 to 3", n)
			}
		}
	})
}

// FuzzOracle compares the plugin with the oracle for the random configurations and sections of any
// seed.
func FuzzOracle(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd, dir := rand.New(rand.NewPCG(seed, 0)), t.TempDir()
		c := randomConfig(rnd)
		if rnd.IntN(100) == 0 {
			c = deepConfig(rnd, 10+rnd.IntN(300))
		}
		checkTiersOf(t, rnd, c, policyOf(t, c.corefile(t, dir)), randomAddr(rnd), "")
		checkSections(t, rnd, randomLimits(rnd, c), dir, randomSize(rnd), 3)
	})
}

// fuzzedConfigs are the configurations that order the messages of FuzzMessage.
var fuzzedConfigs = []config{
	{turning: "on", base: "auto"},
	{
		turning: "off", base: "canonical",
		masks: []mask{{"/28", 28}, {"255.240.0.0", 12}}, masks6: []int{128, 32, 8},
	},
	{turning: "random", base: "received", limit: 2},
	{turning: "sticky", base: "auto", classless: true, types: []string{"A", "AAAA", "MX", "TXT", "NS", "SRV"}},
	{
		turning: "on", base: "canonical", types: []string{"A", "AAAA", "MX", "TXT", "NS", "SRV", "PTR"},
		weights: []string{"0.0.0.0/1 3", "::/0 0", "10.0.0.0/8 255"},
	},
	{
		turning: "on", base: "received", limit: 3,
		sortlist: [][]string{{"any", "10.0.0.0/8,2001:db8::/32", "!0.0.0.0/1", "128.0.0.0/2"}},
		topology: []string{"10.0.0.0/8 r/z", "192.0.0.0/2 r/z/n", "2001:db8::/32 r"},
	},
	{turning: "random", base: "auto", blind: true, weights: []string{"0.0.0.0/0 0", "10.0.0.0/9 2"}},
}

// FuzzMessage passes messages of any kind through the handler: unpacked from the bytes, and invented
// from them. how says for which client, and by which configuration.
func FuzzMessage(f *testing.F) {
	clients := []string{"10.4.3.2", "192.168.1.1", "2001:db8::1", ""}
	for _, b := range seedBytes(f) {
		for how := range len(fuzzedConfigs) * len(clients) {
			f.Add(b, uint8(how))
		}
	}
	dir := f.TempDir()
	var handlers []*Ordering
	for _, c := range fuzzedConfigs {
		zones, err := parsed(strings.Replace(c.corefile(f, dir), "{\n", "{\n\tecs 10.0.0.0/8\n", 1))
		if err != nil {
			f.Fatal(err)
		}
		handlers = append(handlers, &Ordering{zones: zones})
	}
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		at, client := int(how)%len(handlers), clients[int(how)/len(handlers)%len(clients)]
		for _, m := range []*dns.Msg{unpacked(b), invented(b)} {
			if m == nil {
				continue
			}
			before := m.String()
			checkMessage(t, handlers[at], &fuzzedConfigs[at], client, m)
			if after := m.String(); after != before {
				t.Fatalf("the message from below was written to:\n%s\nwas\n%s", after, before)
			}
		}
	})
}

// seedBytes returns messages as they are sent, and bytes from which messages can be invented.
func seedBytes(tb testing.TB) (all [][]byte) {
	for _, m := range seedMessages() {
		wire, err := m.Pack()
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, wire)
	}
	for i := range 8 {
		all = append(all, []byte(strings.Repeat(string(rune(i*29)), 40)))
	}
	all = append(all, []byte("0123456789abcdefghijklmnopqrstuvwxyz\x00\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0\xe0\xf0"))
	all = append(all, []byte(":::::::::::::::\x1e::::::::::::::\x0e:")) // records of types without an address and without an owner
	for size := range byte(len(codeSizes)) {                            // an RRset of each size
		all = append(all, []byte{0, 0, 0, []byte{manyA, manyAAAA}[size%2], 0, size, 15, 6, manyA | 0x80, 0, 0, 3, 0})
	}
	return all
}

// seedMessages returns answers of the kinds that plugins give.
func seedMessages() []*dns.Msg {
	mixed := append(addressRRset("192.168.1.1", "10.4.3.1", "2001:db8::1", "10.4.3.2", "2001:db8:1::1"),
		record("www.example.org. 60 IN CNAME "+hot),
		record(hot+" 60 IN RRSIG A 8 3 300 20300101000000 20200101000000 1 example.org. c2ln"))
	chain := reply("www.example.org.", dns.TypeA, mixed...)
	chain.Extra = append(addressRRset("10.4.3.1", "192.168.1.1"),
		&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232}})
	dname := reply("w.x.", dns.TypeA, record("w.y. 60 IN A 10.4.3.1"), record("w.y. 60 IN A 192.168.1.1"),
		record("w.x. 60 IN CNAME w.y."), record("x. 60 IN DNAME y."))
	mx := reply("example.org.", dns.TypeMX, record("example.org. 60 IN MX 10 b.example.org."),
		record("example.org. 60 IN MX 5 a.example.org."))
	mx.Extra = addressRRset("10.4.3.1", "192.168.1.1")
	nxdomain := reply(hot, dns.TypeA, mixed...)
	nxdomain.Rcode = dns.RcodeNameError
	loop := reply("a.", dns.TypeA, record("b. 60 IN A 10.4.3.1"), record("b. 60 IN CNAME a."), record("a. 60 IN CNAME b."))
	return []*dns.Msg{
		reply(hot, dns.TypeA, mixed[:2]...), chain, dname, mx, nxdomain, loop, reply(hot, dns.TypeAXFR, mixed...),
		new(dns.Msg),
	}
}

// unpacked returns the message in b, nil if there is none.
func unpacked(b []byte) *dns.Msg {
	m := new(dns.Msg)
	if m.Unpack(b) != nil {
		return nil
	}
	return m
}

// The kinds of invented records that are a whole RRset.
const (
	manyA    = 0x20
	manyAAAA = 0x21
)

// An inventor makes records from bytes.
type inventor struct{ b []byte }

// next returns the next byte, 0 behind the last.
func (v *inventor) next() byte {
	if len(v.b) == 0 {
		return 0
	}
	first := v.b[0]
	v.b = v.b[1:]
	return first
}

func (v *inventor) owner() string {
	owners := []string{"a.", "A.", "b.a.", "B.A.", "c.b.a.", "c.d.", "d.", ".", "", `\065.`}
	return owners[int(v.next())%len(owners)]
}

// invented returns a message that b describes, each record in a few bytes. It can have what is never
// received from a network: records without an address, names that are none, A records of 16 bytes,
// and more records than a message can hold.
func invented(b []byte) *dns.Msg {
	v := &inventor{b}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(v.owner()), dns.TypeA)
	m.Rcode, m.Authoritative = int(v.next()%8/7), v.next()%2 == 0
	for len(v.b) > 0 && len(m.Answer)+len(m.Extra) < 300 {
		kind := v.next()
		h := dns.RR_Header{Name: v.owner(), Class: dns.ClassINET, Ttl: 60}
		if kind&0x40 != 0 {
			h.Class = dns.ClassCHAOS
		}
		section := &m.Answer
		if kind&0x80 != 0 {
			section = &m.Extra
		}
		if kind&^0xc0 == manyA || kind&^0xc0 == manyAAAA {
			*section = append(*section, v.addresses(h, kind&^0xc0 == manyA)...)
			continue
		}
		rr := v.record(h, kind%16)
		rr.Header().Rrtype = typeOf(rr)
		*section = append(*section, rr)
	}
	return m
}

// record returns a record of a kind from 0 to 15.
func (v *inventor) record(h dns.RR_Header, kind byte) dns.RR {
	switch kind {
	case 0, 1, 2:
		return &dns.A{Hdr: h, A: net.IP{10, 4, v.next() % 4, v.next()}}
	case 3, 4:
		return &dns.A{Hdr: h, A: net.IPv4(v.next(), v.next(), 0, 1)}
	case 5, 6:
		ip := net.ParseIP("2001:db8::")
		ip[7], ip[15] = v.next(), v.next()
		return &dns.AAAA{Hdr: h, AAAA: ip}
	case 7:
		return &dns.AAAA{Hdr: h, AAAA: net.IPv4(10, 4, 3, v.next())}
	case 8:
		return &dns.A{Hdr: h}
	case 9, 10, 11:
		return &dns.CNAME{Hdr: h, Target: v.owner()}
	case 12:
		return &dns.DNAME{Hdr: h, Target: v.owner()}
	case 13:
		return &dns.MX{Hdr: h, Preference: uint16(v.next()), Mx: v.owner()}
	case 14:
		return &dns.NS{Hdr: h, Ns: v.owner()}
	}
	return &dns.RRSIG{Hdr: h, TypeCovered: uint16(v.next())}
}

// addresses returns an RRset of one of codeSizes, whose addresses differ in two bytes. With larger
// ones the checks would take most of the time.
func (v *inventor) addresses(h dns.RR_Header, ip4 bool) []dns.RR {
	n := codeSizes[int(v.next())%len(codeSizes)]
	first, second := v.next(), v.next()
	rrs := make([]dns.RR, n)
	for i := range rrs {
		if ip4 {
			ip := net.IP{10, 4, 3, 2}
			ip[first%4] += byte(i * 37)
			ip[second%4] ^= byte(i >> 8)
			h.Rrtype = dns.TypeA
			rrs[i] = &dns.A{Hdr: h, A: ip}
			continue
		}
		ip := net.ParseIP("2001:db8::1")
		ip[first%16] += byte(i * 37)
		ip[second%16] ^= byte(i >> 8)
		h.Rrtype = dns.TypeAAAA
		rrs[i] = &dns.AAAA{Hdr: h, AAAA: ip}
	}
	return rrs
}

// typeOf returns the type of a record by the name of its Go type.
func typeOf(rr dns.RR) uint16 {
	return dns.StringToType[strings.TrimPrefix(fmt.Sprintf("%T", rr), "*dns.")]
}
