package ordering

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// A scratch is where one section is put in order: index arrays over its records, used again from query to query, so that
// nothing is allocated for them and no large frame stands on the stack.
//
//	in       A1  CNAME  A2  A3          the records, as they came
//	slots    0          2   3           where the RRset at hand stands
//	members  0          3   2           its records in base order, here A1 A3 A2
//	tiers    2          0   2           how near each member is
//	order    3          0   2           the members in their new order: A3 A1 A2
//	out      A3  CNAME  A1  A2          what place makes of it
//
// An index fits 16 bits: a message of 64 KiB holds fewer records. The arrays are as long as the longest section was; size
// says how much of them is in use. (Slices of them are not kept here, because a pointer stored in the heap costs a write
// barrier while the garbage collector marks.)
type scratch struct {
	runs    []run
	runEnd  int      // runs in use
	octets  []octets // of the addresses in the section
	aliases bool     // the section has a CNAME or DNAME
	cuts    bool     // the section has lost records to answer_limit, which are nil until the end

	size      int  // records in the RRset at hand
	addresses bool // it is one of A or AAAA
	slots     []uint16
	members   []uint16
	tiers     []uint32
	order     []uint16

	spans   []span // of the tiers in order
	spanEnd int    // spans in use

	// For what is not asked of every answer; nil until it is.
	keys   []sortKey // sortMembers, sortByLot
	ranks  []uint32  // renumber
	heads  []uint16  // joinRuns
	weight []uint64  // turnWeighted, with stops and idle
	stops  []stop
	idle   []uint16
}

// A run is a stretch of one RRset, from index first to before end. next is the run in which the RRset goes on, 0 when it
// does not.
type run struct {
	first, end, next uint16
	continues        bool // an earlier run of the RRset
}

// A span is the part order[first:end] that one tier fills. next is where its next record goes.
type span struct{ first, end, next uint16 }

var pool = sync.Pool{New: func() any { return new(scratch) }}

// grab returns a scratch for a section of n records and a ranking of so many tiers, to be put back into the pool. It holds
// no record.
func grab(n, tiers int) *scratch {
	s := pool.Get().(*scratch)
	if n > len(s.slots) {
		s.runs, s.octets, s.tiers = make([]run, n), make([]octets, n), make([]uint32, n)
		s.slots, s.members, s.order = make([]uint16, n), make([]uint16, n), make([]uint16, n)
	}
	if tiers = min(tiers, max(n, maxTiers)); tiers > len(s.spans) {
		s.spans = make([]span, tiers)
	}
	s.runEnd, s.aliases, s.cuts = 0, false, false
	return s
}

// sized returns s with length n, in a new array when it does not fit. What is in it is of no value.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// read finds the RRsets of in that a orders, with their addresses, and whether there is an alias among the rest. It is the
// one place where every record is looked at: what follows works on octets and indexes.
func (s *scratch) read(in []dns.RR, a *arranger) {
	addresses := s.octets[:len(in)]
	for i := 0; i < len(in); {
		h := readRecord(in[i], &addresses[i])
		end := i + 1
		if !a.types.has(h.Rrtype) {
			s.aliases = s.aliases || isAlias(in[i])
			i = end
			continue
		}
		for end < len(in) && sameRRset(h, readRecord(in[end], &addresses[end])) {
			end++
		}
		s.runs[s.runEnd] = run{first: uint16(i), end: uint16(end)}
		s.runEnd++
		i = end
	}
	if s.runEnd > 1 {
		s.joinRuns(in, a.turns.seed)
	}
}

// readRecord returns the header of rr, and writes its address to o, nowhere if it has none. For addresses a type switch costs less
// than a call of Header.
func readRecord(rr dns.RR, o *octets) *dns.RR_Header {
	switch rr := rr.(type) {
	case *dns.A:
		*o = octetsOf4(rr.A)
		return &rr.Hdr
	case *dns.AAAA:
		*o = octetsOf6(rr.AAAA)
		return &rr.Hdr
	}
	*o = nowhere
	return rr.Header()
}

// joinRuns chains the runs that belong to one RRset. It finds them by a hash of the owner, so that an answer with a
// thousand owners (the SRV of a large headless service) costs a thousand steps and not a million.
func (s *scratch) joinRuns(in []dns.RR, seed uint64) {
	runs := s.runs[:s.runEnd]
	s.heads = sized(s.heads, 2<<bits.Len(uint(len(runs))))
	clear(s.heads) // heads holds the newest run of an RRset, counted from 1
	for r := range runs {
		h := in[runs[r].first].Header()
		at := hashOwner(seed, h.Name) % uint64(len(s.heads))
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

// sameRRset reports whether two headers are of one RRset: same owner (case-insensitive), class and type, RFC 2181 section 5.
func sameRRset(a, b *dns.RR_Header) bool {
	return a.Rrtype == b.Rrtype && a.Class == b.Class && (a.Name == b.Name || strings.EqualFold(a.Name, b.Name))
}

// collect makes the RRset that begins with run r the one at hand, in the order received. It returns false when there is
// nothing to order: r goes on with an RRset that was collected before, or the RRset has one record.
func (s *scratch) collect(r int) bool {
	if s.runs[r].continues {
		return false
	}
	n := 0
	for {
		for i := s.runs[r].first; i < s.runs[r].end; i++ {
			s.slots[n], s.members[n] = i, i
			n++
		}
		if r = int(s.runs[r].next); r == 0 {
			break
		}
	}
	s.size = n
	return n > 1
}

// maxTiers bounds the counters of the counting sort. Where a ranking has more, those that occur are numbered anew.
const maxTiers = 256

// rank writes the tier of every member and, where maxTiers allows, how many members each tier has.
func (s *scratch) rank(in []dns.RR, k *ranking) {
	members, tiers := s.members[:s.size], s.tiers[:s.size]
	s.addresses = isAddress(in[members[0]])
	s.spanEnd = 1
	if s.addresses {
		s.spanEnd = k.tiers()
	}
	switch {
	case !s.addresses:
		clear(tiers)
		s.spans[0].end = uint16(s.size)
	case s.spanEnd <= maxTiers:
		spans := s.spans[:s.spanEnd]
		clear(spans)
		k.rank(s.octets, members, tiers, spans)
	default:
		for i, m := range members {
			tiers[i] = k.tier(s.octets[m])
		}
	}
}

// turnKey returns the key under which the turns of the RRset at hand are counted: owner, class, type and tier assignment.
func (s *scratch) turnKey(in []dns.RR, seed uint64) uint64 {
	h := in[s.slots[0]].Header()
	key := mix(hashOwner(seed, h.Name), uint64(s.size)<<32|uint64(h.Class)<<16|uint64(h.Rrtype))
	tiers := s.tiers[:s.size]
	for ; len(tiers) >= 4; tiers = tiers[4:] {
		key = mix(key, uint64(tiers[0])^uint64(tiers[1])<<16^uint64(tiers[2])<<32^uint64(tiers[3])<<48)
	}
	for _, t := range tiers {
		key = mix(key, uint64(t))
	}
	return key
}

// sortMembers puts the members, and their tiers with them, in canonical order: by RDATA octets, RFC 4034 section 6.3.
func (s *scratch) sortMembers(in []dns.RR) {
	members := s.members[:s.size]
	if !s.addresses {
		sortByRdata(in, members)
		return
	}
	if s.isCanonical() {
		return
	}
	s.keys = sized(s.keys, s.size)
	for i, m := range members {
		o := s.octets[m]
		s.keys[i] = sortKey{hi: o.hi, lo: o.lo, member: m, tier: s.tiers[i]}
	}
	slices.SortFunc(s.keys, compareKeys)
	for i, k := range s.keys {
		members[i], s.tiers[i] = k.member, k.tier
	}
}

// isCanonical reports whether the members, which are addresses, stand in canonical order already.
func (s *scratch) isCanonical() bool {
	last := octets{}
	for _, m := range s.members[:s.size] {
		o := s.octets[m]
		if o.hi < last.hi || o.hi == last.hi && o.lo < last.lo {
			return false
		}
		last = o
	}
	return true
}

// sortByRdata sorts records without an address. It packs each of them, so it allocates; such types are ordered on request.
func sortByRdata(in []dns.RR, members []uint16) {
	rdata := make(map[uint16][]byte, len(members))
	for _, m := range members {
		owner := dns.RFC3597{Hdr: *in[m].Header()}
		wire := make([]byte, dns.Len(in[m]))
		// A record that cannot be packed cannot be sent either, so that its place does not matter.
		if n, err := dns.PackRR(in[m], wire, 0, nil, false); err == nil {
			rdata[m] = wire[dns.Len(&owner):n]
		}
	}
	slices.SortStableFunc(members, func(a, b uint16) int { return bytes.Compare(rdata[a], rdata[b]) })
}

// scatter writes the members to order: sorted stably by tier, each tier of m members rotated left by turn mod m.
func (s *scratch) scatter(turn uint64) {
	if s.spanEnd > maxTiers {
		s.renumber()
	}
	spans, order := s.spans[:s.spanEnd], s.order[:s.size]
	first := uint16(0)
	for t := range spans {
		p := &spans[t]
		m := p.end
		*p = span{first: first, end: first + m, next: first}
		if m > 1 {
			// The rotation is folded into the place from where the tier is filled.
			if r := uint16(turn % uint64(m)); r > 0 {
				p.next = p.end - r
			}
		}
		first = p.end
	}
	for i, m := range s.members[:s.size] {
		p := &spans[s.tiers[i]]
		order[p.next] = m
		if p.next++; p.next == p.end {
			p.next = p.first
		}
	}
}

// renumber replaces the tiers by their rank among those that occur, and counts the members of each.
func (s *scratch) renumber() {
	tiers := s.tiers[:s.size]
	s.ranks = append(s.ranks[:0], tiers...)
	slices.Sort(s.ranks)
	s.ranks = slices.Compact(s.ranks)
	s.spanEnd = len(s.ranks)
	clear(s.spans[:s.spanEnd])
	for i, t := range tiers {
		at, _ := slices.BinarySearch(s.ranks, t)
		tiers[i] = uint32(at)
		s.spans[at].end++
	}
}

// eachTier calls f with the part of order that each tier of two members or more fills.
func (s *scratch) eachTier(f func(tier []uint16)) {
	for _, p := range s.spans[:s.spanEnd] {
		if p.end-p.first > 1 {
			f(s.order[p.first:p.end])
		}
	}
}

// place returns out with the RRset at hand in its new order. As long as nothing has moved, out is in; a copy takes its
// place when something does.
func (s *scratch) place(in, out []dns.RR) []dns.RR {
	slots, order := s.slots[:s.size], s.order[:s.size]
	if slices.Equal(slots, order) {
		return out
	}
	if len(order) == len(in) {
		out = make([]dns.RR, len(in)) // all of it is written here
	} else {
		out = writable(in, out)
	}
	for i, slot := range slots {
		out[slot] = in[order[i]]
	}
	return out
}

// writable returns out if it is not in, else a copy.
func writable(in, out []dns.RR) []dns.RR {
	if &in[0] != &out[0] {
		return out
	}
	return append(make([]dns.RR, 0, len(in)), in...)
}

// cut returns out with nil for the addresses behind the first limit of the RRset at hand. When the nearest tier fills more
// than one place alone, the last place goes to the first of the next tier, so that a client can still fail over.
func (s *scratch) cut(in, out []dns.RR, limit int) []dns.RR {
	if !s.addresses || s.size <= limit {
		return out
	}
	out = writable(in, out)
	nearest := slices.IndexFunc(s.spans[:s.spanEnd], func(p span) bool { return p.end > 0 })
	if next := int(s.spans[nearest].end); limit > 1 && limit <= next && next < s.size {
		out[s.slots[limit-1]] = in[s.order[next]]
	}
	for _, slot := range s.slots[limit:s.size] {
		out[slot] = nil
	}
	s.cuts = true
	return out
}
