package ipaddr

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// randomAddrs returns addresses of both families that share beginnings of many lengths.
func randomAddrs(n int) []netip.Addr {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := []netip.Addr{
		netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("255.255.255.255"),
		netip.MustParseAddr("::1"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:a00:1"), netip.MustParseAddr("ffff:ffff:ffff:ffff::"),
	}
	for len(all) < n {
		b := all[rnd.IntN(len(all))].AsSlice()
		for bit := rnd.IntN(8 * len(b)); bit < 8*len(b); bit++ {
			b[bit/8] ^= byte(rnd.IntN(2)) << (7 - bit%8)
		}
		if a, _ := netip.AddrFromSlice(b); !a.Is4In6() {
			all = append(all, a)
		}
	}
	return all
}

func TestConversionsKeepTheAddress(t *testing.T) {
	for _, a := range randomAddrs(2000) {
		got := FromNetip(a)
		if got.NetipAs(a.Is4()) != a {
			t.Errorf("%v becomes %v", a, got.NetipAs(a.Is4()))
		}
		if b := a.As16(); From16Bytes(b[:]) != got {
			t.Errorf("%v from bytes is %v", a, From16Bytes(b[:]))
		}
		if b := a.As16(); a.Is4() && (From4Bytes(b[:]) != got || From4Bytes(b[12:]) != got) {
			t.Errorf("%v from IPv4 bytes is %v", a, From4Bytes(b[:]))
		}
	}
}

func TestMissingBytes(t *testing.T) {
	for i, a := range []Addr{FromNetip(netip.Addr{}), From16Bytes(nil), From16Bytes(make([]byte, 17)), From4Bytes([]byte{1, 2, 3})} {
		if a != (Addr{}) {
			t.Errorf("%d: %v", i, a)
		}
	}
}

// TestAgainstNetip compares order, common bits, networks and neighbours with those of net/netip.
func TestAgainstNetip(t *testing.T) {
	all := randomAddrs(300)
	for _, a := range all {
		x := FromNetip(a)
		for _, b := range all {
			y := FromNetip(b)
			if a16, b16 := netip.AddrFrom16(a.As16()), netip.AddrFrom16(b.As16()); x.Less(y) != a16.Less(b16) {
				t.Errorf("%v before %v: %v", a, b, x.Less(y))
			}
			want := 0
			for want < 128 && commonPrefix(a, b, want+1) {
				want++
			}
			if got := x.CommonBits(y); got != want {
				t.Errorf("%v and %v share %d bits, want %d", a, b, got, want)
			}
		}
		if next, ok := x.Next(); ok != (a.As16() != netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").As16()) || ok && next.Prev() != x {
			t.Errorf("%v is followed by %v", a, next)
		}
		for length := range 129 {
			first := FromNetip(netip.AddrFrom16(a.As16()))
			network := netip.PrefixFrom(netip.AddrFrom16(a.As16()), length).Masked()
			last := FromNetip(network.Addr()).Last(length)
			if first.CommonBits(last) < length || last.Less(first) {
				t.Errorf("%v ends with %v", network, last)
			}
			if after, ok := last.Next(); ok && after.CommonBits(first) >= length {
				t.Errorf("%v goes on after %v", network, last)
			}
		}
		for skip := range 128 {
			for width := 1; width <= min(63, 128-skip); width++ {
				want := 0
				b := a.As16()
				for bit := skip; bit < skip+width; bit++ {
					want = want<<1 | int(b[bit/8]>>(7-bit%8)&1)
				}
				if got := x.Bits(skip, width); got != want {
					t.Fatalf("bits %d+%d of %v are %#x, want %#x", skip, width, a, got, want)
				}
			}
		}
	}
}

func commonPrefix(a, b netip.Addr, n int) bool {
	return netip.PrefixFrom(netip.AddrFrom16(a.As16()), n).Masked().Contains(netip.AddrFrom16(b.As16()))
}
