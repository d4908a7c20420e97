package ranking

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// bases are addresses that random ones share bits with. They include both ends of both families and
// the IPv6 addresses beside the IPv4-mapped ones.
var bases = []string{"0.0.0.0", "10.0.0.0", "10.0.255.255", "172.16.22.4", "192.168.1.0", "224.0.0.5", "255.255.255.255",
	"::", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::", "2001:db8:0:1::", "ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}

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

func rankingFor(r *Ranker, client netip.Addr) *Ranking {
	k := new(Ranking)
	r.Rank(k, client)
	return k
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
			networks := []netip.Prefix{networkNearABase(rnd), networkNearABase(rnd)}
			c.Sortlist[i].Preference = append(c.Sortlist[i].Preference, Rank{Networks: networks, Negated: rnd.IntN(3) == 0})
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
