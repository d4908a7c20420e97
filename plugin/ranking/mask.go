package ranking

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ClassfulMask is what ParseMask returns for the mask that stands for the classful network.
const ClassfulMask = -1

var errNotMask = errors.New("is not a mask; want one like 255.255.248.0, /21 or 0x000007ff")

// ParseMask parses an IPv4 subnet mask and returns its length. A mask is dotted, 255.255.248.0; or
// a length, /21 or 21; or the DWORD of Windows' LocalNetPriorityNetMask, which has the host bits
// set, 0x7ff (MS-DNSP, section 3.1.1.1.1). For 0xffffffff it returns ClassfulMask.
//
// Numbers without 0x or slash that are both a length and a DWORD in decimal, such as 31, are
// refused, because PowerShell shows the DWORD so. The error reads on from the word, and does not
// repeat it. It says what to write instead where that is clear.
func ParseMask(word string) (length int, err error) {
	address, after, slash := strings.Cut(word, "/")
	switch {
	case slash && address == "":
		return parseLength4(after)
	case slash:
		return 0, isNetwork(word, "netmask")
	case strings.Contains(word, ":"):
		return 0, ipv6Mask(word)
	case strings.Contains(word, "."):
		return parseDotted(word)
	case strings.HasPrefix(strings.ToLower(word), "0x"):
		return parseHostBits(word[2:])
	}
	return parseNumber(word)
}

// ParseMask6 parses the length of an IPv6 subnet mask, /64 or 64. The error is as that of
// ParseMask.
func ParseMask6(word string) (length int, err error) {
	if mask, err := netip.ParseAddr(word); err == nil {
		length, ok := maskLength(mask)
		switch {
		case ok && mask.Is4():
			return 0, fmt.Errorf("is an IPv4 mask: did you mean netmask %v?", mask)
		case ok:
			return 0, fmt.Errorf("is a mask, not a prefix length: did you mean /%d?", length)
		}
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "/"), 10, 31)
	switch {
	case err != nil:
		return 0, isNetwork(word, "netmask6")
	case n > 128:
		return 0, errors.New("is longer than /128")
	}
	return int(n), nil
}

// parseLength4 parses the length of an IPv4 mask, which stands after a slash.
func parseLength4(digits string) (length int, err error) {
	n, err := strconv.ParseUint(digits, 10, 31)
	switch {
	case err != nil:
		return 0, errors.New("is not a prefix length from 0 to 32")
	case n > 32 && n <= 128:
		return 0, fmt.Errorf("is longer than /32: did you mean netmask6 /%d?", n)
	case n > 32:
		return 0, errors.New("is longer than /32")
	}
	return int(n), nil
}

// parseDotted parses a mask in the form of an IPv4 address.
func parseDotted(word string) (length int, err error) {
	mask, err := netip.ParseAddr(word)
	if err != nil {
		return 0, errNotMask
	}
	length, ok := maskLength(mask)
	if ok {
		return length, nil
	}
	inverse := mask.As4()
	for i := range inverse {
		inverse[i] ^= 0xff
	}
	mask = netip.AddrFrom4(inverse)
	if _, ok := maskLength(mask); ok {
		return 0, fmt.Errorf("has the host bits set instead of the network bits: did you mean %v?", mask)
	}
	return 0, errors.New("has holes")
}

// parseHostBits parses a DWORD in hexadecimal whose set bits are those of the host.
func parseHostBits(hex string) (length int, err error) {
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return 0, errors.New("is not a 32-bit hexadecimal number")
	}
	host := uint32(v)
	switch {
	case host == ^uint32(0):
		return ClassfulMask, nil
	case hostBits(host):
		return bits.LeadingZeros32(host), nil
	case hostBits(^host):
		return 0, fmt.Errorf("has the network bits set, but Windows sets the host bits: did you mean 0x%08x?", ^host)
	}
	return 0, errors.New("has holes")
}

// parseNumber parses a number without 0x or slash: a length, unless it can be a DWORD as well.
func parseNumber(word string) (length int, err error) {
	n, err := strconv.ParseUint(word, 10, 32)
	dword := uint32(n)
	switch {
	case err != nil, len(word) == 8 && word[0] == '0':
		return 0, withoutPrefix(word)
	case n <= 32 && hostBits(dword):
		return 0, fmt.Errorf("is /%d as a length and /%d as Windows' DWORD: write /%d or 0x%x",
			n, bits.LeadingZeros32(dword), n, n)
	case n <= 32:
		return int(n), nil
	case hostBits(dword):
		return 0, fmt.Errorf("is longer than /32: did you mean 0x%x?", n)
	case hostBits(^dword):
		return 0, fmt.Errorf("is longer than /32: did you mean 0x%08x?", ^dword)
	}
	return parseLength4(word)
}

// withoutPrefix returns the error for a word that is neither a length nor any other mask. A DWORD
// in hexadecimal lacks only its 0x.
func withoutPrefix(word string) error {
	if n, err := strconv.ParseUint(word, 16, 32); err == nil {
		switch host := uint32(n); {
		case hostBits(host):
			return fmt.Errorf("is not a prefix length: did you mean 0x%s?", word)
		case hostBits(^host):
			return fmt.Errorf("is not a prefix length: did you mean 0x%08x?", ^host)
		}
	}
	return errNotMask
}

// isNetwork returns the error for a word that may be a network in place of the mask that property
// takes.
func isNetwork(word, property string) error {
	n, err := netip.ParsePrefix(word)
	of := "netmask6"
	if n.Addr().Is4() {
		of = "netmask"
	}
	switch {
	case err == nil && of == property:
		return fmt.Errorf("is a network, not a mask: did you mean /%d?", n.Bits())
	case err == nil:
		return fmt.Errorf("is a network, not a mask: did you mean %s /%d?", of, n.Bits())
	case property == "netmask6":
		return errors.New("is not a prefix length; want one like /64")
	}
	return errNotMask
}

// ipv6Mask returns the error for a word with a colon where an IPv4 mask belongs.
func ipv6Mask(word string) error {
	if mask, err := netip.ParseAddr(word); err == nil {
		if length, ok := maskLength(mask); ok {
			return fmt.Errorf("is an IPv6 mask: did you mean netmask6 /%d?", length)
		}
	}
	return errors.New("is an IPv6 mask: use netmask6 with a prefix length")
}

// hostBits reports whether the set bits of a DWORD are all at its end. It is true for 0.
func hostBits(dword uint32) bool { return dword&(dword+1) == 0 }

// maskLength returns how many bits of a mask are set. ok is false if they are not all in front.
func maskLength(mask netip.Addr) (length int, ok bool) {
	length, size := net.IPMask(mask.AsSlice()).Size()
	return length, size > 0
}
