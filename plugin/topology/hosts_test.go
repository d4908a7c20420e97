package topology

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// shortestScope returns what Scope has to return: it asks find of every address of base, which has
// one host part of at most 8 bits.
func shortestScope(base netip.Prefix, addr netip.Addr, find func(netip.Addr) string) int {
	length := base.Bits()
	for x := base.Masked().Addr(); base.Contains(x); x = x.Next() {
		if find(x) == find(addr) {
			continue
		}
		for n := addr.BitLen(); n >= length; n-- {
			if p, _ := addr.Prefix(n); p.Contains(x) {
				length = n + 1
				break
			}
		}
	}
	return length
}

// TestHosts changes random addresses on top of random networks, and compares Find and Scope with a
// map, for every address of a small network.
func TestHosts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	var places []*Location
	for _, path := range []string{"r0/z", "r0/z", "r1/z", "r2/z"} {
		place, err := ParseLocation(path)
		topologytest.Must(t, err)
		places = append(places, place)
	}
	places = append(places, nil)
	for _, text := range []string{"10.1.2.0/24", "0.0.0.0/24", "255.255.255.0/24", "fd00::ab00/120",
		"::/120", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120"} {
		base := netip.MustParsePrefix(text)
		for range 10 {
			networks := randomOracle(rnd, rnd.IntN(12), 3, base, base.Addr().BitLen())
			hosts, want := new(Hosts), map[netip.Addr]uint32{}
			for range 6 {
				changes := map[netip.Addr]uint32{}
				for range 1 + rnd.IntN(120) {
					changes[randomAddr(rnd, base, base.Addr().BitLen())] = uint32(rnd.IntN(len(places)))
				}
				var list []HostChange
				for addr, number := range changes {
					list = append(list, HostChange{addr, number})
					if want[addr] = number; number == 0 {
						delete(want, addr)
					}
				}
				before := fmt.Sprint(hosts.v4.chunks, hosts.v6.chunks)
				was := hosts
				hosts = hosts.With(list)
				if after := fmt.Sprint(was.v4.chunks, was.v6.chunks); after != before {
					t.Fatal("With changed the original")
				}
				if hosts.Len() != len(want) {
					t.Fatalf("%s: %d addresses, want %d", text, hosts.Len(), len(want))
				}
				table := networks.table(t).WithHosts(new(Hosts).With([]HostChange{{base.Addr(), 1}}), NewLocations(places))
				table = table.WithHosts(hosts, NewLocations(places))
				if table.Len() != len(networks)+len(want) {
					t.Fatalf("%s: length %d, want %d", text, table.Len(), len(networks)+len(want))
				}
				found := map[netip.Addr]string{}
				for x := base.Addr(); base.Contains(x); x = x.Next() {
					found[x] = networks.find(x)
					if number := want[x]; number != 0 {
						found[x] = places[number].String()
					}
					if got := table.Find(x).String(); got != found[x] {
						t.Fatalf("%s: %s is in %q, want %q", text, x, got, found[x])
					}
				}
				for range 5 {
					x := randomAddr(rnd, base, base.Addr().BitLen())
					in := func(addr netip.Addr) string { return found[addr] }
					scope := shortestScope(base, x, in)
					if got := table.Scope(x); got != scope && scope > base.Bits() {
						t.Fatalf("%s: the scope of %s is %d, want %d", text, x, got, scope)
					}
				}
			}
		}
	}
}

// TestManyHosts has enough addresses for many chunks, and removes most of them again.
func TestManyHosts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(23, 24))
	base := netip.MustParsePrefix("10.0.0.0/8")
	hosts, want := new(Hosts), map[netip.Addr]uint32{}
	change := func(n int, number func() uint32) {
		changes := map[netip.Addr]uint32{}
		for range n {
			changes[randomAddr(rnd, base, 26)] = number()
		}
		var list []HostChange
		for addr, number := range changes {
			list = append(list, HostChange{addr, number})
			if want[addr] = number; number == 0 {
				delete(want, addr)
			}
		}
		hosts = hosts.With(list)
	}
	check := func() {
		t.Helper()
		if hosts.Len() != len(want) {
			t.Fatalf("%d addresses, want %d", hosts.Len(), len(want))
		}
		for addr, number := range want {
			if got := hosts.v4.find(addr4From(addr)); got != number {
				t.Fatalf("%s has %d, want %d", addr, got, number)
			}
		}
		for _, c := range hosts.v4.chunks {
			if n := len(c.addrs); n == 0 || n > maxChunk || cap(c.addrs) != n {
				t.Fatalf("a chunk has %d addresses", n)
			}
		}
	}
	change(50_000, func() uint32 { return 1 + uint32(rnd.IntN(9)) })
	check()
	for range 300 {
		change(100, func() uint32 { return uint32(rnd.IntN(3)) })
	}
	check()
	var gone []HostChange
	for addr := range want {
		if len(gone) < len(want)*99/100 {
			gone = append(gone, HostChange{addr, 0})
		}
	}
	for _, g := range gone {
		delete(want, g.Addr)
	}
	hosts = hosts.With(gone)
	check()
	if n := len(hosts.v4.chunks); n > 1+4*len(want)/maxChunk {
		t.Errorf("%d chunks for %d addresses", n, len(want))
	}
}

func TestLongRunsHaveALongerScope(t *testing.T) {
	place, err := ParseLocation("r/z/n")
	topologytest.Must(t, err)
	var all []HostChange
	for x, n := netip.MustParseAddr("10.0.0.0"), 0; n < 4*maxSteps; n++ {
		all = append(all, HostChange{x, 1})
		x = x.Next()
	}
	table := new(Table).WithHosts(new(Hosts).With(all), NewLocations([]*Location{nil, place}))
	scope := table.Scope(netip.MustParseAddr("10.0.2.0"))
	if scope < 22 || scope > 24 {
		t.Errorf("scope %d, want one from 22, in which all addresses are in one place, to 24", scope)
	}
	for _, end := range []string{"10.0.0.0", "10.0.3.255"} { // looked at from there in one direction alone
		if got := table.Scope(netip.MustParseAddr(end)); got != 24 {
			t.Errorf("the scope of %s is %d, want 24, as maxSteps addresses are looked at", end, got)
		}
	}
}

// TestScopeOfNetworksOfOneLength checks that addresses that are alike are in one scope, even if each
// has an entry of its own.
func TestScopeOfNetworksOfOneLength(t *testing.T) {
	place, err := ParseLocation("r/z/n")
	topologytest.Must(t, err)
	all := []HostChange{{netip.MustParseAddr("10.0.0.2"), 1}, {netip.MustParseAddr("10.0.0.3"), 1}}
	table := new(Table).WithHosts(new(Hosts).With(all), NewLocations([]*Location{nil, place}))
	for _, alike := range []bool{false, true} {
		if got := table.v4.scope(addr4From(all[0].Addr), alike); got != 31 {
			t.Errorf("alike %v: the scope is %d, want 31", alike, got)
		}
	}
}

// TestHostsThatAllGo removes all addresses, and adds one again.
func TestHostsThatAllGo(t *testing.T) {
	addr := netip.MustParseAddr("10.0.0.2")
	none := new(Hosts).With([]HostChange{{addr, 1}}).With([]HostChange{{addr, 0}})
	again := none.With([]HostChange{{addr, 2}})
	if none.Len() != 0 || none.v4.find(addr4From(addr)) != 0 || again.Len() != 1 || again.v4.find(addr4From(addr)) != 2 {
		t.Errorf("%d addresses, then %d", none.Len(), again.Len())
	}
}

// TestJoined compares joined tables with the two that they are made of.
func TestJoined(t *testing.T) {
	rnd := rand.New(rand.NewPCG(25, 26))
	longest := func(o oracle, addr netip.Addr) int {
		n := -1
		for _, e := range o {
			if e.network.Contains(addr) {
				n = max(n, e.network.Bits())
			}
		}
		return n
	}
	for _, text := range []string{"10.1.2.0/24", "fd00::ab00/120"} {
		base := netip.MustParsePrefix(text)
		for range 300 {
			one := randomOracle(rnd, rnd.IntN(20), 2, base, base.Addr().BitLen())
			other := randomOracle(rnd, rnd.IntN(20), 2, base, base.Addr().BitLen())
			table := one.table(t).joined(other.table(t))
			find := func(addr netip.Addr) string {
				if longest(other, addr) > longest(one, addr) {
					return other.find(addr)
				}
				return one.find(addr)
			}
			found := map[netip.Addr]string{}
			for x := base.Addr(); base.Contains(x); x = x.Next() {
				if found[x] = find(x); table.Find(x).String() != found[x] {
					t.Fatalf("%s is in %q, want %q", x, table.Find(x), found[x])
				}
			}
			for range 20 {
				x := randomAddr(rnd, base, base.Addr().BitLen())
				least := shortestScope(base, x, func(addr netip.Addr) string { return found[addr] })
				if got := table.Scope(x); got < least && least > base.Bits() || got > x.BitLen() {
					t.Fatalf("the scope of %s is %d, want at least %d", x, got, least)
				}
			}
			if table.Len() != len(one)+len(other) {
				t.Fatalf("length %d, want %d", table.Len(), len(one)+len(other))
			}
		}
	}
}
