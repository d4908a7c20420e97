package ranking

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/gaissmai/bart"
)

// boundaries are the addresses of one family, in ascending order, for which a table has another
// value than for the address before. So one binary search finds a scope.
//
//	networks      ├───────── 0 ─────────┤     ├─ 2 ─┤
//	                  ├─ 1 ─┤
//	boundaries    ↑   ↑      ↑           ↑    ↑      ↑
type boundaries []ipaddr.Addr

// newBoundaries returns the boundaries of the IPv4 and of the IPv6 addresses in t.
func newBoundaries(t *bart.Table[int]) (ip4, ip6 boundaries) {
	for n := range t.All() {
		for _, a := range []netip.Addr{n.Addr(), lastAddr(n).Next()} {
			before := a.Prev()
			switch {
			case !before.IsValid(): // a is the first address of its family, or there is no next one
			case sameValue(t, before, a):
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

// sameValue reports whether the longest matches of a and b in t have the same value. Two addresses
// without a match count as having the same.
func sameValue(t *bart.Table[int], a, b netip.Addr) bool {
	i, found := t.Lookup(a)
	j, foundToo := t.Lookup(b)
	return i == j && found == foundToo
}

// sorted returns the addresses in ascending order, each once. It overwrites its argument.
func sorted(addrs []ipaddr.Addr) boundaries {
	slices.SortFunc(addrs, func(a, b ipaddr.Addr) int {
		return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
	})
	return slices.Clip(slices.Compact(addrs))
}

// scope returns the length of the shortest prefix around a that no boundary divides. That is one
// bit more than a shares with the nearest address beyond a boundary, and 0 if there is no boundary.
// The length of an IPv4 prefix includes the ipaddr.Offset4 bits in front of the address.
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
