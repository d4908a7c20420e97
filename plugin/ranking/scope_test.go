package ranking

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/topology"
)

// bases are addresses that random ones share bits with. They include both ends of both families and
// the IPv6 addresses beside the IPv4-mapped ones.
var bases = []string{
	"0.0.0.0", "10.0.0.0", "10.0.255.255", "172.16.22.4", "192.168.1.0", "224.0.0.5", "255.255.255.255",
	"::", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::", "2001:db8:0:1::", "ffff::",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
}

// addrNear returns an address that shares its first bits, at least so many of them, with a.
func addrNear(rnd *rand.Rand, a netip.Addr, shared int) netip.Addr {
	b := a.AsSlice()
	for bit := shared + rnd.IntN(8*len(b)-shared+1); bit < 8*len(b); bit++ {
		if rnd.IntN(2) == 0 {
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
	near, _ := netip.AddrFromSlice(b)
	if near.Is4In6() {
		return a
	}
	return near
}

// clientNear returns a client near one of these addresses. No client has an IPv4-mapped address.
func clientNear(rnd *rand.Rand, addrs []netip.Addr) netip.Addr {
	for {
		if a := addrNear(rnd, addrs[rnd.IntN(len(addrs))], 0); !a.Is4In6() {
			return a
		}
	}
}

func addrNearABase(rnd *rand.Rand) netip.Addr {
	return addrNear(rnd, netip.MustParseAddr(bases[rnd.IntN(len(bases))]), 0)
}

func networkNearABase(rnd *rand.Rand) netip.Prefix {
	a := addrNearABase(rnd)
	return netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1)).Masked()
}

// sibling returns the network that makes up the next wider one together with n; n itself if it has
// every address.
func sibling(n netip.Prefix) netip.Prefix {
	if n.Bits() == 0 {
		return n
	}
	b, bit := n.Addr().AsSlice(), n.Bits()-1
	b[bit/8] ^= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, n.Bits())
}

// randomStatements returns n statements, each of one to three networks that often overlap others.
func randomStatements(rnd *rand.Rand, n int) []Statement {
	all := make([]Statement, n)
	for i := range all {
		first := networkNearABase(rnd)
		for n > 5 && first.Bits() < 8 { // otherwise few statements ever decide
			first = networkNearABase(rnd)
		}
		all[i].Clients = []netip.Prefix{first}
		for rnd.IntN(3) == 0 {
			all[i].Clients = append(all[i].Clients, sibling(first))
		}
	}
	return all
}

// statementOf returns the index of the first statement that holds the client; -1 if none does.
func statementOf(statements []Statement, client netip.Addr) int {
	return slices.IndexFunc(statements, func(s Statement) bool {
		return slices.ContainsFunc(s.Clients, func(n netip.Prefix) bool { return n.Contains(client) })
	})
}

// ends returns the first and the last address of each network in the statements, the addresses
// beside them, and the first and the last address of each family. So they include both ends of
// every range of addresses for which one statement decides.
func ends(statements []Statement) []netip.Addr {
	networks := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, s := range statements {
		networks = append(networks, s.Clients...)
	}
	var all []netip.Addr
	for _, n := range networks {
		last := n.Addr().AsSlice()
		for bit := n.Bits(); bit < 8*len(last); bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		end, _ := netip.AddrFromSlice(last)
		all = append(all, n.Addr(), n.Addr().Prev(), end, end.Next())
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool { return !a.IsValid() })
}

// sharedBits returns how many leading bits two addresses of one family share.
func sharedBits(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range x {
		if x[i] != y[i] {
			return 8*i + bits.LeadingZeros8(x[i]^y[i]) - (128 - a.BitLen())
		}
	}
	return a.BitLen()
}

func rankingFor(r *Ranker, client netip.Addr) *Ranking {
	k := new(Ranking)
	r.Rank(k, client)
	return k
}

// TestScopeOfASortList compares 40,000 scopes with a search through the ends of all networks for
// the nearest address for which another statement decides. The scope must be one bit longer than
// what the client shares with that address.
func TestScopeOfASortList(t *testing.T) {
	rnd := rand.New(rand.NewPCG(23, 24))
	for _, size := range []struct{ statements, lists, clients int }{
		{0, 1, 100}, {1, 300, 40}, {2, 300, 40}, {5, 100, 80}, {30, 20, 200}, {300, 4, 500}, {3000, 1, 2000},
	} {
		for range size.lists {
			statements := randomStatements(rnd, size.statements)
			r := New(Config{Sortlist: statements})
			ends := ends(statements)
			decides := make([]int, len(ends))
			for i, a := range ends {
				decides[i] = statementOf(statements, a)
			}
			for range size.clients {
				client := clientNear(rnd, ends)
				statement, want := statementOf(statements, client), 0
				for i, a := range ends {
					if decides[i] != statement && a.BitLen() == client.BitLen() {
						want = max(want, sharedBits(client, a)+1)
					}
				}
				if got := rankingFor(r, client).Scope(); got != want {
					t.Fatalf("%d statements: scope of %v is %d, want %d", size.statements, client, got, want)
				}
			}
		}
	}
}

// randomConfig returns a configuration with this many statements, with and without masks and a
// topology.
func randomConfig(rnd *rand.Rand, t *testing.T, statements int) Config {
	var c Config
	for range rnd.IntN(3) {
		c.Masks.IPv4 = append(c.Masks.IPv4, rnd.IntN(33))
		c.Masks.IPv6 = append(c.Masks.IPv6, rnd.IntN(129))
	}
	c.Masks.Classful = rnd.IntN(2) == 0
	c.Sortlist = randomStatements(rnd, statements)
	for i := range c.Sortlist {
		for range rnd.IntN(4) {
			rank := Word{Networks: []netip.Prefix{networkNearABase(rnd), networkNearABase(rnd)}, Negated: rnd.IntN(3) == 0}
			c.Sortlist[i].Preference = append(c.Sortlist[i].Preference, rank)
		}
	}
	if rnd.IntN(2) == 0 {
		c.Topology = fixed{table: randomTable(rnd, t)}
	}
	return c
}

func randomTable(rnd *rand.Rand, t *testing.T) *topology.Table {
	var b topology.Builder
	added := map[netip.Prefix]bool{}
	for range 1 + rnd.IntN(20) {
		n := networkNearABase(rnd)
		if added[n] {
			continue
		}
		added[n] = true
		if err := b.Add(n, fmt.Sprintf("r%d/z%d", rnd.IntN(2), rnd.IntN(3))); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// fixed is a topology that stays the same.
type fixed struct {
	topology.Source
	table *topology.Table
}

func (f fixed) Table() *topology.Table { return f.table }
func (f fixed) Ready() bool            { return true }
func (f fixed) Synced() bool           { return true }

// TestClientsInsideAScopeAreRankedAlike takes 40,000 clients. Every other client inside the scope
// of one must have the same tiers, and also the same scope: where scopes overlap, the answer of a
// cache depends on who asked before (RFC 7871, section 7.2.1).
func TestClientsInsideAScopeAreRankedAlike(t *testing.T) {
	rnd := rand.New(rand.NewPCG(25, 26))
	for _, size := range []struct{ statements, configs, clients int }{
		{0, 100, 40}, {1, 300, 40}, {3, 300, 40}, {30, 50, 100}, {300, 5, 1000}, {4000, 1, 2000},
	} {
		for range size.configs {
			c := randomConfig(rnd, t, size.statements)
			r, ends := New(c), ends(c.Sortlist)
			for range size.clients {
				client := clientNear(rnd, ends)
				resolver := addrNearABase(rnd)
				k := rankingFor(r, client)
				k.FallBackTo(resolver)
				scope := netip.PrefixFrom(client, k.Scope()).Masked()
				for _, other := range []netip.Addr{scope.Addr(), lastAddr(scope), addrNear(rnd, client, scope.Bits())} {
					if other.Is4In6() {
						continue
					}
					o := rankingFor(r, other)
					o.FallBackTo(resolver)
					if o.Scope() != scope.Bits() {
						t.Fatalf("%v is in %v, the scope of %v, and has the scope %d\n%+v",
							other, scope, client, o.Scope(), c)
					}
					for range 3 {
						a := addrNearABase(rnd)
						tier, want := o.Tier(ipaddr.FromNetip(a), a.Is4()), k.Tier(ipaddr.FromNetip(a), a.Is4())
						if tier != want {
							t.Fatalf("%v is in tier %d for %v and in tier %d for %v, which is in its scope %v\n%+v",
								a, want, client, tier, other, scope, c)
						}
					}
				}
			}
		}
	}
}

// changing is a topology that gets ready right after its table was taken for the first time. Then
// it has another table each time, until the last.
type changing struct {
	topology.Source
	tables []*topology.Table
	taken  int
}

func (c *changing) Table() *topology.Table {
	c.taken++
	return c.tables[min(c.taken, len(c.tables))-1]
}

func (c *changing) Ready() bool { return true }

func (c *changing) Synced() bool { return c.taken > 0 }

// TestScopeIsThatOfTheTableThatRanks has the topology change while a client is ranked, and
// afterwards.
func TestScopeIsThatOfTheTableThatRanks(t *testing.T) {
	table := func(network string) *topology.Table {
		var b topology.Builder
		if err := b.Add(netip.MustParsePrefix(network), "zone"); err != nil {
			t.Fatal(err)
		}
		table, err := b.Table()
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	for _, tt := range []struct {
		client        string
		first, second *topology.Table
		scopes        []int // of one ranking after the other
	}{
		{"10.4.3.2", table("10.4.0.0/16"), table("10.4.3.0/24"), []int{32, 16, 24, 24}},
		{"2001:db8::7", table("2001:db8::/32"), table("2001:db8::/48"), []int{128, 32, 48, 48}},
	} {
		r := New(Config{Topology: &changing{tables: []*topology.Table{{}, tt.first, tt.second}}})
		var rankings []*Ranking
		for range tt.scopes {
			rankings = append(rankings, rankingFor(r, netip.MustParseAddr(tt.client)))
		}
		for i, want := range tt.scopes {
			if got := rankings[i].Scope(); got != want {
				t.Errorf("ranking %d of %s has scope %d, want %d", i, tt.client, got, want)
			}
		}
	}
}

func TestScopeOfNobody(t *testing.T) {
	r := New(Config{
		Masks:    MaskLengths{IPv4: []int{24}, IPv6: []int{64}, Classful: true},
		Sortlist: []Statement{{Clients: []netip.Prefix{netip.MustParsePrefix("::/1")}}},
		Topology: fixed{},
	})
	for name, k := range map[string]*Ranking{"zero Ranking": {}, "zero Addr": rankingFor(r, netip.Addr{})} {
		if k.Scope() != 0 || k.ClientBits() != 0 {
			t.Errorf("%s: scope %d of %d bits", name, k.Scope(), k.ClientBits())
		}
	}
}

// TestFallBackTo ranks for a client by the location of its resolver.
func TestFallBackTo(t *testing.T) {
	var b topology.Builder
	for network, location := range map[string]string{"10.1.0.0/16": "region/a", "10.2.0.0/16": "region/b"} {
		if err := b.Add(netip.MustParsePrefix(network), location); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		client, resolver string
		tierA, tierB     uint32
		scope            int
	}{
		{"10.1.0.1", "10.2.0.2", 0, 1, 16},
		{"192.0.2.1", "10.2.0.2", 1, 0, 1},
		{"192.0.2.1", "192.0.2.2", 2, 2, 1},
		{"2001:db8::1", "10.1.0.2", 0, 1, 0},
	} {
		k := rankingFor(New(Config{Topology: fixed{table: table}}), netip.MustParseAddr(tt.client))
		k.FallBackTo(netip.MustParseAddr(tt.resolver))
		a, b := k.Tier(ipaddr.From4(10<<24|1<<16), true), k.Tier(ipaddr.From4(10<<24|2<<16), true)
		if a != tt.tierA || b != tt.tierB || k.Scope() != tt.scope {
			t.Errorf("%+v: tiers %d and %d, scope %d", tt, a, b, k.Scope())
		}
	}
	k := rankingFor(New(Config{}), netip.MustParseAddr("192.0.2.1"))
	k.FallBackTo(netip.MustParseAddr("10.1.0.1"))
	if k.HasTables() || k.Scope() != 0 {
		t.Error("a ranking without a topology has one afterwards")
	}
}

var listSizes = []int{1, 10, 100, 1000, 10000}

// disjointStatements returns n statements for networks of one family that do not overlap.
func disjointStatements(n int, ip4 bool) []Statement {
	all := make([]Statement, n)
	for i := range all {
		a, length := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24
		if !ip4 {
			a, length = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i)}), 48
		}
		all[i].Clients = []netip.Prefix{netip.PrefixFrom(a, length)}
	}
	return all
}

// scopedClients returns clients of one family in and beside the networks of disjointStatements.
func scopedClients(rnd *rand.Rand, r *Ranker, n int, ip4 bool) []*Ranking {
	var all []*Ranking
	for range 256 {
		i := rnd.IntN(n + n/4 + 1)
		b := []byte{10, byte(i >> 8), byte(i), byte(rnd.Uint32())}
		if !ip4 {
			b = append([]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i), byte(rnd.Uint32())}, make([]byte, 9)...)
		}
		a, _ := netip.AddrFromSlice(b)
		all = append(all, rankingFor(r, a))
	}
	return all
}

func TestScopeDoesNotAllocate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(27, 28))
	for _, n := range listSizes {
		for _, ip4 := range []bool{true, false} {
			r := New(Config{
				Masks:    MaskLengths{IPv4: []int{8}},
				Sortlist: disjointStatements(n, ip4),
				Topology: fixed{table: randomTable(rnd, t)},
			})
			clients := scopedClients(rnd, r, n, ip4)
			got := testing.AllocsPerRun(10, func() {
				for _, k := range clients {
					k.Scope()
				}
			})
			if got > 0 {
				t.Errorf("%d statements, IPv4 %v: %v allocations", n, ip4, got)
			}
		}
	}
}

// TestBoundariesAreFew limits the steps of a search: a network has two boundaries at most, and none
// between addresses for which one statement decides.
func TestBoundariesAreFew(t *testing.T) {
	for _, n := range listSizes {
		for _, ip4 := range []bool{true, false} {
			l := newSortlist(disjointStatements(n, ip4))
			if got := len(l.boundaries4) + len(l.boundaries6); got != n+1 { // the networks are adjacent
				t.Errorf("%d statements, IPv4 %v: %d boundaries, want %d", n, ip4, got, n+1)
			}
		}
	}
	var one Statement
	for _, network := range []string{"10.0.0.0/9", "10.128.0.0/9", "10.7.0.0/16", "0.0.0.0/0", "2001:db8::/32", "::/0"} {
		one.Clients = append(one.Clients, netip.MustParsePrefix(network))
	}
	if l := newSortlist([]Statement{one}); len(l.boundaries4)+len(l.boundaries6) > 0 {
		t.Errorf("one statement for all has the boundaries %v and %v", l.boundaries4, l.boundaries6)
	}
}

func BenchmarkScope(b *testing.B) {
	for _, family := range []string{"IPv4", "IPv6"} {
		for _, n := range listSizes {
			b.Run(fmt.Sprintf("family=%s/statements=%d", family, n), func(b *testing.B) {
				r := New(Config{Sortlist: disjointStatements(n, family == "IPv4")})
				clients := scopedClients(rand.New(rand.NewPCG(29, 30)), r, n, family == "IPv4")
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					clients[i%len(clients)].Scope()
					i++
				}
			})
		}
	}
}
