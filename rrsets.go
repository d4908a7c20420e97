package ordering

import (
	"math/bits"
	"strings"
	"unsafe"

	"github.com/miekg/dns"
)

// A run is a stretch of one RRset, from index first to before end. next is the run in which the RRset goes on, 0 when it
// does not.
type run struct {
	first, end, next uint16
	continues        bool // an earlier run of the RRset
}

// survey finds the RRsets of in that a orders and the tiers of their records, and whether there is an alias among the rest.
func (s *scratch) survey(in []dns.RR, a *arranger, k *ranking) {
	for i := 0; i < len(in); {
		h := in[i].Header()
		if !a.types.has(h.Rrtype) {
			s.aliases = s.aliases || isAlias(in[i])
			i++
			continue
		}
		end := i + k.rankRun(h, in[i:], s.tiers[i:])
		s.runs[s.runEnd] = run{first: uint16(i), end: uint16(end)}
		s.runEnd++
		i = end
	}
	if s.runEnd > 1 {
		s.joinRuns(in, a.turns.secret)
	}
}

// rankRun returns how many records of in, from the first on, are of the RRset with header h, and writes their tiers. Both are found in
// one loop, as it is the one that a query spends most time in: every record is fetched from memory once.
func (k *ranking) rankRun(h *dns.RR_Header, in []dns.RR, tiers []uint32) int {
	tiers = tiers[:len(in)]
	near, client, tables := k.nearness(in[0]), k.client, k.hasTables() && isAddress(in[0])
	for i, rr := range in {
		var other *dns.RR_Header
		var o octets
		switch rr := rr.(type) { // costs less than a call of Header
		case *dns.A:
			other, o = &rr.Hdr, octetsOf4(rr.A)
		case *dns.AAAA:
			other, o = &rr.Hdr, octetsOf6(rr.AAAA)
		default:
			other, o = rr.Header(), nowhere
		}
		// This is sameRRset, which is too much for the compiler to inline, and what is the quickest to see in front of it.
		if h.Rrtype != other.Rrtype || h.Class != other.Class ||
			!oneString(h.Name, other.Name) && h.Name != other.Name && !strings.EqualFold(h.Name, other.Name) {
			return i
		}
		t := uint32(near[client.shared(o)])
		if tables {
			t = k.tableTier(o.addr(), t)
		}
		tiers[i] = t
	}
	return len(in)
}

// joinRuns chains the runs that belong to one RRset. It finds them by a hash of owner, class and type, so that an answer with a
// thousand RRsets (the SRV of a large headless service) costs a thousand steps and not a million.
func (s *scratch) joinRuns(in []dns.RR, k secret) {
	runs := s.runs[:s.runEnd]
	s.heads = sized(s.heads, 2<<bits.Len(uint(len(runs))))
	clear(s.heads) // heads holds the newest run of an RRset, counted from 1
	for r := range runs {
		h := in[runs[r].first].Header()
		at := k.mix(k.owner(h.Name), uint64(h.Class)<<16|uint64(h.Rrtype)) % uint64(len(s.heads))
		for s.heads[at] != 0 {
			last := &runs[s.heads[at]-1]
			if sameRRset(h, in[last.first].Header()) {
				last.next, runs[r].continues = uint16(r), true
				break
			}
			at = (at + 1) % uint64(len(s.heads))
		}
		s.heads[at] = uint16(r) + 1
	}
}

// sameRRset reports whether records with these headers are of one RRset: same owner (case-insensitive), class and type, RFC
// 2181 section 5.
func sameRRset(a, b *dns.RR_Header) bool {
	return a.Rrtype == b.Rrtype && a.Class == b.Class && (a.Name == b.Name || strings.EqualFold(a.Name, b.Name))
}

// oneString reports whether a and b are one string in memory, as the owners of an RRset are where one plugin made all its records. It
// reads no octet of them.
func oneString(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b)
}

// gather returns the records and the tiers of the RRset that begins with run r, in the order received; none if r goes on with an
// RRset that began before. Those of one run are a part of in, those of several a copy.
func (s *scratch) gather(in []dns.RR, r int) ([]dns.RR, []uint32) {
	p := &s.runs[r]
	switch {
	case p.continues:
		return nil, nil
	case p.next == 0:
		return in[p.first:p.end], s.tiers[p.first:p.end]
	}
	s.gathered, s.gatheredTiers = s.gathered[:0], s.gatheredTiers[:0]
	for ; ; p = &s.runs[p.next] {
		s.gathered = append(s.gathered, in[p.first:p.end]...)
		s.gatheredTiers = append(s.gatheredTiers, s.tiers[p.first:p.end]...)
		if p.next == 0 {
			return s.gathered, s.gatheredTiers
		}
	}
}

// target returns where the n records of the RRset that begins with run r are to be written in their new order: its part of
// out, or an array to be spread over several parts.
func (s *scratch) target(out []dns.RR, r, n int) []dns.RR {
	if p := &s.runs[r]; p.next == 0 {
		return out[p.first:p.end]
	}
	s.gathered = append(s.gathered, s.gathered[:n]...)
	return s.gathered[n:]
}

// spread copies set to the runs in out that begin with r.
func (s *scratch) spread(out []dns.RR, r int, set []dns.RR) {
	p := &s.runs[r]
	if p.next == 0 {
		return // set is the run
	}
	for ; ; p = &s.runs[p.next] {
		set = set[copy(out[p.first:p.end], set):]
		if p.next == 0 {
			break
		}
	}
}
