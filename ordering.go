// Package ordering is a CoreDNS plugin that puts the addresses of an answer in the order that serves each client best:
// the ones on the client's own subnet first, then those on its network, then the rest, and inside each of these tiers it
// takes turns. Microsoft DNS Server calls the two halves netmask ordering (LocalNetPriority) and round robin.
//
// A response travels one way through it: writer.WriteMsg asks clientAddr who asks, policy.ranking how near an address is
// to that client, and arranger.order for the new order of each section.
package ordering

import "github.com/miekg/dns"

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
	ranking   ranking
	canonical bool // base order is that of RFC 4034, section 6.3, and not as received
	limit     int  // records of an address RRset at most; 0: all
}

// order returns the records of section in with every RRset in the order that q asks for and all else at its index. It only
// reads in, and returns in itself when nothing moves. qname is the question's name for the answer section, where an alias
// that stands behind the addresses it leads to goes in front of them; it is empty for other sections.
func (a *arranger) order(in []dns.RR, q *query, qname string) []dns.RR {
	if len(in) < 2 || len(in) >= dropped {
		return in
	}
	s := grab(in)
	defer s.release()
	s.findRuns(&a.types, a.turns.seed)
	moved, left := false, len(in)
	for r := range s.runs {
		if !s.collect(r) {
			continue
		}
		moved = a.arrange(s, q) || moved
		if q.limit > 0 && s.addresses {
			left -= s.cut(q.limit)
		}
	}
	if s.aliases && qname != "" {
		moved = repairAliases(in, s.from, qname) || moved
	}
	if !moved && left == len(in) {
		return in
	}
	return permute(in, s.from, left)
}

// arrange orders the RRset that s has collected, and says whether that moves a record.
func (a *arranger) arrange(s *scratch, q *query) (moved bool) {
	s.rank(&q.ranking)
	if q.canonical {
		s.sortMembers()
	}
	tiers := q.ranking.tiers()
	if a.rotation == cyclic {
		turn := a.turns.take(s.turnKey(a.turns.seed))
		if a.weights == nil {
			s.scatter(tiers, turn)
			return s.place()
		}
		s.scatter(tiers, 0)
		s.eachTier(func(tier []uint16) { s.turnWeighted(tier, a.weights, turn) })
		return s.place()
	}
	s.scatter(tiers, 0)
	switch {
	case a.rotation == shuffled && a.weights == nil:
		s.eachTier(shuffle)
	case a.rotation == shuffled:
		s.eachTier(func(tier []uint16) { s.sortByDraw(tier, a.weights, randomLot) })
	case a.rotation == sticky:
		lot := stickyLot(q.ranking.client)
		s.eachTier(func(tier []uint16) { s.sortByDraw(tier, a.weights, lot) })
	case a.weights != nil:
		s.eachTier(func(tier []uint16) { s.weightedFirst(tier, a.weights) })
	}
	return s.place()
}

// permute returns the records of in as from says: the one with index from[i] at place i, left of them in all.
func permute(in []dns.RR, from []uint16, left int) []dns.RR {
	out := make([]dns.RR, left)
	i := 0
	for _, f := range from {
		if f != dropped {
			out[i] = in[f]
			i++
		}
	}
	return out
}
