package ordering

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// dropped stands in a permutation for a record that answer_limit takes away. A message of 64 KiB holds fewer records.
const dropped = 0xffff

// A scratch is where one section is put in order: index arrays over its records, used again from query to query, so that
// nothing is allocated for them and no large frame stands on the stack.
//
//	in       A1  CNAME  A2  A3          the records, as they came
//	slots    0          2   3           where the RRset at hand stands
//	members  0          3   2           its records in base order, here A1 A3 A2
//	tiers    2          0   2           how near each member is
//	order    3          0   2           the members in their new order: A3 A1 A2
//	from     3   1      0   2           what place() makes of it: A3 CNAME A1 A2
type scratch struct {
	in   []dns.RR
	from []uint16
	runs []run

	aliases   bool // in has a CNAME or DNAME
	addresses bool // the RRset at hand is one of A or AAAA

	slots   []uint16
	members []uint16
	tiers   []uint32
	order   []uint16
	spans   []span // of the tiers in order

	keys   []sortKey // sortMembers, sortByDraw
	ranks  []uint32  // renumber
	heads  []uint16  // joinRuns
	weight []uint64  // turnWeighted, with stops and idle
	stops  []stop
	idle   []uint16
}

// A run is a stretch in[first:end] of one RRset. next is the run in which the same RRset goes on, 0 when it does not.
type run struct {
	first, end, next uint16
	continues        bool // an earlier run of the RRset
}

// A span is the part order[first:end] that one tier fills. next is where its next record goes.
type span struct {
	first, end, next uint16
}

var pool = sync.Pool{New: func() any { return new(scratch) }}

// grab returns a scratch for the section in, to be put back with release.
func grab(in []dns.RR) *scratch {
	s := pool.Get().(*scratch)
	s.in = in
	n := len(in)
	if cap(s.from) < n {
		s.from, s.slots, s.members, s.order = make([]uint16, n), make([]uint16, n), make([]uint16, n), make([]uint16, n)
		s.tiers = make([]uint32, n)
	}
	s.from = s.from[:n]
	for i := range s.from {
		s.from[i] = uint16(i)
	}
	return s
}

// release gives s back without the records, which are not ours to keep.
func (s *scratch) release() {
	s.in = nil
	pool.Put(s)
}

// findRuns finds the RRsets of the types that are ordered, and whether there is an alias among the rest.
func (s *scratch) findRuns(types *typeSet, seed maphash.Seed) {
	s.runs, s.aliases = s.runs[:0], false
	for i := 0; i < len(s.in); {
		h := types.header(s.in[i])
		if h == nil {
			s.aliases = s.aliases || isAlias(s.in[i])
			i++
			continue
		}
		end := i + 1
		for end < len(s.in) && sameRRset(h, types.header(s.in[end])) {
			end++
		}
		s.runs = append(s.runs, run{first: uint16(i), end: uint16(end)})
		i = end
	}
	if len(s.runs) > 1 {
		s.joinRuns(seed)
	}
}

// joinRuns chains the runs that belong to one RRset. It finds them by a hash of the owner, so that an answer with a
// thousand owners (the SRV of a large headless service) costs a thousand steps and not a million.
func (s *scratch) joinRuns(seed maphash.Seed) {
	size := 2 << bits.Len(uint(len(s.runs)))
	s.heads = slices.Grow(s.heads[:0], size)[:size]
	clear(s.heads) // heads holds the number of the newest run of an RRset, plus 1
	for r := range s.runs {
		h := s.in[s.runs[r].first].Header()
		at := int(hashOwner(seed, h.Name)) & (size - 1)
		for s.heads[at] != 0 {
			last := s.heads[at] - 1
			if sameRRset(s.in[s.runs[last].first].Header(), h) {
				s.runs[last].next, s.runs[r].continues = uint16(r), true
				break
			}
			at = (at + 1) & (size - 1)
		}
		s.heads[at] = uint16(r) + 1
	}
}

// sameRRset reports whether two headers are of one RRset: same owner (case-insensitive), class and type, RFC 2181 section 5.
func sameRRset(a, b *dns.RR_Header) bool {
	return b != nil && a.Rrtype == b.Rrtype && a.Class == b.Class && (a.Name == b.Name || strings.EqualFold(a.Name, b.Name))
}

// collect makes the RRset that begins with run r the one at hand, in the order received. It returns false when there is
// nothing to order: r goes on with an RRset that was collected before, or the RRset has one record.
func (s *scratch) collect(r int) bool {
	if s.runs[r].continues {
		return false
	}
	s.slots = s.slots[:0]
	for {
		for i := s.runs[r].first; i < s.runs[r].end; i++ {
			s.slots = append(s.slots, i)
		}
		if r = int(s.runs[r].next); r == 0 {
			break
		}
	}
	s.members = append(s.members[:0], s.slots...)
	s.addresses = isAddress(s.in[s.slots[0]])
	return len(s.slots) > 1
}

// rank writes the tier of every member.
func (s *scratch) rank(k *ranking) {
	s.tiers = s.tiers[:len(s.members)]
	if !s.addresses {
		clear(s.tiers)
		return
	}
	k.rank(s.in, s.members, s.tiers)
}

// turnKey returns the key under which the turns of the RRset at hand are counted: owner, class, type and tier assignment.
func (s *scratch) turnKey(seed maphash.Seed) uint64 {
	h := s.in[s.slots[0]].Header()
	key := mix(hashOwner(seed, h.Name), uint64(len(s.tiers))<<32|uint64(h.Class)<<16|uint64(h.Rrtype))
	i := 0
	for ; i+1 < len(s.tiers); i += 2 {
		key = mix(key, uint64(s.tiers[i])<<32|uint64(s.tiers[i+1]))
	}
	if i < len(s.tiers) {
		key = mix(key, uint64(s.tiers[i]))
	}
	return key
}

// sortMembers puts the members, and their tiers with them, in canonical order: by RDATA octets, RFC 4034 section 6.3.
func (s *scratch) sortMembers() {
	if !s.addresses {
		sortByRdata(s.in, s.members)
		return
	}
	ascending := true
	s.keys = s.keys[:0]
	for i, m := range s.members {
		o := octetsOf(s.in[m])
		k := sortKey{hi: o.hi, lo: o.lo, member: m, tier: s.tiers[i]}
		ascending = ascending && (i == 0 || compareKeys(s.keys[i-1], k) < 0)
		s.keys = append(s.keys, k)
	}
	if ascending {
		return
	}
	slices.SortFunc(s.keys, compareKeys)
	for i, k := range s.keys {
		s.members[i], s.tiers[i] = k.member, k.tier
	}
}

// sortByRdata sorts records without an address. It packs each of them, so it allocates; such types are ordered on request.
func sortByRdata(in []dns.RR, members []uint16) {
	type packed struct {
		rdata  []byte
		member uint16
	}
	all := make([]packed, len(members))
	for i, m := range members {
		wire := make([]byte, dns.Len(in[m])+1)
		n, err := dns.PackRR(in[m], wire, 0, nil, false)
		if err != nil {
			n = 0 // a record that cannot be sent: its place does not matter
		}
		owner, _ := dns.PackDomainName(in[m].Header().Name, make([]byte, 256), 0, nil, false)
		all[i] = packed{wire[min(owner+10, n):n], m}
	}
	slices.SortStableFunc(all, func(a, b packed) int { return bytes.Compare(a.rdata, b.rdata) })
	for i, p := range all {
		members[i] = p.member
	}
}

// maxTiers bounds the counters of the counting sort; beyond it the tiers that occur are numbered anew.
const maxTiers = 256

// scatter writes the members into order: sorted stably by their n tiers, each tier of m rotated left by turn mod m.
func (s *scratch) scatter(n int, turn uint64) {
	if n > maxTiers {
		n = s.renumber()
	}
	s.spans = slices.Grow(s.spans[:0], n)[:n]
	clear(s.spans)
	for _, t := range s.tiers {
		s.spans[t].end++
	}
	first := uint16(0)
	for t := range s.spans {
		p := &s.spans[t]
		m := p.end
		*p = span{first: first, end: first + m, next: first}
		if m > 1 {
			// The rotation is folded into where the tier starts to be filled.
			if r := uint16(turn % uint64(m)); r > 0 {
				p.next = p.end - r
			}
		}
		first = p.end
	}
	s.order = s.order[:len(s.members)]
	for i, m := range s.members {
		p := &s.spans[s.tiers[i]]
		s.order[p.next] = m
		if p.next++; p.next == p.end {
			p.next = p.first
		}
	}
}

// renumber replaces the tiers by their rank among those that occur, and returns how many occur.
func (s *scratch) renumber() int {
	s.ranks = append(s.ranks[:0], s.tiers...)
	slices.Sort(s.ranks)
	s.ranks = slices.Compact(s.ranks)
	for i, t := range s.tiers {
		at, _ := slices.BinarySearch(s.ranks, t)
		s.tiers[i] = uint32(at)
	}
	return len(s.ranks)
}

// cut drops what stands behind the first limit records of the RRset, and returns how many it dropped. When the nearest tier
// fills more than one place alone, the last place goes to the first of the next tier, so that a client can still fail over.
func (s *scratch) cut(limit int) int {
	if len(s.slots) <= limit {
		return 0
	}
	t := slices.IndexFunc(s.spans, func(p span) bool { return p.end > 0 })
	if next := s.spans[t].end; int(next) >= limit && int(next) < len(s.slots) && limit > 1 {
		s.from[s.slots[limit-1]] = s.order[next]
	}
	for _, slot := range s.slots[limit:] {
		s.from[slot] = dropped
	}
	return len(s.slots) - limit
}

// eachTier calls f with the part of order that each tier of two records or more fills.
func (s *scratch) eachTier(f func(tier []uint16)) {
	for _, p := range s.spans {
		if p.end-p.first > 1 {
			f(s.order[p.first:p.end])
		}
	}
}

// place writes the new order of the RRset at hand into from, and reports whether that moves a record.
func (s *scratch) place() (moved bool) {
	for i, slot := range s.slots {
		moved = moved || s.order[i] != slot
		s.from[slot] = s.order[i]
	}
	return moved
}
