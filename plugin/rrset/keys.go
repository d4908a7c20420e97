package rrset

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/miekg/dns"
)

// seed makes the hashes of this process unpredictable, so that a stranger cannot find names that
// collide.
var seed = maphash.MakeSeed()

// keys hashes RRsets and tier assignments. It is the buffer that they are written to.
type keys struct{ buf []byte }

// rrset returns a hash of the owner, class and type of an RRset.
func (k *keys) rrset(h *dns.RR_Header) uint64 {
	k.write(h, 0)
	return maphash.Bytes(seed, k.buf)
}

// turn returns a hash of the owner, class and type of set, of the tier of each record and of the
// series: what turns are counted by.
func (k *keys) turn(set []dns.RR, tiers []uint32, series Series) uint64 {
	rest := k.write(set[0].Header(), 4*len(tiers)+4)
	for _, t := range tiers {
		binary.LittleEndian.PutUint32(rest, t)
		rest = rest[4:]
	}
	// The number of tiers tells where they begin. It is at most math.MaxUint16.
	binary.LittleEndian.PutUint32(rest, uint32(series)<<16|uint32(len(tiers)))
	return maphash.Bytes(seed, k.buf)
}

// write writes the owner in lower case (RFC 4343), the class and the type to the buffer, and returns
// its rest, which has n bytes.
func (k *keys) write(h *dns.RR_Header, n int) (rest []byte) {
	k.buf = resize(k.buf, len(h.Name)+4+n)
	owner := k.buf[:copy(k.buf, h.Name)]
	for i, c := range owner {
		if c-'A' < 26 {
			owner[i] = c | 0x20
		}
	}
	rest = k.buf[len(owner):]
	binary.LittleEndian.PutUint32(rest, uint32(h.Class)<<16|uint32(h.Rrtype))
	return rest[4:]
}
