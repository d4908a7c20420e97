package ordering

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestCanonicalOrder compares canonical base order with a stable sort by the octets, RFC 4034 section 6.3, for sets that differ in any
// octet and have some addresses twice.
func TestCanonicalOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4034, 6))
	p := policyOf(t, "ordering {\nlocal_net_priority off\nround_robin off\nbase_order canonical\n}")
	for _, n := range []int{2, 3, few - 1, few, few + 1, 100, 1000} {
		for octet := range 20 {
			in := make([]dns.RR, n)
			for i := range in {
				var a [16]byte
				if octet >= 16 {
					a = [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2}
				}
				for at := range a {
					if at == octet%16 || at == (octet+5)%16 || octet >= 16 && at == octet-4 {
						a[at] = byte(rnd.Uint32())
					}
				}
				in[i] = address(hot, netip.AddrFrom16(a))
				if octet >= 16 {
					in[i] = address(hot, netip.AddrFrom4([4]byte(a[12:])))
				}
			}
			want := slices.Clone(in)
			slices.SortStableFunc(want, func(a, b dns.RR) int { return bytes.Compare(rdataOf(a), rdataOf(b)) })
			q := query{ranking: p.ranking(netip.MustParseAddr("192.0.2.1")), canonical: true}
			if got := p.order(in, &q, hot); !slices.Equal(got, want) {
				t.Fatalf("%d addresses that differ in octet %d:\n%s\nwant\n%s", n, octet, lines(got), lines(want))
			}
		}
	}
}

func rdataOf(rr dns.RR) []byte {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A
	case *dns.AAAA:
		return rr.AAAA
	}
	return nil
}
