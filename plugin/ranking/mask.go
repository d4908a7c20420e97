package ranking

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// ClassfulMask is what ParseMask returns for the mask that stands for the classful network.
const ClassfulMask = -1

// ParseMask parses an IPv4 subnet mask and returns its length: a dotted mask 255.255.248.0, a
// length /21 or 21, or the DWORD of Windows' LocalNetPriorityNetMask, which has the host bits set,
// 0x7ff (MS-DNSP, section 3.1.1.1.1). 0xffffffff gives ClassfulMask. The error reads on from the
// word, and does not repeat it.
func ParseMask(word string) (length int, err error) {
	if hex, ok := strings.CutPrefix(strings.ToLower(word), "0x"); ok {
		return parseHostBits(hex)
	}
	if strings.Contains(word, ":") {
		return 0, errors.New("is an IPv6 mask: netmask6 takes their lengths")
	}
	if !strings.Contains(word, ".") {
		return ParseLength(word, 32)
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return 0, errors.New("is not a mask: wants 255.255.248.0, /21 or 0x000007ff")
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	length = bits.LeadingZeros32(^mask)
	if mask<<length != 0 {
		return 0, holes(mask)
	}
	return length, nil
}

// holes returns the error for a mask whose set bits are not all in front.
func holes(mask uint32) error {
	if mask&(mask+1) == 0 { // the set bits are all at the end
		m := ^mask
		b := netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
		return fmt.Errorf("has the host bits set and not those of the network: did you mean %v?", b)
	}
	return errors.New("has holes")
}

// parseHostBits parses a DWORD in hexadecimal whose set bits are those of the host.
func parseHostBits(hex string) (length int, err error) {
	host, err := strconv.ParseUint(hex, 16, 32)
	switch {
	case err != nil:
		return 0, errors.New("is not a number of 32 bits")
	case host == 1<<32-1:
		return ClassfulMask, nil
	case host&(host+1) == 0:
		return bits.LeadingZeros32(uint32(host)), nil
	case bits.LeadingZeros32(^uint32(host))+bits.TrailingZeros32(uint32(host)) == 32:
		return 0, fmt.Errorf("has the bits of the network set, and Windows sets those of the host: did you mean 0x%08x?",
			^uint32(host))
	}
	return 0, errors.New("has holes")
}

// ParseLength parses a prefix length up to longest, with a slash in front or without. The error
// reads on from the word, and does not repeat it.
func ParseLength(word string, longest int) (int, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "/"), 10, 31)
	switch {
	case err != nil:
		return 0, errors.New("is not a length")
	case int(n) > longest && longest == 32 && n&(n+1) == 0:
		return 0, fmt.Errorf("is longer than /32: did you mean 0x%x?", n)
	case int(n) > longest:
		return 0, fmt.Errorf("is longer than /%d", longest)
	}
	return int(n), nil
}
