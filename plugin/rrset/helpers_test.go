package rrset

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/network"
	"github.com/coredns-ordering/ordering/plugin/ranking"

	"github.com/miekg/dns"
)

// owner is the owner of most records in the tests.
const owner = "server1.example.org."

// record returns the record in a line of a zone file.
func record(line string) dns.RR {
	rr, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	return rr
}

// address returns an A or AAAA record. An A record has 16 bytes, as when it is parsed from a zone
// file.
func address(owner string, a netip.Addr) dns.RR {
	b := a.As16()
	if a.Is4() {
		return &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}, A: b[:]}
	}
	return &dns.AAAA{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 300}, AAAA: b[:]}
}

// addresses returns the records of owner with these addresses.
func addresses(addrs ...string) []dns.RR {
	all := make([]dns.RR, len(addrs))
	for i, a := range addrs {
		all[i] = address(owner, netip.MustParseAddr(a))
	}
	return all
}

// numbered returns the first n addresses of a /24: 10.4.3.1, 10.4.3.2, … for 10.4.3.
func numbered(network string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s.%d", network, i+1)
	}
	return all
}

// in4Bytes returns copies of A records with addresses of 4 bytes, as when they are received from a
// network.
func in4Bytes(rrs []dns.RR) []dns.RR {
	all := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		a := *rr.(*dns.A)
		a.A = a.A.To4()
		all[i] = &a
	}
	return all
}

// addrs returns the addresses in a section, in order.
func addrs(section []dns.RR) []string {
	var all []string
	for _, rr := range section {
		switch rr := rr.(type) {
		case *dns.A:
			all = append(all, rr.A.String())
		case *dns.AAAA:
			all = append(all, rr.AAAA.String())
		}
	}
	return all
}

// rdata returns the RDATA of a record as it is sent.
func rdata(rr dns.RR) []byte {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.To4()
	case *dns.AAAA:
		return rr.AAAA
	}
	wire := make([]byte, dns.Len(rr))
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		panic(err)
	}
	header := len(rr.Header().Name) + 1 + 10 // owner, type, class, TTL and length of the RDATA
	return wire[header:n]
}

func compareRdata(a, b dns.RR) int { return bytes.Compare(rdata(a), rdata(b)) }

// lines returns records as text for a failure message, one in each line; of a long section only the
// first.
func lines(rrs []dns.RR) string {
	const most = 60
	var b strings.Builder
	for _, rr := range rrs[:min(len(rrs), most)] {
		fmt.Fprintln(&b, "\t", rr)
	}
	if len(rrs) > most {
		fmt.Fprintf(&b, "\t … and %d more\n", len(rrs)-most)
	}
	return b.String()
}

// newOrderer returns an Orderer with turns of its own that orders A and AAAA.
func newOrderer(r Rotation) *Orderer {
	return New(Config{Types: Types(dns.TypeA, dns.TypeAAAA), Rotation: r, Turns: new(Turns)})
}

// byDefaultMasks has the masks that a Corefile without options has.
var byDefaultMasks = ranking.Config{Masks: ranking.MaskLengths{IPv4: []int{24}, IPv6: []int{64, 48}, Classful: true}}

// queryOf returns the query of a client, with the ranking of a configuration.
func queryOf(c ranking.Config, client netip.Addr) *Query {
	q := new(Query)
	ranking.New(c).Rank(&q.Ranking, client)
	return q
}

// from returns the query of a client, with the default masks.
func from(client string) *Query { return queryOf(byDefaultMasks, netip.MustParseAddr(client)) }

// fromAnywhere returns the query of a client for which all addresses are in one tier.
func fromAnywhere(client string) *Query {
	return queryOf(ranking.Config{}, netip.MustParseAddr(client))
}

// preferring returns a ranking in which all clients prefer the first network most, the second next,
// and so on.
func preferring(networks ...string) ranking.Config {
	st := ranking.Statement{Clients: network.Any}
	for _, n := range networks {
		st.Preference = append(st.Preference, ranking.Word{Networks: []netip.Prefix{netip.MustParsePrefix(n)}})
	}
	return ranking.Config{Sortlist: []ranking.Statement{st}}
}

// checkMembers checks that two sections have the same records, in any order.
func checkMembers(t *testing.T, got, want []dns.RR) {
	t.Helper()
	left := map[dns.RR]int{}
	for _, rr := range want {
		left[rr]++
	}
	for _, rr := range got {
		if left[rr]--; left[rr] < 0 {
			t.Fatalf("%v is there more often than before", rr)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

// unevenness returns how often the address that comes first most often does so, divided by the count
// of the one that does so least often. It is +Inf if one of addrs never comes first.
func unevenness(firsts map[string]int, addrs []string) float64 {
	counts := make([]int, len(addrs))
	for i, a := range addrs {
		counts[i] = firsts[a]
	}
	return float64(slices.Max(counts)) / float64(slices.Min(counts))
}
