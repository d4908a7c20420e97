package topology

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// address is an IP address of one family as a number: addr4 or ipaddr.Addr. The methods are
// documented at ipaddr.Addr.
type address[K any] interface {
	comparable
	Netip() netip.Addr
	Less(K) bool
	CommonBits(K) int
	Last(length int) K
	Next() (K, bool)
	Prev() K
	Bits(skip, width int) int
	Size() int
}

// addr4 is an IPv4 address. A table of IPv4 networks takes half the memory with 32-bit addresses of
// what it would take with ipaddr.Addr, and a search in it less time.
type addr4 uint32

// addr4From returns a, which must be an IPv4 address.
func addr4From(a netip.Addr) addr4 {
	b := a.As4()
	return addr4(binary.BigEndian.Uint32(b[:]))
}

func (a addr4) Netip() netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(a))
	return netip.AddrFrom4(b)
}

func (a addr4) Less(b addr4) bool        { return a < b }
func (a addr4) CommonBits(b addr4) int   { return bits.LeadingZeros32(uint32(a ^ b)) }
func (a addr4) Last(length int) addr4    { return a | ^addr4(0)>>length }
func (a addr4) Next() (addr4, bool)      { return a + 1, a+1 != 0 }
func (a addr4) Prev() addr4              { return a - 1 }
func (a addr4) Bits(skip, width int) int { return int(a << skip >> (32 - width)) }
func (addr4) Size() int                  { return 32 }
