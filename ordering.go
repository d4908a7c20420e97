// Package ordering is a CoreDNS plugin that puts the addresses of an answer in the order that serves each client best:
// the ones on the client's own subnet first, then those on its network, then the rest, and inside each of these tiers it
// takes turns. Microsoft DNS Server calls the two halves netmask ordering (LocalNetPriority) and round robin.
//
// A response travels one way through it: writer.WriteMsg asks clientOctets who asks, policy.rank how near an address is
// to that client, and arranger.order for the new order of each section.
package ordering

import (
	"math"
	"slices"

	"github.com/miekg/dns"
)

// rotation says how the records of one tier take turns.
type rotation uint8

const (
	cyclic   rotation = iota // the one that came first last time comes last this time
	fixed                    // base order, always
	shuffled                 // a new random order for each answer
	sticky                   // an order that depends on nothing but the client and the addresses
)

// An arranger is the part of a policy that is alike for every client: it puts a section in order by what a ranking says.
// It is immutable but for the count of the turns, and safe for concurrent use.
type arranger struct {
	types    typeSet
	rotation rotation
	weights  *weights // nil: all weigh the same
	turns    *turns
}

// A query is what the order of one response depends on beyond its records.
type query struct {
	ranking
	canonical bool // base order is that of RFC 4034, section 6.3, and not as received
	limit     int  // records of an address RRset at most; 0: all
}

// order returns the records of section in with every RRset in the order that q asks for and all else at its index. It only
// reads in, and returns in itself when nothing moves. qname is the question's name for the answer section, where an alias
// that stands behind the addresses it leads to goes in front of them; it is empty for other sections.
func (a *arranger) order(in []dns.RR, q *query, qname string) []dns.RR {
	if len(in) < 2 || len(in) > math.MaxUint16 {
		return in
	}
	s := grab(len(in), q.tiers())
	out := in
	s.survey(in, a, &q.ranking)
	for r := range s.runEnd {
		set, tiers := s.gather(in, r)
		if len(set) < 2 {
			continue
		}
		a.arrange(s, set, tiers, q)
		cuts := q.limit > 0 && q.limit < len(set) && isAddress(set[0])
		if !s.moves && !cuts {
			continue
		}
		if &out[0] == &in[0] {
			out = s.section(len(in))
			if len(set) < len(in) {
				copy(out, in)
			}
		}
		dst := s.target(out, r, len(set))
		s.write(dst, set, tiers)
		if cuts {
			s.cut(dst, q.limit)
		}
		s.spread(out, r, dst)
	}
	if s.aliases && qname != "" {
		out = repairAliases(in, out, qname)
	}
	if s.cuts {
		out = slices.DeleteFunc(out, func(rr dns.RR) bool { return rr == nil })
	}
	s.release()
	return out
}

// arrange works out the new order of the RRset set, whose records are in these tiers; s.moves says whether anything moves, and
// write writes it.
func (a *arranger) arrange(s *scratch, set []dns.RR, tiers []uint32, q *query) {
	several := s.count(tiers, q.tiers())
	steady := a.rotation == sticky && !isAddress(set[0]) // without an address there is nothing to draw lots for
	if q.canonical || steady {
		s.sortMembers(set, tiers)
	}
	turn := uint64(0)
	if a.rotation == cyclic && several {
		turn = a.turns.take(turnKey(a.turns.secret, set, tiers))
	}
	if steady || a.weights == nil && (a.rotation == cyclic || a.rotation == fixed) {
		s.layOut(tiers, turn)
		if s.sorted {
			s.permute(tiers, nil)
		}
		return
	}
	s.layOut(tiers, 0)
	lot := randomLot
	if a.rotation == sticky {
		lot = stickyLot(q.client)
	}
	s.permute(tiers, func(tier []uint16) {
		switch {
		case a.rotation == cyclic:
			s.turnWeighted(set, tier, a.weights, turn)
		case a.rotation == fixed:
			s.weightedFirst(set, tier, a.weights)
		case a.rotation == shuffled && a.weights == nil:
			shuffle(tier)
		default:
			s.sortByLot(set, tier, a.weights, lot)
		}
	})
}
