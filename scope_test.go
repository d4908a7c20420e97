package ordering

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"github.com/miekg/dns"
)

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
		{"no class and no mask", "classful off\nnetmask /1", "240.0.0.1", 1},
		{"a mask of no bits", "classful off\nnetmask /0", "10.4.3.2", 0},
		{"sticky", "round_robin sticky", "10.4.3.2", 32},
		{"sticky, IPv6", "round_robin sticky", "2001:db8::1", 128},
		{"a statement", "local_net_priority off\nsortlist 10.0.0.0/8", "10.4.3.2", 8},
		{
			"a statement inside a statement",
			"local_net_priority off\nsortlist 10.4.0.0/16\nsortlist 10.0.0.0/8", "10.9.9.9", 13,
		},
		{
			"a statement inside a statement that decides",
			"local_net_priority off\nsortlist 10.0.0.0/8\nsortlist 10.4.0.0/16", "10.9.9.9", 8,
		},
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
				want := slices.Compare(c.distance(client, a), c.distance(client, b))
				if got := slices.Compare(c.distance(other, a), c.distance(other, b)); a.Is4() == b.Is4() && got != want {
					t.Fatalf("%v and %v are both in %v, but %v and %v compare as %d and %d\n%s",
						client, other, scope, a, b, want, got, corefile)
				}
			}
		}
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

// A changingTopology has another table each time that it is asked for one, and an empty one when it
// has no more.
type changingTopology struct {
	topology.Source
	tables []*topology.Table
}

func (c *changingTopology) Table() *topology.Table {
	if len(c.tables) == 0 {
		return new(topology.Table)
	}
	table := c.tables[0]
	c.tables = c.tables[1:]
	return table
}

func (c *changingTopology) Ready() bool { return true }

func (c *changingTopology) Synced() bool { return true }

// TestScopeAndOrderAreOfOneTable has the topology change after each look at it. The scope of an
// answer must be that of the table that ordered it.
func TestScopeAndOrderAreOfOneTable(t *testing.T) {
	var tables []*topology.Table
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
		tables = append(tables, table)
	}
	o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin off\necs 203.0.113.53\n}",
		replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.9.9", "10.4.3.9")...)))
	changing := new(changingTopology)
	o.zones.find(".").policy.ranker = ranking.New(ranking.Config{Topology: changing})
	o.zones.serverRule(t.Context(), hot) // looks at the topology to know what it can count
	changing.tables = tables
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
			o := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin off\n"+
				"ecs 10.0.0.0/8 192.0.2.53\ntopology "+table+"\n}",
				replying(reply(hot, dns.TypeA, addressRRset("10.2.0.1", "10.1.0.1")...)))
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
