package validators

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A zone is the content of example.org.
type zone struct {
	records []dns.RR
}

// parseZone parses records in presentation format, relative to example.org.
func parseZone(t *testing.T, text string) zone {
	t.Helper()
	var z zone
	parser := dns.NewZoneParser(strings.NewReader(text), "example.org.", "zone")
	parser.SetDefaultTTL(300)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		z.records = append(z.records, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

// String returns the zone file.
func (z zone) String() string {
	var b strings.Builder
	for _, rr := range z.records {
		fmt.Fprintln(&b, rr)
	}
	return b.String()
}

// rrset returns the records of a name and type as texts, sorted.
func (z zone) rrset(name string, rrtype uint16) []string {
	return texts(z.records, name, rrtype)
}

// texts returns the records of a name and type in a section as texts without TTL, sorted.
func texts(section []dns.RR, name string, rrtype uint16) (all []string) {
	for _, rr := range section {
		if h := rr.Header(); h.Rrtype == rrtype && strings.EqualFold(h.Name, name) {
			all = append(all, strings.TrimPrefix(rr.String(), h.String()))
		}
	}
	slices.Sort(all)
	return all
}

// apex is what every zone of these tests begins with.
const apex = `@ SOA ns hostmaster 1 1 1 86400 300
@ NS ns
ns A 127.0.0.1
`

// hosts returns count names n0, n1, … with random sets of 2 to 12 IPv4 addresses and 1 to 6 IPv6
// addresses.
func hosts(random *rand.Rand, count int) string {
	var b strings.Builder
	for i := range count {
		b.WriteString(host(random, fmt.Sprintf("n%d", i), 2+random.IntN(11), 1+random.IntN(6)))
	}
	return b.String()
}

// host returns records for a name with v4 IPv4 and v6 IPv6 addresses. They are random and
// different. Half of the IPv4 addresses are in 127.0.0.0/8, so that some are near the clients of
// the tests.
func host(random *rand.Rand, name string, v4, v6 int) string {
	var b strings.Builder
	taken := map[netip.Addr]bool{}
	add := func(rrtype string, next func() netip.Addr) {
		a := next()
		for taken[a] {
			a = next()
		}
		taken[a] = true
		fmt.Fprintf(&b, "%s %s %v\n", name, rrtype, a)
	}
	below := func(n int) byte { return byte(random.IntN(n)) }
	for i := range v4 {
		add("A", func() netip.Addr {
			return netip.AddrFrom4([4]byte{byte(127 - i%2), below(2), below(4), 1 + below(254)})
		})
	}
	for range v6 {
		add("AAAA", func() netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 5: below(2), 7: below(2), 15: below(256)})
		})
	}
	return b.String()
}
