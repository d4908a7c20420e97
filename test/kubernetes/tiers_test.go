package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// tiers is an expected answer: the nearest tier first, the addresses of a tier in any order.
type tiers [][]string

// check returns an error unless answer has exactly these tiers in this order.
func (want tiers) check(answer []netip.Addr) error {
	rest := answer
	for i, tier := range want {
		if len(rest) < len(tier) {
			return fmt.Errorf("%d addresses, too few for tier %d %v: %v", len(answer), i, tier, answer)
		}
		if got := sorted(rest[:len(tier)]); !slices.Equal(got, sorted(parse(tier...))) {
			return fmt.Errorf("tier %d is %v, not %v, in %v", i, got, tier, answer)
		}
		rest = rest[len(tier):]
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected addresses %v in %v", rest, answer)
	}
	return nil
}

func sorted(all []netip.Addr) []netip.Addr {
	return slices.SortedFunc(slices.Values(all), netip.Addr.Compare)
}

func parse(all ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, s := range all {
		parsed = append(parsed, netip.MustParseAddr(s))
	}
	return parsed
}

// from returns an asker for a client.
func (s *server) from(client string) asker {
	return asker{s.dns, netip.MustParseAddr(client)}
}

// consecutive is the number of correct answers in a row that expect requires, and the largest tier
// whose turns it checks.
const consecutive = 8

// expect waits until a client gets the addresses of a name in these tiers, in consecutive answers, in
// which each address of a tier takes the first place of the tier.
func (s *server) expect(t *testing.T, client, name string, qtype uint16, want tiers) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s %s for %s", name, dns.TypeToString[qtype], client), func() error {
		first := make(map[netip.Addr]bool)
		for range consecutive {
			answer, err := s.from(client).lookup(name, qtype)
			if err != nil {
				return err
			}
			if err := want.check(answer); err != nil {
				return err
			}
			for _, tier := range want {
				first[answer[0]] = true
				answer = answer[len(tier):]
			}
		}
		for _, tier := range want {
			for _, address := range parse(tier...) {
				if len(tier) <= consecutive && !first[address] {
					return fmt.Errorf("%v is never the first of %v", address, tier)
				}
			}
		}
		return nil
	})
}

// expectNow checks one answer and does not wait, for an order that must not have changed.
func (s *server) expectNow(t *testing.T, client, name string, qtype uint16, want tiers) {
	t.Helper()
	answer, err := s.from(client).lookup(name, qtype)
	if err == nil {
		err = want.check(answer)
	}
	if err != nil {
		t.Errorf("%s %s for %s: %v", name, dns.TypeToString[qtype], client, err)
	}
}
