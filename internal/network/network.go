// Package network parses networks in Corefiles and topology files, with one wording for what is
// wrong with them.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// Any is what the word any stands for: every address of both families.
var Any = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// ParseList parses networks with commas between them, or the word any. Its errors name the word.
func ParseList(word string) ([]netip.Prefix, error) {
	if word == "any" {
		return Any, nil
	}
	var all []netip.Prefix
	for part := range strings.SplitSeq(word, ",") {
		n, err := Parse(part)
		if err != nil {
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
	if clean := strings.TrimRight(word, ";,"); clean != word {
		if _, err := Parse(clean); err == nil {
			return netip.Prefix{}, fmt.Errorf("%s is not an address or network: did you mean %s?", quote.Quoted(word), clean)
		}
	}
	before, after, slash := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(before)
	switch {
	case err != nil:
		return netip.Prefix{}, notNetwork(word, before, after, slash)
	case addr.Zone() != "":
		return netip.Prefix{}, fmt.Errorf("%s has a zone: leave out %s", quote.Word(word), quote.Word("%"+addr.Zone()))
	case !slash:
		return Check(netip.PrefixFrom(addr, addr.BitLen()))
	}
	if mask, err := netip.ParseAddr(after); err == nil && mask.Is4() && addr.Is4() {
		m := mask.As4()
		if length, size := net.IPMask(m[:]).Size(); size != 0 {
			return netip.Prefix{}, fmt.Errorf("%s has a mask for a length: did you mean %v?",
				word, netip.PrefixFrom(addr, length).Masked())
		}
	}
	return netip.Prefix{}, fmt.Errorf("%s: %s is not a prefix length from 0 to %d",
		quote.Word(word), quote.Quoted(after), addr.BitLen())
}

// notNetwork returns the error for a word whose part before the slash is no address.
func notNetwork(word, before, after string, slash bool) error {
	if slash && strings.Count(before, ".") < 3 && !strings.Contains(before, ":") {
		full := strings.TrimSuffix(before, ".") + strings.Repeat(".0", 3-strings.Count(strings.TrimSuffix(before, "."), "."))
		if n, err := Parse(full + "/" + after); err == nil {
			return fmt.Errorf("%s is not an address or network: did you mean %s?", quote.Quoted(word), n)
		}
	}
	return fmt.Errorf("%s is not an address or network", quote.Quoted(word))
}

// Check returns n, as IPv4 if it is an IPv4-mapped network. The error says that n is not valid or
// has host bits set, and which network was probably meant.
func Check(n netip.Prefix) (netip.Prefix, error) {
	if !n.IsValid() {
		return n, errors.New("not a network")
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
