package rrset

import (
	"cmp"
	"math"
	"slices"

	"github.com/miekg/dns"
)

// A Set is an RRset that an Orderer has put in order.
type Set struct {
	Records []Record // in the new order; those that were cut off come last, by tier
}

// A Record is a record of a Set.
type Record struct {
	RR   dns.RR
	Tier uint32 // all records of a Set that have the same tier take turns

	// The record comes before all others in its tier in Ahead out of every Answers answers. If the
	// Rotation is Sticky, both count clients. Both are 0 if the order in the tier never changes.
	Ahead, Answers uint64

	Behind   bool // the record has weight 0, so it comes after those of its tier that have more
	Cut      bool // the limit left it out
	FailOver bool // a nearer record was left out for it, so that a client can fail over
}

// Explain says in what order o put the section in: out is what Answer or Additional returned for in
// and q. It returns every RRset of the types that o orders, those of one record as well. It only
// reads its arguments, and counts no turn.
func Explain(o *Orderer, in, out []dns.RR, q *Query) []Set {
	if len(in) > math.MaxUint16 {
		return nil
	}
	w := borrow(len(in), q.Ranking.Tiers())
	defer w.release()
	w.runs.findRRsets(in, o.types, &q.Ranking)
	indexes := map[dns.RR][]int{} // in out; several where a section has one record twice
	for i, rr := range out {
		indexes[rr] = append(indexes[rr], i)
	}
	var sets []Set
	for r := range w.runs.n {
		if set, tiers := w.runs.rrsetRecords(in, r); len(set) > 0 {
			s := newSet(set, tiers, indexes)
			s.explainTurns(o)
			s.explainLimit(q)
			sets = append(sets, s)
		}
	}
	return sets
}

// newSet returns the Set of an RRset: tiers has the tier of each record, and indexes the indexes of
// each record in the new section, which newSet removes from indexes.
func newSet(set []dns.RR, tiers []uint32, indexes map[dns.RR][]int) Set {
	type placed struct {
		Record
		index int
	}
	var kept []placed
	var records, cut []Record
	for i, rr := range set {
		r := Record{RR: rr, Tier: tiers[i]}
		left := indexes[rr]
		if r.Cut = len(left) == 0; r.Cut {
			cut = append(cut, r)
			continue
		}
		kept = append(kept, placed{r, left[0]})
		indexes[rr] = left[1:]
	}
	slices.SortFunc(kept, func(a, b placed) int { return cmp.Compare(a.index, b.index) })
	for _, r := range kept {
		records = append(records, r.Record)
	}
	slices.SortStableFunc(cut, func(a, b Record) int { return cmp.Compare(a.Tier, b.Tier) })
	return Set{append(records, cut...)}
}

// explainTurns says how often each record is ahead of the others in its tier.
func (s *Set) explainTurns(o *Orderer) {
	if o.rotation == Sticky && !isAddress(s.Records[0].RR) {
		return
	}
	members, total, divisor := map[uint32]uint64{}, map[uint32]uint64{}, map[uint32]uint64{}
	for _, r := range s.Records {
		weight := o.weights.of(r.RR)
		members[r.Tier]++
		total[r.Tier] += weight
		divisor[r.Tier] = gcd(divisor[r.Tier], weight)
	}
	for i := range s.Records {
		r := &s.Records[i]
		weight, d := o.weights.of(r.RR), divisor[r.Tier]
		r.Behind = weight == 0 && d > 0
		switch {
		case o.rotation == Fixed:
		case d > 0:
			r.Ahead, r.Answers = weight/d, total[r.Tier]/d
		default: // all have weight 0, and rotate among themselves
			r.Ahead, r.Answers = 1, members[r.Tier]
		}
	}
}

// gcd returns the greatest common divisor of a and b. If one of them is 0, that is the other.
func gcd(a, b uint64) uint64 {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// explainLimit finds the record that was kept so that a client can fail over.
func (s *Set) explainLimit(q *Query) {
	kept := slices.IndexFunc(s.Records, func(r Record) bool { return r.Cut })
	if kept < 2 {
		return
	}
	nearest := 0
	for _, r := range s.Records {
		if r.Tier == s.Records[0].Tier {
			nearest++
		}
	}
	last := &s.Records[kept-1]
	last.FailOver = last.Tier != s.Records[0].Tier && nearest >= q.Limit
}
