package ranking

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// randomNetwork returns a network of either family, of any length, that often overlaps others.
func randomNetwork(rnd *rand.Rand) netip.Prefix {
	b := []byte{10, byte(rnd.IntN(2)), byte(rnd.Uint32()), byte(rnd.Uint32())}
	if rnd.IntN(3) == 0 {
		b = append([]byte{0x20, 0x01, 0x0d, 0xb8}, make([]byte, 12)...)
		b[4+rnd.IntN(12)] = byte(rnd.Uint32())
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1)).Masked()
}

// TestThousandsOfStatements compares a long sort list with a search from its first statement on.
func TestThousandsOfStatements(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for _, n := range []int{1, 10, 3000} {
		statements := make([]Statement, n)
		for i := range statements {
			for range 1 + rnd.IntN(2) {
				network := randomNetwork(rnd)
				for network.Bits() == 0 {
					network = randomNetwork(rnd)
				}
				statements[i].Clients = append(statements[i].Clients, network)
			}
		}
		l := newSortlist(statements)
		for range 300 {
			client := randomNetwork(rnd).Addr()
			want := slices.IndexFunc(statements, func(s Statement) bool {
				return slices.ContainsFunc(s.Clients, func(n netip.Prefix) bool { return n.Contains(client) })
			})
			got := -1
			if found := l.find(client); found != nil {
				got = slices.Index(l.preferences, found)
			}
			if got != want {
				t.Fatalf("%d statements: %v has statement %d, want %d", n, client, got, want)
			}
		}
	}
}
