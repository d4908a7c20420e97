package ordering

import (
	"sync"

	"github.com/miekg/dns"
)

// A scratch is where one section is put in order: arrays over its records, used again from query to query, so that nothing
// is allocated for them and no large frame stands on the stack. RRsets come one after another:
//
//	set      A1  A2  A3        the records of the RRset at hand, as they came
//	tiers    2   2   0         how near each of them is
//	members  0   2   1         indexes into set, in base order; here A1 A3 A2
//	order    2   0   1         where a rotation is not all, the members in their new order: A3 A1 A2
//
// An index fits 16 bits: a message of 64 KiB holds fewer records. The arrays are as long as the longest section was. Slices
// of them are made where they are used and not kept, because a pointer that is stored in the heap costs a write barrier
// while the garbage collector marks.
type scratch struct {
	runs    []run
	runEnd  int  // runs in use
	aliases bool // the section has a CNAME or DNAME
	cuts    bool // the section has lost records to answer_limit, which are nil until the end

	addresses bool // the RRset at hand is one of A or AAAA
	moves     bool // a record of it changes its place
	tiers     []uint32
	members   []uint16
	order     []uint16
	spans     []span // of the tiers in order
	spanEnd   int    // spans in use

	// For what is not asked of every answer; nil until it is.
	gathered []dns.RR  // an RRset of several runs, as it came and in its new order; without records between uses
	keys     []sortKey // sortMembers, sortByLot
	ranks    []uint32  // renumber
	heads    []uint16  // joinRuns
	weight   []uint64  // turnWeighted, with mates, stops and idle
	mates    []mates   // by weight
	stops    []stop
	idle     []uint16
}

var pool = sync.Pool{New: func() any { return new(scratch) }}

// grab returns a scratch for a section of n records and a ranking of so many tiers, to be released.
func grab(n, tiers int) *scratch {
	s := pool.Get().(*scratch)
	if n > len(s.tiers) {
		s.runs, s.tiers, s.members, s.order = make([]run, n), make([]uint32, n), make([]uint16, n), make([]uint16, n)
	}
	if tiers = min(tiers, max(n, maxTiers)); tiers > len(s.spans) {
		s.spans = make([]span, tiers)
	}
	s.runEnd, s.aliases, s.cuts = 0, false, false
	return s
}

// release puts s back into the pool, without records.
func (s *scratch) release() {
	if len(s.gathered) > 0 {
		clear(s.gathered[:cap(s.gathered)])
		s.gathered = s.gathered[:0]
	}
	pool.Put(s)
}

// sized returns s with length n, in a new array when it does not fit. What is in it is of no value.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
