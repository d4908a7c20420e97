// Package rrset puts the RRsets in a section of a DNS message in order: by tier, the nearest first,
// and by turns inside each tier.
//
// An Orderer is made once from a Config: the types that it orders, how the records of a tier take
// turns and what they weigh. A Query has what differs from response to response; its
// ranking.Ranking says which tier an address is in. The package only reads the sections and records
// that it is given. If records move, it returns a new slice.
package rrset

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// A Rotation says how the records of one tier take turns.
type Rotation uint8

const (
	Cyclic Rotation = iota // rotates by one: the record that came first last time comes last this time
	Fixed                  // base order, always
	Random                 // a new random order for each answer, every permutation equally likely
	Sticky                 // an order that depends only on the client and the addresses
)

// Config is what an Orderer is made from.
type Config struct {
	Types    TypeSet
	Rotation Rotation
	Weights  *Weights // nil: all addresses weigh the same
	Turns    *Turns   // counts the turns of Cyclic, which needs it

	// RandomFirstTurn says that the first turn of a question is random. Otherwise it is 0, the base
	// order.
	RandomFirstTurn bool
}

// An Orderer puts sections in order by a ranking. It is immutable, except that its Turns count, and
// it is safe for concurrent use.
type Orderer struct {
	types       TypeSet
	rotation    Rotation
	weights     *Weights
	turns       *Turns
	randomFirst bool
}

// New returns the Orderer of a configuration, which must not be changed afterwards.
func New(c Config) *Orderer {
	return &Orderer{
		types:       c.Types,
		rotation:    c.Rotation,
		weights:     c.Weights,
		turns:       c.Turns,
		randomFirst: c.RandomFirstTurn,
	}
}

// Orders reports whether o puts the RRsets of a type in order.
func (o *Orderer) Orders(rrtype uint16) bool { return o.types.Has(rrtype) }

// Rotation returns how the records of one tier take turns.
func (o *Orderer) Rotation() Rotation { return o.rotation }

// A Query is what the order of one response depends on besides its records.
type Query struct {
	Ranking   ranking.Ranking
	Canonical bool // base order is that of RFC 4034, section 6.3; otherwise as received
	Limit     int  // most records of an address RRset; 0: all
	Series    Series
}

// A Series is a set of bits that say how a question is asked. Each Series has turns of its own. So
// a client that asks once over UDP and once over TCP takes one turn of each, and not two of the
// same.
type Series uint8

const (
	Stream     Series = 1 << iota // over TCP, TLS, HTTPS and so on, as after a truncated answer
	Synthesis                     // by dns64 or siit, which ask for the other family's addresses
	additional                    // for the additional section
)

// Answer returns the answer section in with every RRset in the order that q asks for. All other
// records keep their index, except that an alias which stands behind an address that it leads to
// moves in front of it; qname is the name of the question, where the chain of aliases begins.
//
// It only reads in and its records, and returns in itself when nothing moves.
func (o *Orderer) Answer(in []dns.RR, q *Query, qname string) []dns.RR {
	return o.order(in, q, qname, q.Series)
}

// Additional returns the additional section in with every RRset in the order that q asks for. All
// other records keep their index. It only reads in and its records, and returns in itself when
// nothing moves.
func (o *Orderer) Additional(in []dns.RR, q *Query) []dns.RR {
	return o.order(in, q, "", q.Series|additional)
}

// order returns the section in with every RRset in order. It repairs chains of aliases only if
// qname is not empty. It only reads in and its records, and returns in itself when nothing moves.
func (o *Orderer) order(in []dns.RR, q *Query, qname string, series Series) []dns.RR {
	if len(in) < 2 || len(in) > math.MaxUint16 {
		return in
	}
	w := borrow(len(in), q.Ranking.Tiers())
	out, cut := in, false // out stays in until a record moves
	w.runs.findRRsets(in, o.types, &q.Ranking)
	for r := range w.runs.n {
		set, tiers := w.runs.rrsetRecords(in, r)
		if len(set) < 2 {
			continue
		}
		o.place(w, set, tiers, q, series)
		limited := q.Limit > 0 && q.Limit < len(set) && isAddress(set[0])
		if !w.places.moved && !limited {
			continue
		}
		if &out[0] == &in[0] {
			out = w.sections.next(len(in))
			if len(set) < len(in) { // otherwise the RRset fills all of it
				copy(out, in)
			}
		}
		dst := w.runs.target(out, r, len(set))
		w.places.write(dst, set, tiers)
		if limited {
			w.places.cut(dst, q.Limit)
			cut = true
		}
		w.runs.writeRuns(out, r, dst)
	}
	if w.runs.aliases && qname != "" {
		out = repairAliases(in, out, qname)
	}
	if cut {
		out = slices.DeleteFunc(out, func(rr dns.RR) bool { return rr == nil })
	}
	w.release()
	return out
}

// place sets w.places to the new places of the records of set. tiers has the tier of each record;
// place may put it in another order.
func (o *Orderer) place(w *workspace, set []dns.RR, tiers []uint32, q *Query, series Series) {
	p := &w.places
	several := p.count(tiers, q.Ranking.Tiers())

	// Sticky sorts by address. Records without one get the canonical order instead.
	noAddressSticky := o.rotation == Sticky && !isAddress(set[0])
	if q.Canonical || noAddressSticky {
		if base := w.canonical.sort(set); base != nil {
			p.rebase(base, tiers)
		}
	}
	turn := uint64(0)
	if o.rotation == Cyclic && several {
		turn = uint64(o.turns.take(w.keys.turn(set, tiers, series), o.firstTurn()))
	}
	if noAddressSticky || o.weights == nil && (o.rotation == Cyclic || o.rotation == Fixed) {
		p.rotate(tiers, turn)
		return
	}
	p.permute(tiers, func(tier []uint16) {
		switch {
		case o.rotation == Cyclic:
			w.cycle.order(set, tier, o.weights, turn)
		case o.rotation == Fixed:
			w.cycle.zeroLast(set, tier, o.weights)
		case o.rotation == Random && o.weights == nil:
			shuffle(tier)
		case o.rotation == Random:
			w.draw.sort(set, tier, o.weights, randomKey)
		default:
			w.draw.sort(set, tier, o.weights, stickyKey(q.Ranking.Client()))
		}
	})
}

// firstTurn returns the turn for a question that is asked for the first time.
func (o *Orderer) firstTurn() uint32 {
	if o.randomFirst {
		return rand.Uint32()
	}
	return 0
}
