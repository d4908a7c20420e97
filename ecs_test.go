package ordering

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// subnet returns a Client Subnet option.
func subnet(family uint16, addr string, source, scope uint8) *dns.EDNS0_SUBNET {
	ip := net.ParseIP(addr)
	if family == 1 && ip.To4() != nil {
		ip = ip.To4()
	}
	return &dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, SourceScope: scope, Address: ip,
	}
}

// withBytes returns a Client Subnet option for a /24 whose address has these bytes.
func withBytes(family uint16, address ...byte) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: 24, Address: address}
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

const resolver = "203.0.113.53" // in ecs

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
		{"a family that nobody knows", resolver, []dns.EDNS0{subnet(3, "10.4.3.0", 24, 0)}, "192.168.1.1", -1},
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
		{"a mask shorter than the class", "netmask 1", "240.0.0.1", 3},
		{"the masks of IPv6", "netmask6 32 56", "2001:db8::1", 56},
		{"nothing", "local_net_priority off", "10.4.3.2", 0},
		{"nothing, IPv6", "local_net_priority off", "2001:db8::1", 0},
		{"no class and no mask", "classful off\nnetmask 1", "240.0.0.1", 1},
		{"a mask of no bits", "classful off\nnetmask 0", "10.4.3.2", 0},
		{"sticky", "round_robin sticky", "10.4.3.2", 32},
		{"sticky, IPv6", "round_robin sticky", "2001:db8::1", 128},
		{"a statement", "local_net_priority off\nsortlist 10.0.0.0/8", "10.4.3.2", 8},
		{"a statement inside a statement", "local_net_priority off\nsortlist 10.4.0.0/16\nsortlist 10.0.0.0/8", "10.9.9.9", 13},
		{"a statement inside a statement that decides", "local_net_priority off\nsortlist 10.0.0.0/8\nsortlist 10.4.0.0/16", "10.9.9.9", 8},
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
			if got := scopeOf(p, netip.MustParseAddr(tt.client)); got != tt.want {
				t.Errorf("scope %d, want %d", got, tt.want)
			}
			if got := scopeOf(p, netip.Addr{}); got != 0 {
				t.Errorf("scope %d without a client", got)
			}
		})
	}
}

// scopeOf returns the scope of a response to client that p puts in order.
func scopeOf(p *policy, client netip.Addr) int {
	k := rankingOf(p, client)
	return p.scope(&k)
}

// TestScopeHoldsClientsThatAreRankedAlike compares clients in one scope: the oracle must put any
// two addresses in the same order for both.
func TestScopeHoldsClientsThatAreRankedAlike(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 18))
	dir := t.TempDir()
	for range 500 {
		c := randomConfig(rnd)
		corefile := c.corefile(t, dir)
		p := policyOf(t, corefile)
		for range 10 {
			client := randomAddr(rnd)
			scope := netip.PrefixFrom(client, scopeOf(p, client)).Masked()
			other := inside(rnd, scope)
			for range 10 {
				a, b := randomAddr(rnd), randomAddr(rnd)
				want := slices.Compare(c.farness(client, a), c.farness(client, b))
				if got := slices.Compare(c.farness(other, a), c.farness(other, b)); a.Is4() == b.Is4() && got != want {
					t.Fatalf("%v and %v are both in %v, but %v and %v compare as %d and %d\n%s",
						client, other, scope, a, b, want, got, corefile)
				}
			}
		}
	}
}

// inside returns an address in n, often its first or last, or one that randomAddr returns.
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

// TestScopeBeforeTheFirstSync checks that answers are for one client only before the topology is
// ready.
func TestScopeBeforeTheFirstSync(t *testing.T) {
	for _, ready := range []bool{false, true} {
		ranker := ranking.New(ranking.Config{Topology: &source{ready: ready}})
		p := &policy{ranker: ranker, orderer: rrset.New(rrset.Config{})}
		for client, bits := range map[string]int{"10.4.3.0": 32, "2001:db8::": 128} {
			want := 0
			if !ready {
				want = bits
			}
			if got := scopeOf(p, netip.MustParseAddr(client)); got != want {
				t.Errorf("ready %v: scope of %s is %d, want %d", ready, client, got, want)
			}
		}
	}
}

// A changingTopology has another table each time that it is asked for one.
type changingTopology struct {
	topology.Source
	tables []*topology.Table
}

func (c *changingTopology) Table() *topology.Table {
	table := c.tables[0]
	c.tables = c.tables[1:]
	return table
}

func (c *changingTopology) Ready() bool { return true }

// TestScopeAndOrderAreOfOneTable has the topology change after each look at it. The scope of an
// answer must be that of the table that ordered it.
func TestScopeAndOrderAreOfOneTable(t *testing.T) {
	changing := new(changingTopology)
	steps := []struct {
		near, first string
		scope       uint8
	}{
		{"10.4.0.0/16", "10.4.9.9", 16},
		{"10.4.3.0/24", "10.4.3.9", 24},
		{"10.4.3.128/25", "192.168.1.1", 25},
	}
	for _, step := range steps {
		var b topology.Builder
		if err := b.Add(netip.MustParsePrefix(step.near), "zone"); err != nil {
			t.Fatal(err)
		}
		table, err := b.Table()
		if err != nil {
			t.Fatal(err)
		}
		changing.tables = append(changing.tables, table)
	}
	below := replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.9.9", "10.4.3.9")...))
	o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin off\necs 203.0.113.53\n}", below)
	o.zones.find(".").policy.ranker = ranking.New(ranking.Config{Topology: changing})
	for _, step := range steps {
		res := exchange(t, o, resolver, asking(subnet(1, "10.4.3.0", 24, 0)))
		got := subnetsIn(res)
		if len(got) != 1 || got[0].SourceScope != step.scope || addrs(res.Answer)[0] != step.first {
			t.Errorf("%s is near: %v comes first with %v, want %s and scope %d",
				step.near, addrs(res.Answer)[0], got, step.first, step.scope)
		}
	}
}

// TestResolverHasTheLocationOfItsClients asks for clients whose location is not known: the location
// of the resolver counts for them, and only for them.
func TestResolverHasTheLocationOfItsClients(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		option       *dns.EDNS0_SUBNET
		want         string
		scope        uint8
	}{
		{"the client's location is known", "10.2.0.53", subnet(1, "10.1.7.0", 24, 0), "10.1.0.1 10.2.0.1", 16},
		{"the resolver's location is known", "10.2.0.53", subnet(1, "192.0.2.0", 24, 0), "10.2.0.1 10.1.0.1", 1},
		{"a resolver elsewhere", "10.1.0.53", subnet(1, "192.0.2.0", 24, 0), "10.1.0.1 10.2.0.1", 1},
		{"neither location is known", "192.0.2.53", subnet(1, "192.0.2.0", 24, 0), "10.2.0.1 10.1.0.1", 1},
		{"clients of another family", "10.1.0.53", subnet(2, "2001:db8::", 48, 0), "10.1.0.1 10.2.0.1", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := filepath.Join(t.TempDir(), "table")
			if err := os.WriteFile(table, []byte("10.1.0.0/16 a\n10.2.0.0/16 b\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			corefile := "ordering {\nlocal_net_priority off\nround_robin off\n" +
				"ecs 10.0.0.0/8 192.0.2.53\ntopology " + table + "\n}"
			below := replying(reply(hot, dns.TypeA, addressRRset("10.2.0.1", "10.1.0.1")...))
			o := orderingOf(t, corefile, below)
			res := exchange(t, o, tt.source, asking(tt.option))
			if got := strings.Join(addrs(res.Answer), " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := subnetsIn(res); len(got) != 1 || got[0].SourceScope != tt.scope {
				t.Errorf("options %v, want one of scope %d", got, tt.scope)
			}
		})
	}
}
