package ecs

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/edns"

	"github.com/miekg/dns"
)

var resolver = netip.MustParseAddr("203.0.113.53")

// trusting returns a set of trusted resolvers with resolver in it.
func trusting() *TrustedResolvers {
	t := new(TrustedResolvers)
	t.Add(netip.PrefixFrom(resolver, 32))
	t.Add(netip.MustParsePrefix("2001:db8:53::/48"))
	return t
}

// received returns a query with these EDNS options as a server receives it: packed and unpacked.
func received(t *testing.T, options ...dns.EDNS0) *dns.Msg {
	t.Helper()
	sent := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	sent.SetEdns0(1232, true)
	sent.IsEdns0().Option = options
	wire, err := sent.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r := new(dns.Msg)
	if err := r.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return r
}

// otherOptions are what queries carry besides.
var otherOptions = []dns.EDNS0{
	&dns.EDNS0_NSID{Code: dns.EDNS0NSID},
	&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"},
	&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true},
	&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE},
	&dns.EDNS0_LOCAL{Code: 65000, Data: []byte("local")},
	&dns.EDNS0_PADDING{Padding: make([]byte, 7)},
}

// raw returns a Client Subnet option with these bytes in hexadecimal.
func raw(t *testing.T, bytes string) dns.EDNS0 {
	t.Helper()
	data, err := hex.DecodeString(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: data}
}

// TestOptionsFromTheWire has options byte by byte: FAMILY, SOURCE PREFIX-LENGTH, SCOPE
// PREFIX-LENGTH, ADDRESS.
func TestOptionsFromTheWire(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		client      string // "": none; "malformed": the option is
	}{
		{"as many bytes as /24 needs", "0001 18 00 0a0908", "10.9.8.0"},
		{"/20", "0001 14 00 0a0910", "10.9.16.0"},
		{"/32", "0001 20 00 0a090807", "10.9.8.7"},
		{"/1", "0001 01 00 80", "128.0.0.0"},
		{"/17 that ends in zeros", "0001 11 00 0a0000", "10.0.0.0"},
		{"length 0", "0001 00 00", ""},

		{"no byte", "0001 18 00", "malformed"},
		{"one byte too few", "0001 18 00 0a09", "malformed"},
		{"one byte too few of a /17 that ends in zeros", "0001 11 00 0a00", "malformed"},
		{"a zero byte too many", "0001 18 00 0a090800", "malformed"},
		{"a byte too many", "0001 18 00 0a090807", "malformed"},
		{"one byte more than an address", "0001 20 00 0a09080706", "malformed"},
		{"16 bytes, IPv4-mapped", "0001 20 00 00000000000000000000ffff0a090807", "malformed"},
		{"a zero byte with length 0", "0001 00 00 00", "malformed"},
		{"a byte with length 0", "0001 00 00 0a", "malformed"},
		{"a bit beyond the length", "0001 17 00 0a0909", "malformed"},
		{"a scope", "0001 18 18 0a0908", "malformed"},

		{"IPv6 /48", "0002 30 00 20010db80001", "2001:db8:1::"},
		{"IPv6 /57", "0002 39 00 20010db800010080", "2001:db8:1:80::"},
		{"IPv6 /128", "0002 80 00 20010db8000000000000000000000007", "2001:db8::7"},
		{"IPv6 that begins with ones", "0002 20 00 ffffffff", "ffff:ffff::"},
		{"IPv6 that ends in ones", "0002 80 00 00000000000000000001ffff0a090807", "::1:ffff:a09:807"},
		{"IPv6, length 0", "0002 00 00", ""},

		{"IPv6, 4 bytes of a /48", "0002 30 00 20010db8", "malformed"},
		{"IPv6, 8 bytes of a /48", "0002 30 00 20010db800010000", "malformed"},
		{"IPv6, 17 bytes", "0002 80 00 20010db8000000000000000000000007 00", "malformed"},
		{"IPv6, a bit beyond the length", "0002 1f 00 20010db9", "malformed"},
		{"IPv6, a scope", "0002 30 01 20010db80001", "malformed"},
		{"IPv4-mapped", "0002 80 00 00000000000000000000ffff0a090807", "malformed"},
		{"every IPv4-mapped address", "0002 60 00 00000000000000000000ffff", "malformed"},
		{"IPv4-mapped 0.0.0.0 with length 0", "0002 00 00 00000000000000000000ffff00000000", "malformed"},

		{"family 0 with length 0", "0000 00 00", ""},
		{"family 0 with a byte", "0000 00 00 00", "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			option := raw(t, string(slices.DeleteFunc([]byte(tt.bytes), func(b byte) bool { return b == ' ' })))
			last, first := append(otherOptions, option), append([]dns.EDNS0{option}, otherOptions...)
			for _, options := range [][]dns.EDNS0{{option}, last, first} {
				client := "malformed"
				if got, _ := trusting().Option(received(t, options...), resolver); got != nil && got.Client().IsValid() {
					client = got.Client().String()
				} else if got != nil {
					client = ""
				}
				if client != tt.client {
					t.Errorf("one of %d options: got client %q, want %q", len(options), client, tt.client)
				}
			}
		})
	}
}

// TestOptionsThatPackageDNSRefuses has options that no plugin sees: the server answers FORMERR.
func TestOptionsThatPackageDNSRefuses(t *testing.T) {
	for name, bytes := range map[string]string{
		"an unknown family":         "0003180000",
		"family 0 with a length":    "000018000a0908",
		"longer than IPv4":          "000121000a09080700",
		"longer than IPv6":          "00028100",
		"a scope longer than IPv4":  "000118210a0908",
		"too short for its lengths": "000118",
	} {
		sent := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		sent.SetEdns0(1232, false)
		sent.IsEdns0().Option = []dns.EDNS0{raw(t, bytes)}
		wire, err := sent.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if err := new(dns.Msg).Unpack(wire); err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
}

func subnet(family uint16, addr string, source, scope uint8) *dns.EDNS0_SUBNET {
	a := netip.MustParseAddr(addr)
	return &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, SourceScope: scope, Address: a.AsSlice(),
	}
}

func TestOnlyTrustedResolversAreBelieved(t *testing.T) {
	r := received(t, subnet(1, "10.9.8.0", 24, 0))
	for source, want := range map[string]bool{
		"203.0.113.53":   true,
		"203.0.113.54":   false,
		"2001:db8:53::7": true,
		"2001:db8:54::7": false,
	} {
		if got, _ := trusting().Option(r, netip.MustParseAddr(source)); (got != nil) != want {
			t.Errorf("from %s: %v", source, got)
		}
	}
	if got, _ := new(TrustedResolvers).Option(r, resolver); got != nil {
		t.Errorf("where nobody is trusted: %v", got)
	}
}

func TestResults(t *testing.T) {
	other := netip.MustParseAddr("203.0.113.54")
	good, bad := subnet(1, "10.9.8.0", 24, 0), subnet(1, "10.9.8.0", 24, 1)
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "24a5ac0123456789"}
	for _, tt := range []struct {
		name   string
		r      *dns.Msg
		source netip.Addr
		option bool
		want   string
	}{
		{"no OPT", new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA), resolver, false, "none"},
		{"no option", received(t), resolver, false, "none"},
		{"another option", received(t, cookie), resolver, false, "none"},
		{"another option of a client", received(t, cookie), other, false, "none"},
		{"a client", received(t, cookie, good), resolver, true, "used"},
		{"no client", received(t, subnet(1, "0.0.0.0", 0, 0)), resolver, true, "none"},
		{"no client, said by one who is not trusted", received(t, subnet(1, "0.0.0.0", 0, 0)), other, false, "none"},
		{"a client, said by one who is not trusted", received(t, good), other, false, "untrusted"},
		{"a client, said by nobody", received(t, good), netip.Addr{}, false, "untrusted"},
		{"with a scope", received(t, bad), resolver, false, "malformed"},
		{"with a scope, from one who is not trusted", received(t, bad), other, false, "untrusted"},
		{"two options", received(t, good, good), resolver, false, "malformed"},
	} {
		got, result := trusting().Option(tt.r, tt.source)
		if (got != nil) != tt.option || result.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, result, tt.want)
		}
	}
}

// TestOptionAddedByAPlugin checks that the option counts where a plugin put it into a query without
// options, as rewrite does.
func TestOptionAddedByAPlugin(t *testing.T) {
	r := received(t)
	r.IsEdns0().Option = []dns.EDNS0{subnet(1, "10.9.8.0", 24, 0)}
	if o, _ := trusting().Option(r, resolver); o == nil || o.Client() != netip.MustParseAddr("10.9.8.0") {
		t.Errorf("got %v", o)
	}
}

// TestOptionsChangedByAPlugin reads the option of a query once more, from a copy, after a plugin has
// changed the other options. The first Result holds.
func TestOptionsChangedByAPlugin(t *testing.T) {
	nsid := &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	for _, tt := range []struct {
		name   string
		option dns.EDNS0
		want   Result
	}{
		{"well formed", subnet(1, "10.9.8.0", 24, 0), Used},
		{"of length 0", subnet(1, "0.0.0.0", 0, 0), None},
		{"an address that is too short", raw(t, "000118000a09"), Malformed},
	} {
		for _, changed := range [][]dns.EDNS0{{nsid, nsid}, {}} {
			r := received(t, nsid, tt.option)
			_, first := trusting().Option(r, resolver)
			again := r.Copy()
			again.IsEdns0().Option = append(changed, again.IsEdns0().Option[1])
			if _, result := trusting().Option(again, resolver); first != tt.want || result != tt.want {
				t.Errorf("%s, beside %d others: %v, then %v, want %v", tt.name, len(changed), first, result, tt.want)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sent  *dns.EDNS0_SUBNET
		scope int
		below *dns.EDNS0_SUBNET // in the response already
		want  uint8
	}{
		{"longer than SOURCE PREFIX-LENGTH", subnet(1, "10.9.0.0", 16, 0), 24, nil, 24},
		{"shorter", subnet(1, "10.9.8.0", 24, 0), 8, nil, 8},
		{"none", subnet(1, "10.9.8.0", 24, 0), 0, nil, 0},
		{"a whole address", subnet(2, "2001:db8::", 56, 0), 128, nil, 128},
		{"length 0", subnet(1, "0.0.0.0", 0, 0), 24, nil, 0},
		{"length 0, and a scope from below", subnet(2, "::", 0, 0), 64, subnet(2, "::", 0, 48), 0},
		{"longer from below", subnet(1, "10.9.8.0", 24, 0), 24, subnet(1, "10.9.8.0", 24, 28), 28},
		{"shorter from below", subnet(1, "10.9.8.0", 24, 0), 24, subnet(1, "10.9.8.0", 24, 20), 24},
		{"from below in a negative answer", subnet(1, "10.9.8.0", 24, 0), 0, subnet(1, "10.9.8.0", 24, 20), 20},
		{"longer than an address", subnet(1, "10.9.8.0", 24, 0), 24, subnet(1, "10.9.8.0", 24, 200), 32},
		{"from below for others", subnet(1, "10.9.8.0", 24, 0), 8, subnet(1, "10.9.9.0", 24, 32), 8},
		{"from below for another family", subnet(1, "10.9.8.0", 24, 0), 8, subnet(2, "::ffff:10.9.8.0", 24, 32), 8},
		{"from below for another length", subnet(1, "10.9.8.0", 24, 0), 8, subnet(1, "10.9.8.0", 23, 32), 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := trusting().Option(received(t, tt.sent), resolver)
			a, err := dns.NewRR("www.example.org. A 10.9.8.7")
			if err != nil {
				t.Fatal(err)
			}
			cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}
			tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}}
			res := &dns.Msg{Extra: []dns.RR{a, tsig}}
			others := []dns.EDNS0{}
			if tt.below != nil {
				opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
				opt.Option = []dns.EDNS0{tt.below, cookie}
				opt.SetDo()
				res.Extra, others = []dns.RR{a, opt, tsig}, []dns.EDNS0{cookie}
			}
			before, wasBefore := res.Extra, fmt.Sprint(res.Extra)
			for range 2 { // an Option can answer several responses
				res.Extra = before
				o.Answer(res, tt.scope)
				opt, ok := res.Extra[1].(*dns.OPT)
				if !ok || len(res.Extra) != 3 || res.Extra[0] != a || res.Extra[2] != dns.RR(tsig) {
					t.Fatalf("additional section\n%v", res.Extra)
				}
				back, ok := opt.Option[len(opt.Option)-1].(*dns.EDNS0_SUBNET)
				want := subnet(tt.sent.Family, tt.sent.Address.String(), tt.sent.SourceNetmask, tt.want)
				if !ok || back.Family != want.Family || back.String() != want.String() {
					t.Errorf("got option %v, want %v", back, want)
				}
				if got := opt.Option[:len(opt.Option)-1]; fmt.Sprint(got) != fmt.Sprint(others) {
					t.Errorf("got other options %v, want %v", got, others)
				}
				if opt.Do() != (tt.below != nil) {
					t.Errorf("DO is %v", opt.Do())
				}
			}
			if got := fmt.Sprint(before); got != wasBefore {
				t.Errorf("the section from below changed from\n%s\nto\n%s", wasBefore, got)
			}
		})
	}
}

// TestAnswerWithSupportedOptions checks that a new OPT record has those options of the query that
// CoreDNS would send back in it, each once.
func TestAnswerWithSupportedOptions(t *testing.T) {
	supported := &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("supported")}
	other := &dns.EDNS0_LOCAL{Code: 65002, Data: []byte("other")}
	edns.SetSupportedOption(supported.Code)
	edns.SetSupportedOption(dns.EDNS0SUBNET)
	o, _ := trusting().Option(received(t, other, subnet(1, "10.9.8.0", 24, 0), supported), resolver)
	for range 2 {
		res := new(dns.Msg)
		o.Answer(res, 16)
		want := []dns.EDNS0{supported, subnet(1, "10.9.8.0", 24, 16)}
		if got := res.IsEdns0().Option; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("options %v, want %v", got, want)
		}
	}
}

// TestOptionsThatPluginsMake has options that cannot be received, because package dns does not unpack
// them so, but that a plugin can put into a query.
func TestOptionsThatPluginsMake(t *testing.T) {
	valid := func() *dns.EDNS0_SUBNET {
		return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IP{10, 4, 3, 0}}
	}
	for _, tt := range []struct {
		name     string
		family   uint16
		length   uint8
		address  net.IP
		accepted bool
	}{
		{"IPv4", 1, 24, net.IP{10, 4, 3, 0}, true},
		{"IPv4 in 16 bytes", 1, 24, net.ParseIP("10.4.3.0"), true},
		{"no address with length 0", 1, 0, nil, true},
		{"no address with length 0, family 2", 2, 0, nil, true},
		{"no address with length 0, family 3", 3, 0, nil, false},
		{"0.0.0.0 with length 0", 1, 0, net.IP{0, 0, 0, 0}, true},
		{"an address with length 0", 1, 0, net.IP{10, 0, 0, 0}, false},
		{"an address of one byte with length 0", 1, 0, net.IP{10}, false},
		{"no address", 1, 24, nil, false},
		{"no address, family 2", 2, 24, nil, false},
		{"three bytes", 1, 24, net.IP{10, 4, 3}, false},
		{"IPv6 in family 1", 1, 24, net.ParseIP("2001:db8::"), false},
		{"IPv4 in family 2", 2, 24, net.IP{10, 4, 3, 0}, false},
		{"IPv4 in family 3", 3, 24, net.IP{10, 4, 3, 0}, false},
		{"IPv6 in family 3", 3, 32, net.ParseIP("2001:db8::"), false},
		{"longer than an address", 1, 33, net.IP{10, 4, 3, 0}, false},
	} {
		o := valid()
		o.Family, o.SourceNetmask, o.Address = tt.family, tt.length, tt.address
		r := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		r.SetEdns0(1232, false)
		for _, options := range [][]dns.EDNS0{{o}, {valid(), o}, {o, valid()}} {
			r.IsEdns0().Option = options
			read, result := trusting().Option(r, resolver)
			want := Malformed
			switch {
			case tt.accepted && len(options) == 1 && tt.length == 0:
				want = None
			case tt.accepted && len(options) == 1:
				want = Used
			}
			if result != want || (read == nil) != (want == Malformed) {
				t.Errorf("%s, %d options: %v, %v, want %v", tt.name, len(options), read, result, want)
			}
		}
	}
	o := valid()
	r := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	r.SetEdns0(1232, false)
	r.IsEdns0().Option = []dns.EDNS0{o}
	read, _ := trusting().Option(r, resolver)
	clear(o.Address)
	res := new(dns.Msg).SetReply(r)
	longer := valid()
	longer.SourceScope = 28
	res.Extra = []dns.RR{&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{longer}}}
	read.Answer(res, 20)
	if got := res.IsEdns0().Option[0].String(); got != "10.4.3.0/24/28" {
		t.Errorf("%s comes back, want 10.4.3.0/24/28: a plugin changed the query since", got)
	}
}
