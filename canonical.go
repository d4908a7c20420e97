package ordering

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

// sortMembers makes the canonical order the base order, and puts tiers in it too: by RDATA octets, RFC 4034 section 6.3.
func (s *scratch) sortMembers(set []dns.RR, tiers []uint32) {
	if !isAddress(set[0]) { // these are in one tier
		s.receive(len(set))
		sortByRdata(set, s.base)
		s.sorted = true
		return
	}
	if isCanonical(set) {
		return
	}
	s.receive(len(set))
	s.octets = sized(s.octets, len(set))
	for i, rr := range set {
		s.octets[i] = octetsOf(rr)
	}
	if len(set) <= few {
		s.sortFew()
	} else {
		s.sortMany()
	}
	s.sorted = true
	s.ranks = append(s.ranks[:0], tiers...)
	for i, m := range s.base {
		tiers[i] = s.ranks[m]
	}
}

// isCanonical reports whether the addresses in set stand in canonical order already.
func isCanonical(set []dns.RR) bool {
	last := octets{}
	for _, rr := range set {
		o := octetsOf(rr)
		if o.before(last) {
			return false
		}
		last = o
	}
	return true
}

// before reports whether o stands in front of p in canonical order.
func (o octets) before(p octets) bool { return o.hi < p.hi || o.hi == p.hi && o.lo < p.lo }

// few is how many records are sorted faster by insertion.
const few = 24

// sortFew sorts base by s.octets, stably, by insertion.
func (s *scratch) sortFew() {
	base, all := s.base, s.octets
	for i := 1; i < len(base); i++ {
		m := base[i]
		at := i
		for ; at > 0 && all[m].before(all[base[at-1]]); at-- {
			base[at] = base[at-1]
		}
		base[at] = m
	}
}

// sortMany sorts base by s.octets, stably, by radix: octet after octet from the last to the first, but for those that are alike in
// all. Its time grows with the number of records and no faster.
func (s *scratch) sortMany() {
	all := s.octets
	var differ octets
	for _, o := range all {
		differ.hi, differ.lo = differ.hi|o.hi^all[0].hi, differ.lo|o.lo^all[0].lo
	}
	s.order, s.places = sized(s.order, len(all)), sized(s.places, 256)
	for shift := 0; shift < 128; shift += 8 {
		if differ.octet(shift) == 0 {
			continue
		}
		clear(s.places) // of each value of the octet: how many, and then where the next one goes
		for _, o := range all {
			s.places[o.octet(shift)]++
		}
		at := uint16(0)
		for i, n := range s.places {
			s.places[i] = at
			at += n
		}
		for _, m := range s.base {
			p := &s.places[all[m].octet(shift)]
			s.order[*p] = m
			*p++
		}
		s.base, s.order = s.order, s.base
	}
}

// octet returns the octet of o that begins shift bits from its end.
func (o octets) octet(shift int) uint8 {
	if shift < 64 {
		return uint8(o.lo >> shift)
	}
	return uint8(o.hi >> (shift - 64))
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
