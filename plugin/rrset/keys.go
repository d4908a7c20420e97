package rrset

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/miekg/dns"
)

// seed makes the hashes of this process unpredictable, so that a stranger cannot find names that
// collide.
var seed = maphash.MakeSeed()

// keys hashes RRsets and tier assignments. It owns the buffer that they are written to.
type keys struct{ buf []byte }

// rrset returns a hash of the owner, class and type of an RRset.
func (k *keys) rrset(h *dns.RR_Header) uint64 {
	k.write(h, 0)
	return maphash.Bytes(seed, k.buf)
}

// turn returns the key that the turns of a question are counted by: a hash of the owner, class and
// type of set, of the tier of each record, and of the series.
func (k *keys) turn(set []dns.RR, tiers []uint32, series Series) uint64 {
	rest := k.write(set[0].Header(), 4*len(tiers)+4)
	for _, t := range tiers {
		binary.LittleEndian.PutUint32(rest, t)
		rest = rest[4:]
	}
	// The number of tiers, at most math.MaxUint16, tells where the owner ends and the tiers begin.
	// Without it two questions could have the same bytes.
	binary.LittleEndian.PutUint32(rest, uint32(series)<<16|uint32(len(tiers)))
	return maphash.Bytes(seed, k.buf)
}

// write writes the owner in lower case (RFC 4343), the type and the class to the buffer. It returns
// the n bytes behind them, which the caller fills.
func (k *keys) write(h *dns.RR_Header, n int) (rest []byte) {
	k.buf = resize(k.buf, len(h.Name)+4+n)
	owner := k.buf[:copy(k.buf, h.Name)]
	for i, c := range owner {
		if c-'A' < 26 { // upper case: for a byte before 'A' the difference wraps around
			owner[i] = c | 0x20
		}
	}
	rest = k.buf[len(owner):]
	binary.LittleEndian.PutUint32(rest, uint32(h.Class)<<16|uint32(h.Rrtype))
	return rest[4:]
}
