package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// tiers are addresses by nearness: inside a tier in any order, one tier before the next.
type tiers [][]string

// check returns an error unless answer holds exactly these tiers, the nearest first.
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
		return fmt.Errorf("%v too many in %v", rest, answer)
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

// from asks as a client.
func (s *server) from(client string) asker {
	return asker{s.dns, netip.MustParseAddr(client)}
}

// inARow is how many answers have to be right, one after the other, to be believed: as many as there
// are addresses in most tests, so that no round of turns is right by chance in each of them.
const inARow = 8

// expect waits until a client gets the addresses of a name in these tiers, time after time.
func (s *server) expect(t *testing.T, client, name string, qtype uint16, want tiers) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s %s for %s", name, dns.TypeToString[qtype], client), func() error {
		for range inARow {
			answer, err := s.from(client).lookup(name, qtype)
			if err != nil {
				return err
			}
			if err := want.check(answer); err != nil {
				return err
			}
		}
		return nil
	})
}

// expectNow is expect without the waiting: for what must not have changed.
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
