//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// lookup returns the addresses of a name in the order in which the server gives them. It returns an
// error if the response has an error or is truncated.
func (s *server) lookup(name string) ([]netip.Addr, error) {
	query := new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(4096, false)
	client := dns.Client{Timeout: time.Second}
	response, _, err := client.Exchange(query, fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return nil, err
	}
	if response.Truncated || response.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("%s: %s, truncated %t", name, dns.RcodeToString[response.Rcode], response.Truncated)
	}
	var addresses []netip.Addr
	for _, rr := range response.Answer {
		if a, ok := rr.(*dns.A); ok {
			address, _ := netip.AddrFromSlice(a.A)
			addresses = append(addresses, address.Unmap())
		}
	}
	return addresses, nil
}

// verify queries the server a few times and returns an error unless every answer has all addresses,
// or as many as the limit of v, in the order that v promises.
func (s *server) verify(v variant, size int) error {
	want := size
	if v.limit > 0 {
		want = min(size, v.limit)
	}
	var first []netip.Addr
	turned := false
	for i := range 10 {
		addresses, err := s.lookup(owner(size, 0))
		if err != nil {
			return err
		}
		if len(addresses) != want {
			return fmt.Errorf("%d addresses, want %d", len(addresses), want)
		}
		if v.nearestFirst && !isNearestFirst(addresses) {
			return fmt.Errorf("the nearest do not come first: %v", addresses)
		}
		if i == 0 {
			first = addresses
		}
		turned = turned || !slices.Equal(addresses, first)
	}
	// In an answer of three, no two addresses are equally near, so none take turns.
	if v.turns && size > 3 && !turned {
		return fmt.Errorf("ten answers all have the order %v", first)
	}
	return nil
}

// isNearestFirst reports whether addresses on the client's subnet come first, then those on its
// network, then the rest.
func isNearestFirst(addresses []netip.Addr) bool {
	return slices.IsSortedFunc(addresses, func(a, b netip.Addr) int { return distance(a) - distance(b) })
}

// distance returns 0 for an address on the client's subnet, 1 for one on its network, else 2.
func distance(address netip.Addr) int {
	switch {
	case netip.MustParsePrefix(clientSubnet).Contains(address):
		return 0
	case netip.MustParsePrefix(clientNetwork).Contains(address):
		return 1
	default:
		return 2
	}
}
