package ordering

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// classfulMask is what parseMask returns for a DWORD that asks for the classful network.
const classfulMask = -1

// parseMask reads an IPv4 subnet mask and returns its length: 255.255.248.0, /21, 21, or the DWORD of Windows'
// LocalNetPriorityNetMask, which has the host bits set, 0x7ff (MS-DNSP section 3.1.1.1.1). Its error goes on from the word.
func parseMask(word string) (length int, err error) {
	if hex, ok := strings.CutPrefix(strings.ToLower(word), "0x"); ok {
		return parseHostBits(hex)
	}
	if strings.Contains(word, ":") {
		return 0, errors.New("is an IPv6 mask: netmask6 takes their lengths")
	}
	if !strings.Contains(word, ".") {
		return parseLength(word, 32)
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return 0, errors.New("is not a mask: wants 255.255.248.0, /21 or 0x000007ff")
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	length = bits.LeadingZeros32(^mask)
	if mask<<length != 0 {
		return 0, holes(mask, ^mask)
	}
	return length, nil
}

// holes returns the error for a mask whose bits do not all stand in front. flipped is the mask with ones and zeros swapped.
func holes(mask, flipped uint32) error {
	if flipped&(1<<31) != 0 && mask != 0 && mask&(mask+1) == 0 {
		b := netip.AddrFrom4([4]byte{byte(flipped >> 24), byte(flipped >> 16), byte(flipped >> 8), byte(flipped)})
		return fmt.Errorf("has the host bits set and not those of the network: did you mean %v?", b)
	}
	return errors.New("has holes")
}

// parseHostBits reads a DWORD in hexadecimal whose set bits are those of the host.
func parseHostBits(hex string) (length int, err error) {
	host, err := strconv.ParseUint(hex, 16, 32)
	switch {
	case err != nil:
		return 0, errors.New("is not a number of 32 bits")
	case host == 1<<32-1:
		return classfulMask, nil
	case host&(host+1) == 0:
		return bits.LeadingZeros32(uint32(host)), nil
	case bits.LeadingZeros32(^uint32(host))+bits.TrailingZeros32(uint32(host)) == 32:
		return 0, fmt.Errorf("has the bits of the network set, and Windows sets those of the host: did you mean 0x%08x?", ^uint32(host))
	}
	return 0, errors.New("has holes")
}

// parseLength reads a prefix length, with a slash in front or without, of most bits at most.
func parseLength(word string, most int) (int, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "/"), 10, 31)
	switch {
	case err != nil:
		return 0, errors.New("is not a length")
	case int(n) > most && most == 32 && n&(n+1) == 0:
		return 0, fmt.Errorf("is longer than /32: did you mean 0x%x?", n)
	case int(n) > most:
		return 0, fmt.Errorf("is longer than /%d", most)
	}
	return int(n), nil
}
