package ordering

import (
	"sync"

	"github.com/miekg/dns"
)

// A scratch is where one section is put in order: arrays over its records, used again from query to query, so that nothing
// is allocated for them and no large frame stands on the stack. For the RRset at hand:
//
//	set      A1  A2  A3        the records, as they came
//	tiers    2   2   0         how near each of them is
//	base     0   2   1         where base order is not as received: indexes into set, here A1 A3 A2 (and tiers 2 0 2)
//	order    2   0   1         where a rotation is not all: indexes into set, in the new order, here A3 A1 A2
//
// An index fits 16 bits: a message of 64 KiB holds fewer records. The arrays are as long as the longest section was. Slices
// of them are made where they are used and not kept, because a pointer that is stored in the heap costs a write barrier
// while the garbage collector marks.
type scratch struct {
	runs    []run
	runEnd  int      // runs in use
	tiers   []uint32 // of every record of the section
	aliases bool     // the section has a CNAME or DNAME
	cuts    bool     // the section has lost records to answer_limit, which are nil until the end

	// Of the RRset at hand.
	moves    bool   // a record changes its place
	sorted   bool   // its base order is base
	permuted bool   // its new order is order
	spans    []span // of the tiers in the new order
	spanEnd  int    // spans in use

	fresh []dns.RR // for sections of the answers to come
	taken int      // of fresh

	// For what is not asked of every answer; nil until it is.
	base          []uint16
	order         []uint16
	gathered      []dns.RR // an RRset of several runs, as it came and in its new order; without records between uses
	gatheredTiers []uint32 // of gathered
	octets        []octets // sortMembers, with places
	places        []uint16
	keys          []sortKey // sortByLot
	ranks         []uint32  // renumber, sortMembers
	heads         []uint16  // joinRuns
	weight        []uint64  // turnWeighted, with mates, stops and idle
	mates         []mates   // by weight
	stops         []stop
	idle          []uint16
}

var pool = sync.Pool{New: func() any { return new(scratch) }}

// grab returns a scratch for a section of n records and a ranking of so many tiers, to be released.
func grab(n, tiers int) *scratch {
	s := pool.Get().(*scratch)
	if n > len(s.tiers) {
		s.runs, s.tiers = make([]run, n), make([]uint32, n)
	}
	if tiers = min(tiers, max(n, maxTiers)); tiers > len(s.spans) {
		s.spans = make([]span, tiers)
	}
	s.runEnd, s.aliases, s.cuts = 0, false, false
	return s
}

// release puts s back into the pool, without the records of the section but for those in fresh, which the garbage collector takes with
// s or when fresh is used up.
func (s *scratch) release() {
	if len(s.gathered) > 0 {
		clear(s.gathered[:cap(s.gathered)])
		s.gathered = s.gathered[:0]
	}
	pool.Put(s)
}

// Small sections are cut from one array, one behind the other, and no part of it is used twice: to allocate each would take as long as
// the rest of what is done with it.
const (
	batch = 256 // records in the array
	small = 32  // records in a section at most
)

// section returns a new section of n records.
func (s *scratch) section(n int) []dns.RR {
	if n > small {
		return make([]dns.RR, n)
	}
	if s.taken+n > len(s.fresh) {
		s.fresh, s.taken = make([]dns.RR, batch), 0
	}
	first := s.taken
	s.taken += n
	return s.fresh[first:s.taken:s.taken]
}

// sized returns s with length n, in a new array when it does not fit. What is in it is of no value.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
