package topology

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// address is an IP address as a number.
type address[K any] interface {
	comparable
	addr() netip.Addr
	before(K) bool
	common(K) int               // the number of leading bits both share
	last(length int) K          // the last address of the network with this prefix length
	next() (K, bool)            // false after the last address of the family
	prev() K                    // not for the first address of the family
	bucket(skip, width int) int // the width bits that follow the first skip bits
	size() int                  // bits in an address
}

type addr4 uint32

func makeAddr4(a netip.Addr) addr4 {
	b := a.As4()
	return addr4(binary.BigEndian.Uint32(b[:]))
}

func (a addr4) addr() netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(a))
	return netip.AddrFrom4(b)
}

func (a addr4) before(b addr4) bool        { return a < b }
func (a addr4) common(b addr4) int         { return bits.LeadingZeros32(uint32(a ^ b)) }
func (a addr4) last(length int) addr4      { return a | ^addr4(0)>>length }
func (a addr4) next() (addr4, bool)        { return a + 1, a+1 != 0 }
func (a addr4) prev() addr4                { return a - 1 }
func (a addr4) bucket(skip, width int) int { return int(a << skip >> (32 - width)) }
func (a addr4) size() int                  { return 32 }

type addr6 struct{ high, low uint64 }

func makeAddr6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr6) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.high)
	binary.BigEndian.PutUint64(b[8:], a.low)
	return netip.AddrFrom16(b)
}

func (a addr6) before(b addr6) bool {
	return a.high < b.high || a.high == b.high && a.low < b.low
}

func (a addr6) common(b addr6) int {
	if a.high != b.high {
		return bits.LeadingZeros64(a.high ^ b.high)
	}
	return 64 + bits.LeadingZeros64(a.low^b.low)
}

func (a addr6) last(length int) addr6 {
	if length > 64 {
		return addr6{a.high, a.low | ^uint64(0)>>(length-64)}
	}
	return addr6{a.high | ^uint64(0)>>length, ^uint64(0)}
}

func (a addr6) next() (addr6, bool) {
	low, carry := bits.Add64(a.low, 1, 0)
	high, over := bits.Add64(a.high, 0, carry)
	return addr6{high, low}, over == 0
}

func (a addr6) prev() addr6 {
	low, borrow := bits.Sub64(a.low, 1, 0)
	return addr6{a.high - borrow, low}
}

func (a addr6) bucket(skip, width int) int {
	if skip < 64 {
		return int((a.high<<skip | a.low>>(64-skip)) >> (64 - width))
	}
	return int(a.low << (skip - 64) >> (64 - width))
}

func (a addr6) size() int { return 128 }
