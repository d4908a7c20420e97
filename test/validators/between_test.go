package validators

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// What docs/clients.md says about resolvers between ordering and its clients.
func TestResolversBetweenThatKeepTheOrder(t *testing.T) {
	ordering := freeAddress(t)
	records := apex + subnetRecords
	startServer(t, ordering, "ordering {\nround_robin off\n}\nfile "+
		program.WriteFile(t, t.TempDir(), "example.org.zone", parseZone(t, records).String()))
	ask := func(addr netip.AddrPort) string {
		m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		return addresses(exchange(t, ownAddress, addr, m))
	}
	want := ask(ordering)

	tests := []struct {
		program, settings string
		kept              bool
	}{
		{"unbound", "", false},
		{"unbound", "rrset-roundrobin: no", true},
		{"named", "", false},
		{"named", "rrset-order { order none; };", false}, // it sorts by address what it caches
		{"coredns", "cache", true},
		{"coredns", "cache\nloadbalance", false},
	}
	for _, test := range tests {
		t.Run(strings.TrimSpace(test.program+" "+test.settings), func(t *testing.T) {
			var resolver netip.AddrPort
			switch test.program {
			case "unbound":
				resolver = startUnbound(t, program.Find(t, test.program), ordering, "\t"+test.settings+"\n")
			case "named":
				resolver = startNamedResolver(t, program.Find(t, test.program), ordering, test.settings)
			case "coredns":
				resolver = freeAddress(t)
				startServer(t, resolver, fmt.Sprintf("%s\nforward . %v", test.settings, ordering))
			}
			orders := map[string]int{}
			for range 20 * rounds(t) {
				orders[ask(resolver)]++
			}
			if kept := len(orders) == 1 && orders[want] > 0; kept != test.kept {
				t.Errorf("kept %v, want %v: the answers are %v", kept, test.kept, orders)
			}
		})
	}
}

// startNamedResolver starts named as a resolver that asks the server at upstream for everything. It
// returns its address.
func startNamedResolver(t *testing.T, named string, upstream netip.AddrPort, settings string) netip.AddrPort {
	t.Helper()
	options := fmt.Sprintf("recursion yes; allow-recursion { any; }; forward only; forwarders { %v port %d; }; %s",
		upstream.Addr(), upstream.Port(), settings)
	return program.StartNamed(t, named, t.TempDir(), options, "", hasZone)
}
