package ranking

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// TestMasksOfEachClass has the tiers of addresses that share more and more bits with a client, by a
// /28, a /12 and the classful network.
func TestMasksOfEachClass(t *testing.T) {
	r := New(Config{Masks: MaskLengths{IPv4: []int{12, 28}, IPv6: []int{48, 64}, Classful: true}})
	for _, tt := range []struct {
		client string
		tiers  map[string]uint32
	}{
		{"10.64.3.2", map[string]uint32{"10.64.3.15": 0, "10.64.3.16": 1, "10.80.0.0": 2, "11.64.3.2": 3, "2001:db8::1": 3}},
		{"127.255.255.255", map[string]uint32{"127.0.0.1": 2, "128.0.0.0": 3}},
		{"128.0.0.0", map[string]uint32{"128.0.255.255": 1, "128.1.0.0": 2, "128.16.0.0": 3, "127.255.255.255": 3}},
		{"191.255.0.1", map[string]uint32{"191.255.0.15": 0, "191.255.255.255": 1, "191.254.0.1": 2, "191.239.0.1": 3}},
		{"192.0.0.1", map[string]uint32{"192.0.0.15": 0, "192.0.0.255": 1, "192.0.1.0": 2, "192.16.0.0": 3}},
		{"223.255.255.255", map[string]uint32{"223.255.255.0": 1, "223.255.254.0": 2, "224.0.0.0": 3}},
		{"224.0.0.1", map[string]uint32{"224.0.0.2": 0, "224.0.0.16": 1, "224.16.0.0": 2, "2001:db8::1": 2}},
		{"2001:db8::1", map[string]uint32{
			"2001:db8::ffff:ffff:ffff:ffff": 0, "2001:db8:0:1::": 1, "2001:db8:1::": 2, "192.0.2.1": 2, "::ffff:192.0.2.1": 2,
		}},
	} {
		k := rankingFor(r, netip.MustParseAddr(tt.client))
		for addr, want := range tt.tiers {
			if got := tierFor(k, netip.MustParseAddr(addr)); got != want {
				t.Errorf("for %s, %s is in tier %d, want %d", tt.client, addr, got, want)
			}
		}
	}
}

// TestMasksAgainstModel compares the tiers by masks alone with a count of the masks that an address
// is outside of.
func TestMasksAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(37, 38))
	for range 2000 {
		l := MaskLengths{Classful: rnd.IntN(2) == 0}
		for range rnd.IntN(6) {
			l.IPv4, l.IPv6 = append(l.IPv4, rnd.IntN(33)), append(l.IPv6, rnd.IntN(129))
		}
		client := addrNearABase(rnd)
		k := rankingFor(New(Config{Masks: l}), client)
		for _, a := range append(farAndNear(rnd, 10), addrNear(rnd, client, 0), addrNear(rnd, client, client.BitLen()/2)) {
			want := uint32(maskTier(l, client, a))
			byMasks := k.ByMasks(a.Is4())
			if got := byMasks.Tier(ipaddr.FromNetip(a)); got != want || tierFor(k, a) != want {
				t.Fatalf("%+v: for %v, %v is in tier %d by masks and in tier %d of all, want %d",
					l, client, a, got, tierFor(k, a), want)
			}
		}
	}
}

// TestScopeOfMasks has the shortest scopes that masks allow. Where only the class of a client
// matters, its first three bits do.
func TestScopeOfMasks(t *testing.T) {
	for _, tt := range []struct {
		masks  MaskLengths
		client string
		want   int
	}{
		{MaskLengths{}, "10.4.3.2", 0},
		{MaskLengths{IPv4: []int{16, 28, 8}}, "10.4.3.2", 28},
		{MaskLengths{IPv4: []int{16, 28, 8}}, "2001:db8::1", 0},
		{MaskLengths{IPv6: []int{56, 32}}, "2001:db8::1", 56},
		{MaskLengths{IPv6: []int{56, 32}}, "10.4.3.2", 0},
		{MaskLengths{Classful: true}, "10.4.3.2", 8},
		{MaskLengths{Classful: true}, "172.16.0.1", 16},
		{MaskLengths{Classful: true}, "192.0.2.1", 24},
		{MaskLengths{Classful: true}, "224.0.0.1", 3},
		{MaskLengths{Classful: true, IPv4: []int{2}}, "224.0.0.1", 3},
		{MaskLengths{Classful: true, IPv4: []int{4}}, "224.0.0.1", 4},
		{MaskLengths{IPv4: []int{2}}, "224.0.0.1", 2},
	} {
		k := rankingFor(New(Config{Masks: tt.masks}), netip.MustParseAddr(tt.client))
		if got := k.Scope(); got != tt.want {
			t.Errorf("%+v: the scope of %s is %d, want %d", tt.masks, tt.client, got, tt.want)
		}
	}
}

// TestConfigIsNotKept checks that a caller may reuse the lengths that a Ranker was made from.
func TestConfigIsNotKept(t *testing.T) {
	l := MaskLengths{IPv4: make([]int, 1, 4), Classful: true}
	l.IPv4[0] = 24
	k := rankingFor(New(Config{Masks: l}), netip.MustParseAddr("10.4.3.2"))
	l.IPv4[0] = 8
	if got := tierFor(k, netip.MustParseAddr("10.4.4.1")); got != 1 {
		t.Errorf("10.4.4.1 is in tier %d, want 1", got)
	}
}

func TestOneTier(t *testing.T) {
	one := OneTier()
	for _, a := range farAndNear(rand.New(rand.NewPCG(39, 40)), 50) {
		if got := one.Tier(ipaddr.FromNetip(a)); got != 0 {
			t.Errorf("%v is in tier %d", a, got)
		}
	}
}
