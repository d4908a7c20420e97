//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// ask returns the addresses of a name in the order that the server gives them.
func (s *server) ask(name string) ([]netip.Addr, error) {
	query := new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(4096, false)
	client := dns.Client{Timeout: time.Second}
	answer, _, err := client.Exchange(query, fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return nil, err
	}
	if answer.Truncated || answer.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("%s: %s, truncated %t", name, dns.RcodeToString[answer.Rcode], answer.Truncated)
	}
	var addresses []netip.Addr
	for _, rr := range answer.Answer {
		if a, ok := rr.(*dns.A); ok {
			address, _ := netip.AddrFromSlice(a.A)
			addresses = append(addresses, address.Unmap())
		}
	}
	return addresses, nil
}

// check asks the server a few times and returns an error unless its answers are
// whole and in the order that c promises.
func (s *server) check(c contender, size int) error {
	var first []netip.Addr
	turned := false
	for i := range 10 {
		addresses, err := s.ask(owner(size, 0))
		if err != nil {
			return err
		}
		if len(addresses) != size {
			return fmt.Errorf("%d addresses, want %d", len(addresses), size)
		}
		if c.nearestFirst && !nearestFirst(addresses) {
			return fmt.Errorf("not the nearest first: %v", addresses)
		}
		if i == 0 {
			first = addresses
		}
		turned = turned || !slices.Equal(addresses, first)
	}
	// In a name of three, the nearest has nobody to take turns with.
	if c.turns && size > 3 && !turned {
		return fmt.Errorf("ten answers, and all in one order: %v", first)
	}
	return nil
}

// nearestFirst reports whether the addresses of the client's subnet come first,
// then those of its network.
func nearestFirst(addresses []netip.Addr) bool {
	last := 0
	for _, address := range addresses {
		t := 2
		for i, network := range []string{clientSubnet, clientNetwork} {
			if netip.MustParsePrefix(network).Contains(address) {
				t = i
				break
			}
		}
		if t < last {
			return false
		}
		last = t
	}
	return true
}
