package ordering

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/miekg/dns"
)

// A sortKey is a record with what it is sorted by: hi, then lo.
type sortKey struct {
	hi, lo uint64
	member uint16
	tier   uint32
}

func compareKeys(a, b sortKey) int {
	switch {
	case a.hi != b.hi:
		return cmp.Compare(a.hi, b.hi)
	case a.lo != b.lo:
		return cmp.Compare(a.lo, b.lo)
	}
	return cmp.Compare(a.member, b.member)
}

// sortMembers makes the canonical order the base order, and puts tiers in it too: by RDATA octets, RFC 4034 section 6.3.
func (s *scratch) sortMembers(set []dns.RR, tiers []uint32) {
	addresses := isAddress(set[0])
	if addresses && isCanonical(set) {
		return
	}
	s.sorted = true
	s.receive(len(set))
	if !addresses { // these are in one tier
		sortByRdata(set, s.base)
		return
	}
	s.keys = sized(s.keys, len(set))
	for i, rr := range set {
		o := octetsOf(rr)
		s.keys[i] = sortKey{hi: o.hi, lo: o.lo, member: uint16(i), tier: tiers[i]}
	}
	slices.SortFunc(s.keys, compareKeys)
	for i, k := range s.keys {
		s.base[i], tiers[i] = k.member, k.tier
	}
}

// isCanonical reports whether the addresses in set stand in canonical order already.
func isCanonical(set []dns.RR) bool {
	last := octets{}
	for _, rr := range set {
		o := octetsOf(rr)
		if o.hi < last.hi || o.hi == last.hi && o.lo < last.lo {
			return false
		}
		last = o
	}
	return true
}

// sortByRdata sorts records without an address. It packs each of them, so it allocates; such types are ordered on request.
func sortByRdata(set []dns.RR, members []uint16) {
	rdata := make([][]byte, len(set))
	for i, rr := range set {
		header := dns.RFC3597{Hdr: *rr.Header()}
		wire := make([]byte, dns.Len(rr))
		// A record that cannot be packed cannot be sent either, so that its place does not matter.
		if n, err := dns.PackRR(rr, wire, 0, nil, false); err == nil {
			rdata[i] = wire[min(dns.Len(&header), n):n] // shorter with an empty owner, which is no name
		}
	}
	slices.SortStableFunc(members, func(a, b uint16) int { return bytes.Compare(rdata[a], rdata[b]) })
}
