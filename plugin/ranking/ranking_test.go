package ranking

import (
	"cmp"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/topology"
)

// tierFor returns the tier of an address.
func tierFor(k *Ranking, a netip.Addr) uint32 { return k.Tier(ipaddr.FromNetip(a), a.Is4()) }

// distance returns how far a is from client. Distances are compared with slices.Compare: the sort
// list counts most, then the topology, then the masks. Where the topology knows both, no mask counts.
func distance(c Config, client, a netip.Addr) []int {
	if t := c.Topology; t != nil && t.Table().Find(client) != nil && t.Table().Find(a) != nil {
		noMask := maskTier(c.Masks, client, netip.Addr{})
		return []int{rankOf(c.Sortlist, client, a), -sharedLabels(t, client, a), noMask}
	}
	return []int{rankOf(c.Sortlist, client, a), -sharedLabels(c.Topology, client, a), maskTier(c.Masks, client, a)}
}

// rankOf returns the rank that the first statement for client gives to a: the number of the first
// word that holds it. Unlisted addresses come after all words, and behind them the negated words in
// reverse order.
func rankOf(statements []Statement, client, a netip.Addr) int {
	i := statementOf(statements, client)
	if i < 0 {
		return 0
	}
	words := statements[i].Preference
	for n, word := range words {
		if slices.ContainsFunc(word.Networks, func(n netip.Prefix) bool { return n.Contains(a) }) {
			if word.Negated {
				return 2*len(words) - n
			}
			return n
		}
	}
	return len(words)
}

// sharedLabels returns how many leading labels the locations of client and a have in common.
func sharedLabels(t topology.Source, client, a netip.Addr) int {
	if t == nil {
		return 0
	}
	here, there := t.Table().Find(client).String(), t.Table().Find(a).String()
	if here == "" || there == "" {
		return 0
	}
	left, right := strings.Split(here, "/"), strings.Split(there, "/")
	n := 0
	for n < min(len(left), len(right)) && left[n] == right[n] {
		n++
	}
	return n
}

// maskTier returns how many different masks there are for client under which a is on another subnet.
func maskTier(l MaskLengths, client, a netip.Addr) int {
	lengths := map[int]bool{}
	switch {
	case !client.IsValid():
	case client.Is6():
		for _, n := range l.IPv6 {
			lengths[n] = true
		}
	default:
		for _, n := range l.IPv4 {
			lengths[n] = true
		}
		for classful, n := range map[string]int{"0.0.0.0/1": 8, "128.0.0.0/2": 16, "192.0.0.0/3": 24} {
			if l.Classful && netip.MustParsePrefix(classful).Contains(client) {
				lengths[n] = true
			}
		}
	}
	tier := 0
	for n := range lengths {
		if !netip.PrefixFrom(client, n).Masked().Contains(a) {
			tier++
		}
	}
	return tier
}

// checkTiers compares the tiers of addresses for a client: equal distances must be in equal tiers,
// greater distances in greater ones.
func checkTiers(t *testing.T, c Config, client netip.Addr, addrs []netip.Addr) {
	t.Helper()
	k := rankingFor(New(c), client)
	type ranked struct {
		addr     netip.Addr
		tier     uint32
		distance []int
	}
	var all []ranked
	for _, a := range addrs {
		all = append(all, ranked{a, tierFor(k, a), distance(c, client, a)})
	}
	for _, a := range all {
		if int(a.tier) >= k.Tiers() {
			t.Fatalf("for %v, %v is in tier %d of %d", client, a.addr, a.tier, k.Tiers())
		}
		for _, b := range all {
			if got, want := cmp.Compare(a.tier, b.tier), slices.Compare(a.distance, b.distance); got != want {
				t.Fatalf("for %v, %v and %v are in the tiers %d and %d, want compared %d\n%+v",
					client, a.addr, b.addr, a.tier, b.tier, want, c)
			}
		}
	}
}

// farAndNear returns n addresses: some near a base, some anywhere, some IPv4-mapped, as AAAA records
// can have.
func farAndNear(rnd *rand.Rand, n int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		all[i] = addrNearABase(rnd)
		switch rnd.IntN(8) {
		case 0:
			all[i] = addrNear(rnd, all[i], 0)
		case 1:
			all[i] = netip.AddrFrom16(netip.AddrFrom4([4]byte{10, byte(rnd.Uint32()), 0, 1}).As16())
		}
	}
	return all
}

func TestTierAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(31, 32))
	for range 4000 {
		c := randomConfig(rnd, t, rnd.IntN(5))
		client := addrNearABase(rnd)
		if rnd.IntN(20) == 0 {
			client = netip.Addr{}
		}
		checkTiers(t, c, client, farAndNear(rnd, 12))
	}
}

// TestManyTiers has more tiers than 16 bits can number.
func TestManyTiers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(33, 34))
	for range 20 {
		var c Config
		for n := range 33 {
			c.Masks.IPv4 = append(c.Masks.IPv4, n)
		}
		for n := range 129 {
			c.Masks.IPv6 = append(c.Masks.IPv6, n)
		}
		st := Statement{Clients: network.Any}
		for range 500 {
			n := networkNearABase(rnd)
			for n.Bits() < 4 {
				n = networkNearABase(rnd)
			}
			st.Preference = append(st.Preference, Word{Networks: []netip.Prefix{n}, Negated: rnd.IntN(2) == 0})
		}
		c.Sortlist = []Statement{st}
		c.Topology = fixed{table: randomTable(rnd, t)}
		client := addrNearABase(rnd)
		if tiers := rankingFor(New(c), client).Tiers(); tiers <= math.MaxUint16+1 {
			t.Fatalf("%d tiers", tiers)
		}
		checkTiers(t, c, client, farAndNear(rnd, 60))
	}
}

// TestTiersAreCounted has the number of tiers of each part of a ranking, and of all together.
func TestTiersAreCounted(t *testing.T) {
	masks := MaskLengths{IPv4: []int{24, 20, 24}, IPv6: []int{64}, Classful: true}
	list := []Statement{{
		Clients:    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Preference: []Word{{Networks: network.Any}, {Networks: network.Any, Negated: true}},
	}}
	var b topology.Builder
	if err := b.Add(netip.MustParsePrefix("10.0.0.0/8"), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		c      Config
		client string
		want   int
		tables bool
	}{
		{"nothing", Config{}, "10.0.0.1", 1, false},
		{"masks", Config{Masks: masks}, "10.0.0.1", 4, false},
		{"masks, one of them the classful network", Config{Masks: masks}, "192.0.2.1", 3, false},
		{"masks, no classful network", Config{Masks: masks}, "224.0.0.1", 3, false},
		{"masks of IPv6", Config{Masks: masks}, "2001:db8::1", 2, false},
		{"sort list", Config{Sortlist: list}, "10.0.0.1", 5, true},
		{"sort list for other clients", Config{Sortlist: list}, "11.0.0.1", 1, false},
		{"topology", Config{Topology: fixed{table: table}}, "192.0.2.1", 4, true},
		{"empty topology", Config{Topology: fixed{}}, "192.0.2.1", 1, false},
		{"all", Config{Masks: masks, Sortlist: list, Topology: fixed{table: table}}, "10.0.0.1", 4 * 5 * 4, true},
	} {
		k := rankingFor(New(tt.c), netip.MustParseAddr(tt.client))
		if k.Tiers() != tt.want || k.HasTables() != tt.tables {
			t.Errorf("%s: %d tiers, tables %v, want %d, %v", tt.name, k.Tiers(), k.HasTables(), tt.want, tt.tables)
		}
		if k.Client() != ipaddr.FromNetip(netip.MustParseAddr(tt.client)) {
			t.Errorf("%s: the client is %v", tt.name, k.Client())
		}
	}
}

// TestMasksRankWhatTheTopologyCannot has addresses on the client's subnet and on others, in its zone,
// in another zone and in none. Where the places are known, the subnet does not matter.
func TestMasksRankWhatTheTopologyCannot(t *testing.T) {
	var b topology.Builder
	for n, location := range map[string]string{
		"10.4.3.0/25": "region/a", "10.4.3.128/26": "region/b", "192.0.2.0/24": "region/a", "203.0.113.0/24": "far",
	} {
		if err := b.Add(netip.MustParsePrefix(n), location); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Table()
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{Masks: MaskLengths{IPv4: []int{24}}, Topology: fixed{table: table}})
	for _, test := range []struct {
		client string
		tiers  map[string]uint32 // of 6: 3 by the topology, and each in 2 by the mask
	}{
		{"10.4.3.2", map[string]uint32{
			"10.4.3.7": 1, "192.0.2.1": 1, "10.4.3.130": 3, "203.0.113.1": 5,
			"10.4.3.200": 4, "198.51.100.1": 5, // in no place, on the client's subnet and elsewhere
		}},
		{"10.4.3.201", map[string]uint32{ // in no place
			"10.4.3.7": 4, "10.4.3.130": 4, "10.4.3.200": 4, "192.0.2.1": 5, "198.51.100.1": 5,
		}},
	} {
		k := rankingFor(r, netip.MustParseAddr(test.client))
		for addr, tier := range test.tiers {
			if got := tierFor(k, netip.MustParseAddr(addr)); got != tier {
				t.Errorf("for %s, %s is in tier %d, want %d", test.client, addr, got, tier)
			}
		}
	}
}

// TestClientWithoutAnAddress checks that all addresses are in one tier for such a client, whatever
// the configuration.
func TestClientWithoutAnAddress(t *testing.T) {
	rnd := rand.New(rand.NewPCG(35, 36))
	c := Config{
		Masks:    MaskLengths{IPv4: []int{0, 8}, IPv6: []int{0, 64}, Classful: true},
		Sortlist: []Statement{{Clients: network.Any, Preference: []Word{{Networks: network.Any[:1]}}}},
		Topology: fixed{table: randomTable(rnd, t)},
	}
	k := rankingFor(New(c), netip.Addr{})
	for _, a := range farAndNear(rnd, 100) {
		if got, want := tierFor(k, a), uint32(k.Tiers()-1); got != want {
			t.Errorf("%v is in tier %d, want %d", a, got, want)
		}
	}
}
