// Package network parses networks in Corefiles and topology files, with one wording for what is
// wrong with them.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// Any is what the word any stands for: every address of both families.
var Any = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// ParseList parses networks with commas between them, or the word any. Its errors are as those of
// Parse.
func ParseList(word string) ([]netip.Prefix, error) {
	if word == "any" {
		return Any, nil
	}
	if lower := strings.ToLower(word); lower == "any" || lower == "all" || lower == "*" {
		return nil, didYouMean(word, "any")
	}
	var all []netip.Prefix
	for part := range strings.SplitSeq(word, ",") {
		n, err := Parse(part)
		switch {
		case part == "any":
			return nil, fmt.Errorf("%s has any among others, and any is every address: did you mean any?", quote.Word(word))
		case part == "" && word != "":
			return nil, fmt.Errorf("%s has a comma too many", quote.Word(word))
		case err != nil:
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// Parse parses a network in CIDR notation, or an address as the network of that address alone. An
// IPv4-mapped network is returned as the IPv4 network. The error names the word and, where one is
// near at hand, a network to write instead.
func Parse(word string) (netip.Prefix, error) {
	if n, err := netip.ParsePrefix(word); err == nil {
		return Check(n)
	}
	before, after, slash := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(before)
	switch {
	case err != nil:
		return netip.Prefix{}, notNetwork(word)
	case addr.Zone() != "":
		return netip.Prefix{}, fmt.Errorf("%s has an IPv6 zone: remove %s", quote.Word(word), quote.Word("%"+addr.Zone()))
	case !slash:
		return Check(netip.PrefixFrom(addr, addr.BitLen()))
	}
	if mask, err := netip.ParseAddr(after); err == nil && mask.BitLen() == addr.BitLen() {
		if length, size := net.IPMask(mask.AsSlice()).Size(); size != 0 {
			return netip.Prefix{}, fmt.Errorf("%s has a mask instead of a prefix length: did you mean %v?",
				word, netip.PrefixFrom(addr, length).Masked())
		}
	}
	if clean := strings.TrimRight(after, ";,"); clean != after {
		return netip.Prefix{}, notNetwork(word)
	}
	return netip.Prefix{}, fmt.Errorf("%s: %s is not a prefix length from 0 to %d",
		quote.Word(word), quote.Quoted(after), addr.BitLen())
}

// notNetwork returns the error for a word that is not an address, with or without a length. It
// says what was probably meant where that is an address or network.
func notNetwork(word string) error {
	for _, mended := range []string{
		strings.TrimRight(word, ";,"),
		withoutPort(word),
		strings.NewReplacer("[", "", "]", "", `\`, "/").Replace(word),
		inFull(word),
	} {
		if mended == word {
			continue
		}
		if n, err := Parse(mended); err == nil {
			if n.IsSingleIP() && !strings.Contains(mended, "/") {
				mended = n.Addr().String()
			} else {
				mended = n.String()
			}
			return didYouMean(word, mended)
		}
	}
	return fmt.Errorf("%s is not an address or network", quote.Quoted(word))
}

func didYouMean(word, mended string) error {
	return fmt.Errorf("%s is not an address or network: did you mean %s?", quote.Quoted(word), mended)
}

// withoutPort returns the host in a word that has a port, otherwise the word.
func withoutPort(word string) string {
	if host, _, err := net.SplitHostPort(word); err == nil {
		return host
	}
	return word
}

// inFull returns the IPv4 network whose last octets a word leaves out, or has as stars: 10.1/16,
// 10.1.* and 10.1 are 10.1.0.0/16. It returns any other word as it is.
func inFull(word string) string {
	address, length, slash := strings.Cut(word, "/")
	octets := strings.Split(strings.TrimSuffix(address, "."), ".")
	for n := len(octets); n > 1 && octets[n-1] == "*"; n = len(octets) {
		octets = octets[:n-1]
	}
	if len(octets) > 3 || !slash && len(octets) == 1 && address == octets[0] {
		return word // a whole address, or a number
	}
	if !slash {
		length = strconv.Itoa(8 * len(octets))
	}
	return strings.Join(octets, ".") + strings.Repeat(".0", 4-len(octets)) + "/" + length
}

// Check returns n, as IPv4 if it is an IPv4-mapped network. The error says that n is not valid or
// has host bits set, and which network was probably meant.
func Check(n netip.Prefix) (netip.Prefix, error) {
	if !n.IsValid() {
		return n, errors.New("the network is not valid")
	}
	if masked := n.Masked(); masked != n {
		return n, fmt.Errorf("%s has host bits set: did you mean %s?", n, masked)
	}
	if n.Addr().Is4In6() {
		// Without host bits set, such a network is at least as narrow as ::ffff:0:0/96.
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96), nil
	}
	return n, nil
}
