// Package ipaddr has IP addresses as 128-bit numbers, which a hot path compares and counts with.
//
// An IPv4 address stands in the last 32 bits, in the IPv4-mapped form ::ffff:192.0.2.1 (RFC 4291,
// section 2.5.5.2). So one comparison serves both families. Where the family of an address matters,
// the caller knows it: from the type of a record, or because it unmapped a client's address.
package ipaddr

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Addr is an IP address. The zero Addr is ::, which also stands in for an address that is missing.
type Addr struct {
	Hi, Lo uint64 // the first and the last 64 bits
}

// Offset4 is the number of bits in front of an IPv4 address.
const Offset4 = 96

const mapped = 0xffff << 32 // the bits in front of an IPv4 address, in Lo

// From4 returns the IPv4 address with these 32 bits.
func From4(a uint32) Addr { return Addr{Lo: mapped | uint64(a)} }

// From4Bytes returns the IPv4 address in b, which has 4 bytes or, as zone files are parsed, 16 of
// which the last 4 count. For fewer than 4 bytes it returns the zero Addr.
func From4Bytes(b []byte) Addr {
	if n := len(b); n >= 4 {
		return From4(binary.BigEndian.Uint32(b[n-4:]))
	}
	return Addr{}
}

// From16Bytes returns the address in b, which has 16 bytes. For another length it returns the zero
// Addr.
func From16Bytes(b []byte) Addr {
	if len(b) == 16 {
		return Addr{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
	}
	return Addr{}
}

// FromNetip returns a without its zone; the zero Addr if a is not valid.
func FromNetip(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	b := a.As16()
	return Addr{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// Netip returns the address as an IPv6 netip.Addr.
func (a Addr) Netip() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}

// NetipAs returns the address as a netip.Addr of its family, which is IPv4 or not.
func (a Addr) NetipAs(ip4 bool) netip.Addr {
	if ip4 {
		return a.Netip().Unmap()
	}
	return a.Netip()
}

// CommonBits returns how many leading bits a and b share, up to 128. Two IPv4 addresses share
// Offset4 bits or more.
func (a Addr) CommonBits(b Addr) int {
	if x := a.Hi ^ b.Hi; x != 0 {
		return bits.LeadingZeros64(x)
	}
	return 64 + bits.LeadingZeros64(a.Lo^b.Lo)
}

// Less reports whether a comes before b.
func (a Addr) Less(b Addr) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// Last returns the last address of the network that begins with a and has this prefix length.
func (a Addr) Last(length int) Addr {
	if length > 64 {
		return Addr{a.Hi, a.Lo | ^uint64(0)>>(length-64)}
	}
	return Addr{a.Hi | ^uint64(0)>>length, ^uint64(0)}
}

// Next returns the address after a; false after the last address of all.
func (a Addr) Next() (Addr, bool) {
	low, carry := bits.Add64(a.Lo, 1, 0)
	high, over := bits.Add64(a.Hi, 0, carry)
	return Addr{high, low}, over == 0
}

// Prev returns the address before a, which must not be the first of all.
func (a Addr) Prev() Addr {
	low, borrow := bits.Sub64(a.Lo, 1, 0)
	return Addr{a.Hi - borrow, low}
}

// Bits returns the width bits of a that follow its first skip bits. skip is less than 128, width
// from 1 to 63.
func (a Addr) Bits(skip, width int) int {
	if skip < 64 {
		return int((a.Hi<<skip | a.Lo>>(64-skip)) >> (64 - width))
	}
	return int(a.Lo << (skip - 64) >> (64 - width))
}

// Size returns 128, the number of bits in an Addr.
func (Addr) Size() int { return 128 }
