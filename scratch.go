package ordering

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
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

// A run is a stretch of one RRset, from index first to before end. next is the run in which the RRset goes on, 0 when it
// does not.
type run struct {
	first, end, next uint16
	continues        bool // an earlier run of the RRset
}

// A span is the part [first:end] of the RRset in its new order that one tier fills. next is where its next record goes.
type span struct{ first, end, next uint16 }

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
		s.joinRuns(in, a.turns.seed)
	}
}

// joinRuns chains the runs that belong to one RRset. It finds them by a hash of owner, class and type, so that an answer with a
// thousand RRsets (the SRV of a large headless service) costs a thousand steps and not a million.
func (s *scratch) joinRuns(in []dns.RR, seed uint64) {
	runs := s.runs[:s.runEnd]
	s.heads = sized(s.heads, 2<<bits.Len(uint(len(runs))))
	clear(s.heads) // heads holds the newest run of an RRset, counted from 1
	for r := range runs {
		h := in[runs[r].first].Header()
		at := mix(hashOwner(seed, h.Name), uint64(h.Class)<<16|uint64(h.Rrtype)) % uint64(len(s.heads))
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

// maxTiers bounds the counters of the counting sort. Where a ranking has more, those that occur are numbered anew.
const maxTiers = 256

// rank writes the tier of every record of set and, where maxTiers allows, how many each tier has. The base order is as
// received.
func (s *scratch) rank(set []dns.RR, k *ranking) {
	tiers, members := s.tiers[:len(set)], s.members[:len(set)]
	for i := range members {
		members[i] = uint16(i)
	}
	s.moves = false
	if s.addresses = isAddress(set[0]); !s.addresses {
		clear(tiers)
		s.spanEnd = 1
		s.spans[0].end = uint16(len(set))
		return
	}
	s.spanEnd = k.tiers()
	if s.spanEnd > maxTiers {
		for i, rr := range set {
			tiers[i] = k.tier(octetsOf(rr))
		}
		s.moves = !slices.IsSorted(tiers)
		return
	}
	spans := s.spans[:s.spanEnd]
	clear(spans)
	last, masks, client, tables := uint32(0), &k.masks.tier, k.client, k.hasTables()
	for i, rr := range set {
		// This is k.tier, and the counting, in one loop: it is the one that a query spends most time in.
		o := octetsOf(rr)
		t := uint32(masks[client.shared(o)])
		if tables {
			t = k.tableTier(o.addr(), t)
		}
		tiers[i] = t
		spans[t].end++
		s.moves = s.moves || t < last
		last = t
	}
}

// turnKey returns the key under which the turns of set are counted: owner, class, type and tier assignment.
func (s *scratch) turnKey(set []dns.RR, seed uint64) uint64 {
	h := set[0].Header()
	key := mix(hashOwner(seed, h.Name), uint64(len(set))<<32|uint64(h.Class)<<16|uint64(h.Rrtype))
	tiers := s.tiers[:len(set)]
	for ; len(tiers) >= 4; tiers = tiers[4:] {
		key = mix(key, uint64(tiers[0])^uint64(tiers[1])<<16^uint64(tiers[2])<<32^uint64(tiers[3])<<48)
	}
	for _, t := range tiers {
		key = mix(key, uint64(t))
	}
	return key
}

// sortMembers puts the members, and their tiers with them, in canonical order: by RDATA octets, RFC 4034 section 6.3.
func (s *scratch) sortMembers(set []dns.RR) {
	members := s.members[:len(set)]
	if !s.addresses {
		sortByRdata(set, members)
		s.moves = !slices.IsSorted(members)
		return
	}
	if isCanonical(set) {
		return
	}
	s.keys = sized(s.keys, len(set))
	for i, rr := range set {
		o := octetsOf(rr)
		s.keys[i] = sortKey{hi: o.hi, lo: o.lo, member: uint16(i), tier: s.tiers[i]}
	}
	slices.SortFunc(s.keys, compareKeys)
	for i, k := range s.keys {
		members[i], s.tiers[i] = k.member, k.tier
	}
	s.moves = true // or, where tiers undo what was sorted here, all is written to its old place
}

// isCanonical reports whether the addresses in set stand in canonical order already.
func isCanonical(set []dns.RR) bool {
	last := octets{}
	for _, rr := range set {
		o := octetsOf(rr)
		if o.hi < last.hi || o.hi == last.hi && o.lo < last.lo {
			return false
		}
		last = o
	}
	return true
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

// layOut gives each tier its span, and folds a rotation of each tier of m records left by turn mod m into where the span
// starts to be filled.
func (s *scratch) layOut(n int, turn uint64) {
	if s.spanEnd > maxTiers {
		s.renumber(n)
	}
	first := uint16(0)
	for t := range s.spans[:s.spanEnd] {
		p := &s.spans[t]
		m := p.end
		*p = span{first: first, end: first + m, next: first}
		if m > 1 {
			if r := uint16(turn % uint64(m)); r > 0 {
				p.next = p.end - r
				s.moves = true
			}
		}
		first = p.end
	}
}

// renumber replaces the tiers of n members by their rank among those that occur, and counts the members of each.
func (s *scratch) renumber(n int) {
	tiers := s.tiers[:n]
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

// scatter writes values to dst in the new order: by tier, in base order but for the rotation that layOut has folded in.
// values[m] is what stands for member m.
func scatter[T any](s *scratch, dst, values []T) {
	tiers, spans := s.tiers[:len(dst)], s.spans[:s.spanEnd]
	for i, m := range s.members[:len(dst)] {
		p := &spans[tiers[i]]
		dst[p.next] = values[m]
		if p.next++; p.next == p.end {
			p.next = p.first
		}
	}
}

// rearrange has f order the members of each tier, n in all, where that takes more than a rotation: f gets them in base order.
func (s *scratch) rearrange(n int, f func(tier []uint16)) {
	members, order := s.members[:n], s.order[:n]
	s.idle = sized(s.idle, n)
	for i := range s.idle {
		s.idle[i] = uint16(i) // what stands for a member is itself
	}
	scatter(s, order, s.idle)
	for t, p := range s.spans[:s.spanEnd] {
		if p.end-p.first > 1 {
			f(order[p.first:p.end])
		}
		for i := p.first; i < p.end; i++ {
			s.tiers[i] = uint32(t)
		}
	}
	copy(members, order)
	s.moves = !slices.IsSorted(members)
}

// cut sets to nil what stands behind the first limit of the addresses in dst, which are in their new order. When the nearest
// tier fills more than one place alone, the last place goes to the first of the next tier, so that a client can still fail
// over.
func (s *scratch) cut(dst []dns.RR, limit int) {
	nearest := slices.IndexFunc(s.spans[:s.spanEnd], func(p span) bool { return p.end > 0 })
	if next := int(s.spans[nearest].end); limit > 1 && limit <= next && next < len(dst) {
		dst[limit-1] = dst[next]
	}
	clear(dst[limit:])
	s.cuts = true
}
