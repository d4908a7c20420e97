package ordering

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseNetworks reads addresses and networks with commas between, or the word any.
func parseNetworks(word string) (networks []netip.Prefix, err error) {
	if word == "any" {
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
	}
	for part := range strings.SplitSeq(word, ",") {
		n, err := parseNetwork(part)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

// parseNetwork reads a network, or an address as the network of that one address.
func parseNetwork(word string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(word)
	if a, errAddr := netip.ParseAddr(word); errAddr == nil && a.Zone() == "" {
		n, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil && strings.HasPrefix(word, "!"):
		return n, fmt.Errorf("%s: a ! stands in front of a whole word of PREFERENCE only", word)
	case err != nil:
		return n, fmt.Errorf("%q is not an address or network", word)
	case n != n.Masked():
		return n, fmt.Errorf("%s has host bits set: did you mean %v?", word, n.Masked())
	case n.Addr().Is4In6():
		return n, fmt.Errorf("%s is an IPv4-mapped network: write it as IPv4", word)
	}
	return n, nil
}
