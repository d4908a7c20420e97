package ordering

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// subnet returns a Client Subnet option.
func subnet(family uint16, addr string, source, scope uint8) *dns.EDNS0_SUBNET {
	ip := net.ParseIP(addr)
	if family == 1 && ip.To4() != nil {
		ip = ip.To4()
	}
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, SourceScope: scope, Address: ip}
}

// asking returns a query with these EDNS options.
func asking(options ...dns.EDNS0) *dns.Msg {
	r := new(dns.Msg).SetQuestion(hot, dns.TypeA)
	r.SetEdns0(1232, false)
	r.IsEdns0().Option = options
	return r
}

// subnetsIn returns the Client Subnet options of m.
func subnetsIn(m *dns.Msg) (all []*dns.EDNS0_SUBNET) {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if s, ok := o.(*dns.EDNS0_SUBNET); ok {
			all = append(all, s)
		}
	}
	return all
}

const resolver = "203.0.113.53"

// TestClientSubnetDecides asks with options that are believed and with some that are not; the far address comes first
// where nobody else than the resolver is known.
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
		{"not trusted", "203.0.113.54", []dns.EDNS0{one}, "192.168.1.1", -1},
		{"no option", resolver, nil, "192.168.1.1", -1},

		{"a client that does not want to be known", resolver, []dns.EDNS0{subnet(1, "0.0.0.0", 0, 0)}, "192.168.1.1", 0},
		{"the same in IPv6", resolver, []dns.EDNS0{subnet(2, "::", 0, 0)}, "192.168.1.1", 0},
		{"the same as dig sends it", resolver, []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET}}, "192.168.1.1", 0},

		{"host bits set", resolver, []dns.EDNS0{subnet(1, "10.4.3.1", 24, 0)}, "192.168.1.1", -1},
		{"a scope in the query", resolver, []dns.EDNS0{subnet(1, "10.4.3.0", 24, 24)}, "192.168.1.1", -1},
		{"too long", resolver, []dns.EDNS0{subnet(1, "10.4.3.0", 33, 0)}, "192.168.1.1", -1},
		{"too long for IPv6", resolver, []dns.EDNS0{subnet(2, "2001:db8::", 129, 0)}, "192.168.1.1", -1},
		{"a family that nobody knows", resolver, []dns.EDNS0{subnet(3, "10.4.3.0", 24, 0)}, "192.168.1.1", -1},
		{"family 0 with a length", resolver, []dns.EDNS0{subnet(0, "10.4.3.0", 24, 0)}, "192.168.1.1", -1},
		{"IPv4 that is IPv6", resolver, []dns.EDNS0{subnet(1, "2001:db8::", 24, 0)}, "192.168.1.1", -1},
		{"IPv6 that is IPv4", resolver, []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 2, SourceNetmask: 24, Address: net.IP{10, 4, 3, 0}}}, "192.168.1.1", -1},
		{"IPv4 mapped into IPv6", resolver, []dns.EDNS0{subnet(2, "::ffff:10.4.3.0", 120, 0)}, "192.168.1.1", -1},
		{"no address", resolver, []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24}}, "192.168.1.1", -1},
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

// TestClientSubnetComesBackBesideOthers checks where the option goes in what comes from below.
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

func TestClientSubnetWithoutAddresses(t *testing.T) {
	transfer := asking(subnet(1, "10.4.3.0", 24, 0))
	transfer.Question[0].Qtype = dns.TypeAXFR
	nxdomain := reply(hot, dns.TypeA)
	nxdomain.Rcode = dns.RcodeNameError
	for _, tt := range []struct {
		name  string
		below *dns.Msg
		r     *dns.Msg
		want  []uint8 // scopes
	}{
		{"no answer", reply(hot, dns.TypeA), asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"no name", nxdomain, asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
		{"no address", reply(hot, dns.TypeTXT, record(hot+" 300 IN TXT x")), asking(subnet(1, "10.4.3.0", 24, 0)), []uint8{0}},
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

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		name, properties, client string
		want                     int
	}{
		{"class A", "", "10.4.3.2", 24},
		{"class C", "", "192.168.1.1", 24},
		{"IPv6", "", "2001:db8::1", 64},
		{"the longest of several", "netmask 16 28 8", "10.4.3.2", 28},
		{"the classful network alone", "netmask 0xffffffff", "10.4.3.2", 8},
		{"the classful network alone, class B", "netmask 0xffffffff", "172.16.0.1", 16},
		{"the classful network longest", "netmask 8", "192.168.1.1", 24},
		{"the class alone", "netmask 0xffffffff", "240.0.0.1", 3},
		{"a mask shorter than the class", "netmask /1", "240.0.0.1", 3},
		{"the masks of IPv6", "netmask6 32 56", "2001:db8::1", 56},
		{"nothing", "local_net_priority off", "10.4.3.2", 0},
		{"nothing, IPv6", "local_net_priority off", "2001:db8::1", 0},
		{"a mask of no bits", "classful off\nnetmask /0", "10.4.3.2", 0},
		{"sticky", "round_robin sticky", "10.4.3.2", 32},
		{"sticky, IPv6", "round_robin sticky", "2001:db8::1", 128},
		{"a statement", "local_net_priority off\nsortlist 10.0.0.0/8", "10.4.3.2", 8},
		{"a statement inside a statement", "local_net_priority off\nsortlist 10.0.0.0/8\nsortlist 10.4.0.0/16", "10.9.9.9", 13},
		{"near a statement", "local_net_priority off\nsortlist 10.0.0.0/8", "11.0.0.1", 8},
		{"far from a statement", "local_net_priority off\nsortlist 10.0.0.0/8", "192.168.1.1", 1},
		{"a statement for all", "local_net_priority off\nsortlist any 10.0.0.0/8", "10.4.3.2", 0},
		{"statements of the other family", "local_net_priority off\nsortlist 2001:db8::/32", "10.4.3.2", 0},
		{"a statement longer than the mask", "sortlist 10.4.3.2", "10.4.3.2", 32},
		{"a statement shorter than the mask", "sortlist 10.0.0.0/8", "10.4.3.2", 24},
		{"a zone of the topology", "local_net_priority off\ntopology TABLE", "10.4.3.2", 16},
		{"far from the topology", "local_net_priority off\ntopology TABLE", "192.168.1.1", 1},
		{"weights", "local_net_priority off\nweight 10.0.0.0/8 3", "10.4.3.2", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, withTable(t, "ordering {\n"+tt.properties+"\n}"))
			if got := p.scope(netip.MustParseAddr(tt.client)); got != tt.want {
				t.Errorf("scope %d, want %d", got, tt.want)
			}
		})
	}
	if got := policyOf(t, "ordering").scope(netip.Addr{}); got != 0 {
		t.Errorf("scope of nobody is %d", got)
	}
}

// TestScopeHoldsClientsThatAreRankedAlike takes clients from inside the scope of another: they must see its tiers.
func TestScopeHoldsClientsThatAreRankedAlike(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 18))
	dir := t.TempDir()
	for range 500 {
		c := randomConfig(rnd)
		corefile := c.corefile(t, dir)
		p := policyOf(t, corefile)
		for range 10 {
			client := randomAddr(rnd)
			scope := netip.PrefixFrom(client, p.scope(client)).Masked()
			other := inside(rnd, scope)
			for range 10 {
				a, b := randomAddr(rnd), randomAddr(rnd)
				want := slices.Compare(c.farness(client, a), c.farness(client, b))
				if got := slices.Compare(c.farness(other, a), c.farness(other, b)); a.Is4() == b.Is4() && got != want {
					t.Fatalf("%v and %v are in %v, and see %v and %v otherwise\n%s", client, other, scope, a, b, corefile)
				}
			}
		}
	}
}

// inside returns an address of a network, often its first or last, or one of the neighbourhood.
func inside(rnd *rand.Rand, n netip.Prefix) netip.Addr {
	if a := randomAddr(rnd); n.Contains(a) {
		return a
	}
	b := n.Addr().AsSlice()
	fill := oneOf(rnd, 0, 1, 2)
	for bit := n.Bits(); bit < 8*len(b); bit++ {
		if fill == 1 || fill == 2 && rnd.IntN(2) == 0 {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// TestClientSubnetIsReadOnTheWayDown checks that a plugin below that writes to the query changes nothing.
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

// TestScopeFromBelowCounts checks that the scope of an upstream stays when it is the longer, so that nobody caches its records
// for more clients than they are for.
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

// TestScopeBeforeTheFirstSync checks that the order of a topology that is not known yet is for one client only.
func TestScopeBeforeTheFirstSync(t *testing.T) {
	for _, ready := range []bool{false, true} {
		p := &policy{ranker: ranking.New(ranking.Config{Topology: &source{ready: ready}}), orderer: rrset.New(rrset.Config{})}
		for client, bits := range map[string]int{"10.4.3.0": 32, "2001:db8::": 128} {
			want := 0
			if !ready {
				want = bits
			}
			if got := p.scope(netip.MustParseAddr(client)); got != want {
				t.Errorf("ready %v: scope of %s is %d, want %d", ready, client, got, want)
			}
		}
	}
}
