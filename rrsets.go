package ordering

import (
	"math/bits"
	"strings"

	"github.com/miekg/dns"
)

// A run is a stretch of one RRset, from index first to before end. next is the run in which the RRset goes on, 0 when it
// does not.
type run struct {
	first, end, next uint16
	continues        bool // an earlier run of the RRset
}

// findRuns finds the RRsets of in that a orders, and whether there is an alias among the rest.
func (s *scratch) findRuns(in []dns.RR, a *arranger) {
	for i := 0; i < len(in); {
		h := in[i].Header()
		end := i + 1
		if !a.types.has(h.Rrtype) {
			s.aliases = s.aliases || isAlias(in[i])
			i = end
			continue
		}
		for end < len(in) && sameRRset(h, in[end]) {
			end++
		}
		s.runs[s.runEnd] = run{first: uint16(i), end: uint16(end)}
		s.runEnd++
		i = end
	}
	if s.runEnd > 1 {
		s.joinRuns(in, a.turns.secret)
	}
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
			if sameRRset(h, in[last.first]) {
				last.next, runs[r].continues = uint16(r), true
				break
			}
			at = (at + 1) % uint64(len(s.heads))
		}
		s.heads[at] = uint16(r) + 1
	}
}

// sameRRset reports whether rr is of the RRset whose header is h: same owner (case-insensitive), class and type, RFC 2181
// section 5. For addresses a type switch costs less than a call of Header.
func sameRRset(h *dns.RR_Header, rr dns.RR) bool {
	var other *dns.RR_Header
	switch rr := rr.(type) {
	case *dns.A:
		other = &rr.Hdr
	case *dns.AAAA:
		other = &rr.Hdr
	default:
		other = rr.Header()
	}
	return h.Rrtype == other.Rrtype && h.Class == other.Class && (h.Name == other.Name || strings.EqualFold(h.Name, other.Name))
}

// gather returns the records of the RRset that begins with run r, in the order received; none if r goes on with an RRset that
// began before. Those of one run are a part of in, those of several a copy.
func (s *scratch) gather(in []dns.RR, r int) []dns.RR {
	p := s.runs[r]
	switch {
	case p.continues:
		return nil
	case p.next == 0:
		return in[p.first:p.end]
	}
	s.gathered = s.gathered[:0]
	for ; ; p = s.runs[p.next] {
		s.gathered = append(s.gathered, in[p.first:p.end]...)
		if p.next == 0 {
			return s.gathered
		}
	}
}

// target returns where the n records of the RRset that begins with run r are to be written in their new order: its part of
// out, or an array to be spread over several parts.
func (s *scratch) target(out []dns.RR, r, n int) []dns.RR {
	if p := s.runs[r]; p.next == 0 {
		return out[p.first:p.end]
	}
	s.gathered = append(s.gathered, s.gathered[:n]...)
	return s.gathered[n:]
}

// spread copies set to the runs in out that begin with r.
func (s *scratch) spread(out []dns.RR, r int, set []dns.RR) {
	p := s.runs[r]
	if p.next == 0 {
		return // set is the run
	}
	for ; ; p = s.runs[p.next] {
		set = set[copy(out[p.first:p.end], set):]
		if p.next == 0 {
			break
		}
	}
}
