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
	k.header(h)
	return maphash.Bytes(seed, k.buf)
}

// header begins with the owner in lower case (RFC 4343), the class and the type.
func (k *keys) header(h *dns.RR_Header) {
	k.buf = append(k.buf[:0], h.Name...)
	for i, c := range k.buf {
		if c-'A' < 26 {
			k.buf[i] = c | 0x20
		}
	}
	k.buf = binary.LittleEndian.AppendUint16(k.buf, h.Class)
	k.buf = binary.LittleEndian.AppendUint16(k.buf, h.Rrtype)
}

// turn returns a hash of the owner, class and type of set and of the tier of each record: what the
// turns are counted by.
func (k *keys) turn(set []dns.RR, tiers []uint32) uint64 {
	k.header(set[0].Header())
	for _, t := range tiers {
		k.buf = binary.LittleEndian.AppendUint32(k.buf, t)
	}
	k.buf = binary.LittleEndian.AppendUint32(k.buf, uint32(len(tiers))) // tells where the tiers begin
	return maphash.Bytes(seed, k.buf)
}
