package rrset

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// FuzzCycle compares a turn of a weighted cycle with that of the model. Each byte is the weight of an
// address.
func FuzzCycle(f *testing.F) {
	for _, weights := range [][]byte{
		{1}, {0}, {2, 1, 1}, {255, 1}, {0, 3, 0, 3}, {1, 2, 3, 4, 5, 6, 7}, {5, 5, 5, 5, 1}, {128, 64, 32, 16, 8, 4, 2, 1}, {254, 255, 253},
	} {
		for _, turn := range []uint32{0, 1, 7, 1 << 31} {
			f.Add(weights, turn)
		}
	}
	f.Fuzz(func(t *testing.T, weights []byte, turn uint32) {
		weights = weights[:min(len(weights), 24)] // the model has a slot for each turn, and so takes long
		var w Weights
		m := &model{rotation: Cyclic, weights: []networkWeight{}}
		var set []dns.RR
		var tier []uint16
		for i, weight := range weights {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			w.Add(netip.PrefixFrom(a, 32), weight)
			m.weights = append(m.weights, networkWeight{netip.PrefixFrom(a, 32), weight})
			set, tier = append(set, address(owner, a)), append(tier, uint16(i))
		}
		new(weightedCycle).order(set, tier, &w, uint64(turn))
		var got []dns.RR
		for _, i := range tier {
			got = append(got, set[i])
		}
		if want := m.tier(set, int(turn)); !slices.Equal(got, want) {
			t.Fatalf("turn %d of weights %v\n%swant\n%s", turn, weights, lines(got), lines(want))
		}
	})
}

// FuzzCanonical compares canonical order with a stable sort by the bytes of the RDATA. The records
// are of one type and share bytes.
func FuzzCanonical(f *testing.F) {
	for kind := range uint8(5) {
		f.Add(kind, []byte("\x0a\x04\x03\x01\x0a\x04\x03\x00\x0a\x04\x03\x01\xff\x00"))
		f.Add(kind, []byte("0123456789abcdef0123456789abcdee0123456789abcdef"))
		f.Add(kind, []byte("a.b.c...a.b.\x00\\..b"))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		var set []dns.RR
		for len(b) > 0 && len(set) < 300 {
			var rr dns.RR
			rr, b = recordFrom(kind%5, b)
			set = append(set, rr)
		}
		if len(set) == 0 {
			return
		}
		before := slices.Clone(set)
		want := slices.Clone(set)
		slices.SortStableFunc(want, func(a, b dns.RR) int { return compareRdata(dns.Copy(a), dns.Copy(b)) })
		order := new(canonicalSort).sort(set)
		got := set
		if order != nil {
			got = nil
			for _, i := range order {
				got = append(got, set[i])
			}
		}
		if !slices.Equal(got, want) || !slices.Equal(set, before) {
			t.Fatalf("got\n%swant\n%s", lines(got), lines(want))
		}
	})
}

// recordFrom returns a record of one of five kinds that the first bytes of b describe, and the rest
// of b.
func recordFrom(kind uint8, b []byte) (rr dns.RR, rest []byte) {
	h := dns.RR_Header{Name: owner, Class: dns.ClassINET}
	take := func(n int) []byte {
		part := make([]byte, n)
		b = b[copy(part, b):]
		return part
	}
	name := func() string { return string([]byte{'a' + take(1)[0]%26, '.', 'A' + take(1)[0]%26, '.'}) }
	switch kind {
	case 0:
		h.Rrtype = dns.TypeA
		rr = &dns.A{Hdr: h, A: take(4)}
	case 1:
		h.Rrtype = dns.TypeAAAA
		rr = &dns.AAAA{Hdr: h, AAAA: take(16)}
	case 2:
		h.Rrtype = dns.TypeMX
		rr = &dns.MX{Hdr: h, Preference: uint16(take(1)[0]), Mx: name()}
	case 3:
		h.Rrtype = dns.TypeTXT
		rr = &dns.TXT{Hdr: h, Txt: []string{string(take(int(take(1)[0] % 5)))}}
	case 4:
		h.Rrtype = dns.TypeNS
		rr = &dns.NS{Hdr: h, Ns: name()}
	}
	return rr, b
}

// FuzzModel compares answers with the model for the random sections and configurations of any seed.
func FuzzModel(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		set := randomAddresses(rnd, min(randomSize(rnd), 300)) // more would take the model too long
		m, q := randomModel(rnd, set), randomQuery(rnd, set)
		checkAgainstModel(t, m, mixed(rnd, set, randomAddresses(rnd, 1+rnd.IntN(5))), q, 5)
	})
}
