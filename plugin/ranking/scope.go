package ranking

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/gaissmai/bart"
)

// boundaries are the addresses of one family, in ascending order, whose longest match in a table is
// another one than that of the address before. With them a scope takes one binary search:
//
//	networks     ├───────── 0 ─────────┤
//	                  ├─ 1 ─┤                ├─ 2 ─┤
//	boundaries   ↑    ↑     ↑           ↑    ↑     ↑
type boundaries []ipaddr.Addr

// newBoundaries returns the boundaries of the IPv4 and of the IPv6 addresses in t.
func newBoundaries(t *bart.Table[int]) (ip4, ip6 boundaries) {
	for n := range t.All() {
		for _, a := range []netip.Addr{n.Addr(), lastAddr(n).Next()} {
			switch before := a.Prev(); {
			case !before.IsValid() || sameMatch(t, before, a): // or a is not valid: n has the last address of all
			case a.Is4():
				ip4 = append(ip4, ipaddr.FromNetip(a))
			default:
				ip6 = append(ip6, ipaddr.FromNetip(a))
			}
		}
	}
	return sorted(ip4), sorted(ip6)
}

// lastAddr returns the last address of n.
func lastAddr(n netip.Prefix) netip.Addr {
	first := n.Addr()
	offset := ipaddr.Addr{}.Size() - first.BitLen()
	return ipaddr.FromNetip(first).Last(offset + n.Bits()).NetipAs(first.Is4())
}

// sameMatch reports whether the longest matches of a and b in t have the same value, or neither has
// a match.
func sameMatch(t *bart.Table[int], a, b netip.Addr) bool {
	i, found := t.Lookup(a)
	j, foundToo := t.Lookup(b)
	return i == j && found == foundToo
}

// sorted returns the addresses in ascending order, each once. It overwrites its argument.
func sorted(addrs []ipaddr.Addr) boundaries {
	slices.SortFunc(addrs, func(a, b ipaddr.Addr) int {
		switch {
		case a.Less(b):
			return -1
		case b.Less(a):
			return 1
		}
		return 0
	})
	return slices.Clip(slices.Compact(addrs))
}

// scope returns the length of the shortest prefix around a that no boundary divides: one bit more
// than a shares with the nearest address on the other side of a boundary. Like all lengths of an
// ipaddr.Addr, it counts the bits in front of an IPv4 address; it is 0 if there is no boundary.
func (b boundaries) scope(a ipaddr.Addr) int {
	above := sort.Search(len(b), func(i int) bool { return a.Less(b[i]) })
	length := 0
	if above > 0 {
		length = a.CommonBits(b[above-1].Prev()) + 1
	}
	if above < len(b) {
		length = max(length, a.CommonBits(b[above])+1)
	}
	return length
}
