package ordering

import (
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// withBytes returns a Client Subnet option for a /24 whose address has these bytes.
func withBytes(family uint16, address ...byte) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: 24, Address: address}
}

// TestClientSubnetDecides sends options that count and options that do not. Where none counts, the
// client is the resolver, and the first address of the zone stays first.
func TestClientSubnetDecides(t *testing.T) {
	one := subnet(1, "10.4.3.0", 24, 0)
	mapped := subnet(1, "10.4.3.0", 24, 0)
	mapped.Address = net.ParseIP("10.4.3.0") // 16 bytes
	for _, tt := range []struct {
		name, source string
		options      []dns.EDNS0
		first        string
		scope        int // of the option that comes back, -1 for none
	}{
		{"trusted", resolver, []dns.EDNS0{one}, "10.4.3.1", 24},
		{"trusted, in 16 bytes", resolver, []dns.EDNS0{mapped}, "10.4.3.1", 24},
		{"trusted, among others", resolver, []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, one}, "10.4.3.1", 24},
		{"trusted by its network", "2001:db8:53::7", []dns.EDNS0{one}, "10.4.3.1", 24},
		{"a whole address", resolver, []dns.EDNS0{subnet(1, "10.4.3.2", 32, 0)}, "10.4.3.1", 24},
		{"a short prefix", resolver, []dns.EDNS0{subnet(1, "10.0.0.0", 8, 0)}, "10.4.3.1", 24},
		{"another network", resolver, []dns.EDNS0{subnet(1, "192.168.1.0", 24, 0)}, "192.168.1.1", 24},
		{"IPv6", resolver, []dns.EDNS0{subnet(2, "2001:db8::", 56, 0)}, "192.168.1.1", 64},
		{"ffff:… in family 2", resolver, []dns.EDNS0{subnet(2, "ffff:ffff:ffff::", 48, 0)}, "192.168.1.1", 64},
		{"not trusted", "203.0.113.54", []dns.EDNS0{one}, "192.168.1.1", -1},
		{"no option", resolver, nil, "192.168.1.1", -1},

		{"length 0", resolver, []dns.EDNS0{subnet(1, "0.0.0.0", 0, 0)}, "192.168.1.1", 0},
		{"length 0, IPv6", resolver, []dns.EDNS0{subnet(2, "::", 0, 0)}, "192.168.1.1", 0},
		{"length 0 as dig sends it", resolver, []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET}}, "192.168.1.1", 0},

		{"host bits set", resolver, []dns.EDNS0{subnet(1, "10.4.3.1", 24, 0)}, "192.168.1.1", -1},
		{"a scope in the query", resolver, []dns.EDNS0{subnet(1, "10.4.3.0", 24, 24)}, "192.168.1.1", -1},
		{"too long", resolver, []dns.EDNS0{subnet(1, "10.4.3.0", 33, 0)}, "192.168.1.1", -1},
		{"too long for IPv6", resolver, []dns.EDNS0{subnet(2, "2001:db8::", 129, 0)}, "192.168.1.1", -1},
		{"an unknown family", resolver, []dns.EDNS0{subnet(3, "10.4.3.0", 24, 0)}, "192.168.1.1", -1},
		{"family 0 with a length", resolver, []dns.EDNS0{subnet(0, "10.4.3.0", 24, 0)}, "192.168.1.1", -1},
		{"IPv6 in family 1", resolver, []dns.EDNS0{subnet(1, "2001:db8::", 24, 0)}, "192.168.1.1", -1},
		{"ffff:… in family 1", resolver, []dns.EDNS0{subnet(1, "ffff:ffff:ffff::", 32, 0)}, "192.168.1.1", -1},
		{"4 bytes in family 2", resolver, []dns.EDNS0{withBytes(2, 10, 4, 3, 0)}, "192.168.1.1", -1},
		{"IPv4-mapped", resolver, []dns.EDNS0{subnet(2, "::ffff:10.4.3.0", 120, 0)}, "192.168.1.1", -1},
		{"every IPv4-mapped address", resolver, []dns.EDNS0{subnet(2, "::ffff:0.0.0.0", 96, 0)}, "192.168.1.1", -1},
		{"no address", resolver, []dns.EDNS0{withBytes(1)}, "192.168.1.1", -1},
		{"3 bytes", resolver, []dns.EDNS0{withBytes(1, 10, 4, 3)}, "192.168.1.1", -1},
		{"17 bytes", resolver, []dns.EDNS0{withBytes(2, make([]byte, 17)...)}, "192.168.1.1", -1},
		{"length 0 with an address", resolver, []dns.EDNS0{subnet(1, "10.4.3.0", 0, 0)}, "192.168.1.1", -1},
		{"two options", resolver, []dns.EDNS0{one, subnet(1, "10.5.0.0", 16, 0)}, "192.168.1.1", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := orderingOf(t, "ordering {\nround_robin off\necs 203.0.113.53 2001:db8:53::/64\n}",
				replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
			res := exchange(t, o, tt.source, asking(tt.options...))
			if got := addrs(res.Answer)[0]; got != tt.first {
				t.Errorf("%s is first, want %s", got, tt.first)
			}
			var want []*dns.EDNS0_SUBNET
			if tt.scope >= 0 {
				for _, o := range tt.options {
					if s, ok := o.(*dns.EDNS0_SUBNET); ok {
						back := *s
						back.SourceScope = uint8(tt.scope)
						want = append(want, &back)
					}
				}
			}
			if diff := cmp.Diff(want, subnetsIn(res)); diff != "" {
				t.Errorf("options that come back:\n%s", diff)
			}
		})
	}
}

// TestClientSubnetComesBackBesideOthers checks where the option is in the additional section, and
// that the records from below stay as they are.
func TestClientSubnetComesBackBesideOthers(t *testing.T) {
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}
	old := subnet(1, "10.4.0.0", 16, 16)
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{old, cookie}}
	tsig := &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}}
	extra := addressRRset("192.168.1.1", "10.4.3.1")
	for _, tt := range []struct {
		name  string
		extra []dns.RR
		at    int // of the OPT record
		other []dns.EDNS0
	}{
		{"an OPT record", append(slices.Clone(extra), opt), 2, []dns.EDNS0{cookie}},
		{"an OPT record in front", append([]dns.RR{opt}, extra...), 0, []dns.EDNS0{cookie}},
		{"no OPT record", extra, 2, nil},
		{"nothing", nil, 0, nil},
		{"only TSIG", []dns.RR{tsig}, 0, nil},
		{"TSIG and no OPT record", append(slices.Clone(extra), tsig), 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset("10.4.3.1")...)
			below.Extra = tt.extra
			before := slices.Clone(tt.extra)
			o := orderingOf(t, "ordering {\nround_robin off\necs 203.0.113.53\n}", replying(below))
			res := exchange(t, o, resolver, asking(subnet(1, "10.4.3.0", 24, 0)))

			got, ok := res.Extra[tt.at].(*dns.OPT)
			if !ok {
				t.Fatalf("no OPT record at %d:\n%s", tt.at, lines(res.Extra))
			}
			if got == opt || len(opt.Option) != 2 || opt.Option[0] != old {
				t.Error("the OPT record from below was written to")
			}
			want := append(slices.Clone(tt.other), dns.EDNS0(subnet(1, "10.4.3.0", 24, 24)))
			if diff := cmp.Diff(want, got.Option); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(before, below.Extra) {
				t.Error("the section from below was written to")
			}
			if last := res.Extra[len(res.Extra)-1]; slices.Contains(before, dns.RR(tsig)) && last != dns.RR(tsig) {
				t.Errorf("TSIG is not last:\n%s", lines(res.Extra))
			}
		})
	}
}

// TestScopeIsZeroWithoutAnOrder sends responses that are not ordered and such that are.
func TestScopeIsZeroWithoutAnOrder(t *testing.T) {
	transfer := asking(subnet(1, "10.4.3.0", 24, 0))
	transfer.Question[0].Qtype = dns.TypeAXFR
	nxdomain := reply(hot, dns.TypeA)
	nxdomain.Rcode = dns.RcodeNameError
	nxdomain.Extra = addressRRset("10.4.3.1", "10.4.3.2")
	servfail := reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...)
	servfail.Rcode = dns.RcodeServerFailure
	text := reply(hot, dns.TypeTXT, record(hot+" 300 IN TXT x"))
	glue := reply(hot, dns.TypeMX, record(hot+" 300 IN MX 10 mail.example.org."))
	glue.Extra = addressRRset("10.4.3.1", "10.4.3.2")
	for _, tt := range []struct {
		name  string
		below *dns.Msg
		r     *dns.Msg
		want  []uint8 // scopes
	}{
		{"no answer", reply(hot, dns.TypeA), asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"no such name, and addresses in the additional section", nxdomain, asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"SERVFAIL with addresses", servfail, asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"addresses in the additional section", glue, asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{24}},
		{"no address", text, asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"one address", reply(hot, dns.TypeA, addressRRset("10.4.3.1")...), asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{24}},
		{"a transfer", reply(hot, dns.TypeAXFR, addressRRset("10.4.3.1")...), transfer, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := exchange(t, orderingOf(t, "ordering {\necs 203.0.113.53\n}", replying(tt.below)), resolver, tt.r)
			var got []uint8
			for _, s := range subnetsIn(res) {
				got = append(got, s.SourceScope)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("scopes %v, want %v", got, tt.want)
			}
		})
	}
}

// TestClientSubnetIsReadOnTheWayDown has a plugin below write to the query and its option.
func TestClientSubnetIsReadOnTheWayDown(t *testing.T) {
	sent := subnet(1, "10.4.3.0", 24, 0)
	o := orderingOf(t, "ordering {\nround_robin off\necs 203.0.113.53\n}", nil)
	o.Next = meddling(replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)))
	res := exchange(t, o, resolver, asking(sent))
	if got := fmt.Sprint(addrs(res.Answer)); got != "[10.4.3.1 192.168.1.1]" {
		t.Errorf("answer %s", got)
	}
	if diff := cmp.Diff([]*dns.EDNS0_SUBNET{subnet(1, "10.4.3.0", 24, 24)}, subnetsIn(res)); diff != "" {
		t.Error(diff)
	}
}

// TestScopeFromBelowCounts checks that the longer scope of an upstream is kept, so that its records
// are cached only for the clients that they are for.
func TestScopeFromBelowCounts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		below *dns.EDNS0_SUBNET
		want  uint8
	}{
		{"longer", subnet(1, "10.4.3.0", 24, 28), 28},
		{"shorter", subnet(1, "10.4.3.0", 24, 16), 24},
		{"longer than an address", subnet(1, "10.4.3.0", 24, 99), 32},
		{"for another address", subnet(1, "10.4.2.0", 24, 28), 24},
		{"for another length", subnet(1, "10.4.3.0", 25, 28), 24},
	} {
		t.Run(tt.name, func(t *testing.T) {
			below := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)
			below.SetEdns0(1232, false)
			below.IsEdns0().Option = []dns.EDNS0{tt.below}
			o := orderingOf(t, "ordering {\necs 203.0.113.53\n}", replying(below))
			got := subnetsIn(exchange(t, o, resolver, asking(subnet(1, "10.4.3.0", 24, 0))))
			if len(got) != 1 || got[0].SourceScope != tt.want {
				t.Errorf("options %v, want one of scope %d", got, tt.want)
			}
		})
	}
}
