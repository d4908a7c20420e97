package topology

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// oracle is a table that is searched from front to back.
type oracle []struct {
	network  netip.Prefix
	location string
}

func (o oracle) find(addr netip.Addr) string {
	addr = addr.Unmap()
	found, longest := "", -1
	for _, e := range o {
		if e.network.Contains(addr) && e.network.Bits() > longest {
			found, longest = e.location, e.network.Bits()
		}
	}
	return found
}

func (o oracle) table(tb testing.TB) *Table {
	tb.Helper()
	var b Builder
	for _, e := range o {
		if err := b.Add(e.network, e.location); err != nil {
			tb.Fatal(err)
		}
	}
	t, err := b.Table()
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func (o *oracle) add(network netip.Prefix, location string) {
	for _, e := range *o {
		if e.network == network {
			return
		}
	}
	*o = append(*o, struct {
		network  netip.Prefix
		location string
	}{network, location})
}

// randomOracle returns up to n networks inside base, so dense that many contain or touch others.
func randomOracle(rnd *rand.Rand, n, locations int, base netip.Prefix, narrowest int) oracle {
	var o oracle
	for range n {
		length := base.Bits() + rnd.IntN(narrowest-base.Bits()+1)
		o.add(netip.PrefixFrom(randomAddr(rnd, base, narrowest), length).Masked(), fmt.Sprintf("r%d/z", rnd.IntN(locations)))
	}
	return o
}

// randomAddr returns the address of base with random bits between its length and narrowest.
func randomAddr(rnd *rand.Rand, base netip.Prefix, narrowest int) netip.Addr {
	b := base.Addr().AsSlice()
	for i := base.Bits(); i < narrowest; i++ {
		if rnd.IntN(2) == 1 {
			b[i/8] ^= 0x80 >> (i % 8)
		}
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// edges returns the first and last address of each network, and the addresses next to them outside.
func (o oracle) edges() []netip.Addr {
	var found []netip.Addr
	for _, e := range o {
		first := e.network.Addr()
		last := first
		if first.Is4() {
			last = addr4From(first).Last(e.network.Bits()).Netip()
		} else {
			last = ipaddr.FromNetip(first).Last(e.network.Bits()).Netip()
		}
		for _, a := range []netip.Addr{first, first.Prev(), last, last.Next()} {
			if a.IsValid() {
				found = append(found, a)
			}
		}
	}
	return found
}

var spaces = []struct {
	base      string
	narrowest int
}{
	{"0.0.0.0/0", 32},
	{"0.0.0.0/0", 4},
	{"10.0.0.0/8", 24},
	{"10.1.2.0/24", 32},
	{"255.255.255.0/24", 32},
	{"::/0", 128},
	{"::/0", 5},
	{"2001:db8::/32", 64},
	{"2001:db8::/56", 72},
	{"fd00:0:0:1::/64", 128},
	{"fd00::ffff:0/112", 128},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120", 128},
}

func TestFindIsLongestPrefix(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, space := range spaces {
		base := netip.MustParsePrefix(space.base)
		for _, n := range []int{0, 1, 2, 3, 10, 100, 400} {
			o := randomOracle(rnd, n, 3, base, space.narrowest)
			table := o.table(t)
			if table.Len() != len(o) {
				t.Fatalf("%s: %d networks, want %d", space.base, table.Len(), len(o))
			}
			addrs := o.edges()
			for range 200 {
				addrs = append(addrs, randomAddr(rnd, base, base.Addr().BitLen()))
			}
			for _, addr := range addrs {
				if got, want := table.Find(addr).String(), o.find(addr); got != want {
					t.Fatalf("%s with %d networks: %s is in %q, want %q", space.base, n, addr, got, want)
				}
			}
		}
	}
}

// TestLargeTables has tables with fewer and more spans than the index has elements.
func TestLargeTables(t *testing.T) {
	for _, n := range []int{20_000, 100_000} {
		for _, six := range []bool{false, true} {
			o := manyNetworks(n, six)
			table := o.table(t)
			spans := len(table.v4.networks.starts) + len(table.v6.networks.starts)
			if spans > 1<<maxIndexBits != (n == 100_000) {
				t.Errorf("%d networks have %d spans", n, spans)
			}
			if size := len(table.v4.networks.index) + len(table.v6.networks.index); size > 1<<maxIndexBits+1 {
				t.Errorf("%d networks have an index of %d numbers", n, size)
			}
			locations := map[netip.Prefix]string{}
			for _, e := range o {
				locations[e.network] = e.location
			}
			for _, addr := range o[:5_000].edges() {
				want := ""
				for length := addr.BitLen(); length > 0 && want == ""; length-- {
					want = locations[netip.PrefixFrom(addr, length).Masked()]
				}
				if got := table.Find(addr).String(); got != want {
					t.Fatalf("%d networks: %s is at %q, want %q", n, addr, got, want)
				}
			}
		}
	}
}

// TestBuilderGoesOn adds networks after a table was made.
func TestBuilderGoesOn(t *testing.T) {
	var b Builder
	add := func(network, location string) {
		topologytest.Must(t, b.Add(netip.MustParsePrefix(network), location))
	}
	add("10.0.0.0/8", "a")
	add("::/0", "a/b")
	first, err := b.Table()
	topologytest.Must(t, err)
	add("10.0.0.0/16", "c")
	second, err := b.Table()
	topologytest.Must(t, err)
	if got := lines(first); got != "10.0.0.0/8 a\n::/0 a/b\n" {
		t.Errorf("the first table is\n%s", got)
	}
	if got := second.Find(netip.MustParseAddr("10.0.0.1")).String(); got != "c" || second.Len() != 3 {
		t.Errorf("10.0.0.1 is at %q, want c", got)
	}
	add("10.0.0.0/8", "d")
	var twice *DuplicateError
	if _, err := b.Table(); !errors.As(err, &twice) || twice.First != 0 || twice.Second != 3 ||
		err.Error() != "10.0.0.0/8 was added twice" {
		t.Errorf("error %v", err)
	}
}

// TestEarliestDuplicate adds networks of both families twice, in each order.
func TestEarliestDuplicate(t *testing.T) {
	for _, networks := range [][]string{
		{"10.0.0.0/8", "::/0", "10.0.0.0/8", "::/0"},
		{"10.0.0.0/8", "::/0", "::/0", "10.0.0.0/8"},
		{"10.0.0.0/8", "11.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"},
		{"10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8"},
	} {
		var b Builder
		for _, n := range networks {
			topologytest.Must(t, b.Add(netip.MustParsePrefix(n), "a"))
		}
		var twice *DuplicateError
		if _, err := b.Table(); !errors.As(err, &twice) || twice.Second != 2 || twice.Network.String() != networks[2] {
			t.Errorf("%v: error %v", networks, err)
		}
	}
}

// TestScope looks at every network of one length in small spaces.
func TestScope(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, base := range []string{"0.0.0.0/0", "192.168.255.248/29", "::/0", "fd00::8000:0:0:0/66", "2001:db8::f8/125"} {
		p := netip.MustParsePrefix(base)
		narrowest := min(p.Bits()+5, p.Addr().BitLen())
		addrs := slices.Collect(blocks(p, narrowest))
		for range 100 {
			o := randomOracle(rnd, rnd.IntN(8), 2, p, narrowest)
			table := o.table(t)
			for _, addr := range addrs {
				checkScope(t, o, table, p, addrs, addr)
			}
		}
	}
}

// checkScope compares the scope of addr with the length of the shortest prefix around it in which all
// addrs have the same location. Outside of base no address has one.
func checkScope(t *testing.T, o oracle, table *Table, base netip.Prefix, addrs []netip.Addr, addr netip.Addr) {
	t.Helper()
	want := addr.BitLen()
	for want > 0 {
		around := netip.PrefixFrom(addr, want-1).Masked()
		same := want > base.Bits() || o.find(addr) == ""
		for _, other := range addrs {
			same = same && (!around.Contains(other) || o.find(other) == o.find(addr))
		}
		if !same {
			break
		}
		want--
	}
	if got := table.Scope(addr); got != want {
		t.Fatalf("the scope of %s is %d, want %d, in %v", addr, got, want, o)
	}
}

// blocks yields the first address of every network of the given length in base.
func blocks(base netip.Prefix, length int) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for n := range 1 << (length - base.Bits()) {
			b := base.Addr().AsSlice()
			for i := range length - base.Bits() {
				if n&(1<<i) != 0 {
					b[(length-1-i)/8] |= 0x80 >> ((length - 1 - i) % 8)
				}
			}
			if addr, _ := netip.AddrFromSlice(b); !yield(addr) {
				return
			}
		}
	}
}

func TestEmptyTable(t *testing.T) {
	built, err := new(Builder).Table()
	topologytest.Must(t, err)
	for name, table := range map[string]*Table{"nil": nil, "zero": {}, "built": built} {
		for _, addr := range []netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")} {
			if table.Find(addr) != nil || table.Scope(addr) != 0 || table.Len() != 0 || table.Depth() != 0 {
				t.Errorf("the %s table is not empty for %s", name, addr)
			}
		}
	}
}

func TestKindsOfAddresses(t *testing.T) {
	var o oracle
	o.add(netip.MustParsePrefix("10.0.0.0/8"), "four")
	o.add(netip.MustParsePrefix("::/0"), "six")
	o.add(netip.MustParsePrefix("fe80::/64"), "link")
	table := o.table(t)
	for _, test := range []struct {
		addr, location string
		scope          int
	}{
		{"10.1.2.3", "four", 8},
		{"::ffff:10.1.2.3", "four", 8},
		{"::ffff:11.1.2.3", "", 8},
		{"11.1.2.3", "", 8},
		{"::", "six", 1},
		{"fe80::1%eth0", "link", 64},
	} {
		addr := netip.MustParseAddr(test.addr)
		if got := table.Find(addr).String(); got != test.location {
			t.Errorf("%s is at %q, want %q", addr, got, test.location)
		}
		if got := table.Scope(addr); got != test.scope {
			t.Errorf("the scope of %s is %d, want %d", addr, got, test.scope)
		}
	}
	if table.Find(netip.Addr{}) != nil || table.Scope(netip.Addr{}) != 0 {
		t.Error("an invalid address has a location")
	}
}

func TestBuilderRefuses(t *testing.T) {
	for network, location := range map[string]string{"10.0.0.1/8": "a", "10.0.0.0/8": "a b", "::ffff:0:0/90": "a"} {
		var b Builder
		if err := b.Add(netip.MustParsePrefix(network), location); err == nil {
			t.Errorf("%s at %q was added", network, location)
		}
		if table, err := b.Table(); err != nil || table.Len() != 0 {
			t.Errorf("something was added with an error: %v", err)
		}
	}
	var b Builder
	if b.Add(netip.Prefix{}, "a") == nil {
		t.Error("an invalid network was added")
	}
}

func TestLookingUpDoesNotAllocate(t *testing.T) {
	table := randomOracle(rand.New(rand.NewPCG(9, 10)), 100, 5, netip.MustParsePrefix("::/0"), 20).table(t)
	addr := netip.MustParseAddr("1234::")
	l := location(t, "r0/z")
	if got := testing.AllocsPerRun(100, func() {
		table.Find(addr).Shared(l)
		table.Scope(addr)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
