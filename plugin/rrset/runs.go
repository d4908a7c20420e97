package rrset

import (
	"math/bits"
	"strings"
	"unsafe"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// A run is a part [first:end] of a section whose records are of one RRset. An RRset whose records
// are not next to each other has several runs.
type run struct {
	first, end uint16
	next       uint16 // the next run of the same RRset; 0: none
	continues  bool   // not the first run of its RRset
}

// runs are the RRsets of one section, as runs of records, with the tier of each record.
//
// An index fits 16 bits, because a message of 64 KiB holds fewer records.
type runs struct {
	all     []run    // as long as the longest section so far
	n       int      // runs in use
	tiers   []uint32 // by index in the section
	aliases bool     // the section has a CNAME or DNAME

	// The hash table of link.
	keys    keys
	buckets []uint16 // the newest run of an RRset, counted from 1; 0: empty

	// The last RRset of several runs that rrsetRecords returned; empty after forget.
	joined      []dns.RR // its records as received, and behind them those in the new order
	joinedTiers []uint32 // of the records as received
}

// reset makes room for a section of n records.
func (r *runs) reset(n int) {
	if n > len(r.tiers) {
		r.all, r.tiers = make([]run, n), make([]uint32, n)
	}
	r.n, r.aliases = 0, false
}

// forget drops the records that r still refers to.
func (r *runs) forget() {
	if len(r.joined) > 0 {
		clear(r.joined[:cap(r.joined)])
		r.joined = r.joined[:0]
	}
}

// findRRsets finds the RRsets in a section that have one of these types, and the tiers of their
// records by k.
func (r *runs) findRRsets(in []dns.RR, types TypeSet, k *ranking.Ranking) {
	for i := 0; i < len(in); {
		if in[i] == nil { // a fault of a plugin: it stays where it is
			i++
			continue
		}
		h := in[i].Header()
		if !types.Has(h.Rrtype) {
			r.aliases = r.aliases || isAlias(in[i])
			i++
			continue
		}
		end := i + rankRun(h, in[i:], k, r.tiers[i:])
		r.all[r.n] = run{first: uint16(i), end: uint16(end)}
		r.n++
		i = end
	}
	if r.n > 1 {
		r.link(in)
	}
}

// rankRun returns how many records of in, from the first on, are of the RRset with header h, and
// writes their tiers by k to tiers. One loop does both, so that each record is fetched from memory
// once: most of the time that ordering takes is spent here.
func rankRun(h *dns.RR_Header, in []dns.RR, k *ranking.Ranking, tiers []uint32) int {
	tiers = tiers[:len(in)]
	byMasks, ip4, tables := ranking.OneTier(), false, false
	if isAddress(in[0]) {
		_, ip4 = in[0].(*dns.A)
		byMasks, tables = k.ByMasks(ip4), k.HasTables()
	}
	for i, rr := range in {
		var other *dns.RR_Header
		var a ipaddr.Addr
		switch rr := rr.(type) { // costs less than a call of Header
		case *dns.A:
			other, a = &rr.Hdr, ipaddr.From4Bytes(rr.A)
		case *dns.AAAA:
			other, a = &rr.Hdr, ipaddr.From16Bytes(rr.AAAA)
		default:
			if rr == nil {
				return i
			}
			other = rr.Header()
		}
		// sameRRset, inlined by hand, cheapest test first
		if h.Rrtype != other.Rrtype || h.Class != other.Class ||
			!sameMemory(h.Name, other.Name) && h.Name != other.Name && !strings.EqualFold(h.Name, other.Name) {
			return i
		}
		t := byMasks.Tier(a)
		if tables {
			t = k.TableTier(a, ip4, t)
		}
		tiers[i] = t
	}
	return len(in)
}

// link links the runs of each RRset. It finds them by a hash of owner, class and type, so that an
// answer with a thousand RRsets, such as the SRV answer of a large headless service, takes a
// thousand steps and not a million.
func (r *runs) link(in []dns.RR) {
	all := r.all[:r.n]
	r.buckets = resize(r.buckets, 2<<bits.Len(uint(len(all))))
	clear(r.buckets)
	for i := range all {
		h := in[all[i].first].Header()
		at := r.keys.rrset(h) % uint64(len(r.buckets))
		for r.buckets[at] != 0 {
			last := &all[r.buckets[at]-1]
			if sameRRset(h, in[last.first].Header()) {
				last.next, all[i].continues = uint16(i), true
				break
			}
			at = (at + 1) % uint64(len(r.buckets))
		}
		r.buckets[at] = uint16(i) + 1
	}
}

// sameRRset reports whether records with these headers are of one RRset: same owner
// (case-insensitive), class and type (RFC 2181, section 5).
func sameRRset(a, b *dns.RR_Header) bool {
	return a.Rrtype == b.Rrtype && a.Class == b.Class && (a.Name == b.Name || strings.EqualFold(a.Name, b.Name))
}

// sameMemory reports whether a and b are one string in memory, as the owners of an RRset are when
// one plugin made all its records. It reads no byte of them.
func sameMemory(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b)
}

// rrsetRecords returns the records of the RRset that begins with run i, as received, and their
// tiers. It returns none if run i continues an RRset. The records of a single run are a part of in,
// and must not be written to; those of several runs are a copy, which is valid until the next call.
func (r *runs) rrsetRecords(in []dns.RR, i int) ([]dns.RR, []uint32) {
	p := &r.all[i]
	switch {
	case p.continues:
		return nil, nil
	case p.next == 0:
		return in[p.first:p.end], r.tiers[p.first:p.end]
	}
	r.joined, r.joinedTiers = r.joined[:0], r.joinedTiers[:0]
	for ; ; p = &r.all[p.next] {
		r.joined = append(r.joined, in[p.first:p.end]...)
		r.joinedTiers = append(r.joinedTiers, r.tiers[p.first:p.end]...)
		if p.next == 0 {
			return r.joined, r.joinedTiers
		}
	}
}

// target returns a slice of length n for the new order of the RRset that begins with run i, which
// was the last that rrsetRecords returned and has n records. If the RRset has a single run, the
// slice is its part of out. Otherwise writeRuns must copy it there.
func (r *runs) target(out []dns.RR, i, n int) []dns.RR {
	if p := &r.all[i]; p.next == 0 {
		return out[p.first:p.end]
	}
	r.joined = append(r.joined, r.joined[:n]...) // any n records: they will be overwritten
	return r.joined[n:]
}

// writeRuns writes set, which target returned for run i, to the runs of its RRset in out.
func (r *runs) writeRuns(out []dns.RR, i int, set []dns.RR) {
	p := &r.all[i]
	if p.next == 0 {
		return // set is that part of out
	}
	for ; ; p = &r.all[p.next] {
		set = set[copy(out[p.first:p.end], set):]
		if p.next == 0 {
			break
		}
	}
}
