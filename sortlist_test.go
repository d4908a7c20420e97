package ordering

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestSortlist(t *testing.T) {
	in := []string{"192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1", "10.0.0.1"}
	for _, tt := range []struct {
		name, statements, client string
		want                     []string
	}{
		{
			"clients alone are the preference", "sortlist 192.168.2.0/24", "192.168.2.9",
			[]string{"192.168.2.1", "192.168.1.1", "192.168.3.1", "172.16.0.1", "172.17.0.1", "10.0.0.1"},
		}, {
			"words in their order", "sortlist any 10.0.0.0/8 172.17.0.0/16 192.168.3.1", "198.51.100.1",
			[]string{"10.0.0.1", "172.17.0.1", "192.168.3.1", "192.168.1.1", "192.168.2.1", "172.16.0.1"},
		}, {
			"equals with a comma", "sortlist any 192.168.3.0/24,172.17.0.0/16 10.0.0.0/8", "198.51.100.1",
			[]string{"192.168.3.1", "172.17.0.1", "10.0.0.1", "192.168.1.1", "192.168.2.1", "172.16.0.1"},
		}, {
			"the first word that holds an address, not the longest", "sortlist any 192.168.0.0/16 192.168.3.1 10.0.0.0/8", "198.51.100.1",
			[]string{"192.168.1.1", "192.168.2.1", "192.168.3.1", "10.0.0.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"a longer word in front", "sortlist any 192.168.3.1 192.168.0.0/16", "198.51.100.1",
			[]string{"192.168.3.1", "192.168.1.1", "192.168.2.1", "172.16.0.1", "172.17.0.1", "10.0.0.1"},
		}, {
			"negated last, the earlier the later", "sortlist any !192.168.1.0/24 10.0.0.0/8 !192.168.0.0/16", "198.51.100.1",
			[]string{"10.0.0.1", "172.16.0.1", "172.17.0.1", "192.168.2.1", "192.168.3.1", "192.168.1.1"},
		}, {
			"a word in front of a negated one takes its addresses", "sortlist any 192.168.1.0/24 !192.168.0.0/16", "198.51.100.1",
			[]string{"192.168.1.1", "172.16.0.1", "172.17.0.1", "10.0.0.1", "192.168.2.1", "192.168.3.1"},
		}, {
			"nothing behind all that is not listed", "sortlist any !any", "198.51.100.1", in,
		}, {
			"the first statement that holds the client, not the longest",
			"sortlist 198.51.0.0/16 10.0.0.0/8\nsortlist 198.51.100.1 172.17.0.0/16", "198.51.100.1",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"a later statement for other clients", "sortlist 203.0.113.0/24 10.0.0.0/8\nsortlist 198.51.100.1,2001:db8::/32 172.17.0.0/16", "2001:db8::9",
			[]string{"172.17.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "10.0.0.1"},
		}, {
			"a client that no statement holds", "sortlist 203.0.113.0/24 10.0.0.0/8", "198.51.100.1", in,
		}, {
			"any holds IPv6 clients too", "sortlist any 10.0.0.0/8", "2001:db8::9",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.2.1", "192.168.3.1", "172.16.0.1", "172.17.0.1"},
		}, {
			"ties go by netmask", "sortlist 192.168.2.9 172.16.0.0/12", "192.168.2.9",
			[]string{"172.16.0.1", "172.17.0.1", "192.168.2.1", "192.168.1.1", "192.168.3.1", "10.0.0.1"},
		}, {
			"the list counts more than the netmask", "sortlist any 10.0.0.0/8 !192.168.2.0/24", "192.168.2.9",
			[]string{"10.0.0.1", "192.168.1.1", "192.168.3.1", "172.16.0.1", "172.17.0.1", "192.168.2.1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := orderingOf(t, "ordering {\n"+tt.statements+"\n}", replying(reply(hot, dns.TypeA, addressRRset(in...)...)))
			if got := addrs(ask(t, o, tt.client, hot, dns.TypeA).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("got %v\nwant %v", got, tt.want)
			}
		})
	}
}

func TestSortlistOfIPv6(t *testing.T) {
	o := orderingOf(t, "ordering {\nsortlist 2001:db8::/32 2001:db8:2::/48 !2001:db8:1::/48\n}",
		replying(reply(hot, dns.TypeAAAA, addressRRset("2001:db8:1::1", "2001:db8:3::1", "2001:db8:2::1")...)))
	want := []string{"2001:db8:2::1", "2001:db8:3::1", "2001:db8:1::1"}
	if got := addrs(ask(t, o, "2001:db8::9", hot, dns.TypeAAAA).Answer); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTurnsInsideAWordAreEven checks that a word's addresses take turns evenly among many others.
func TestTurnsInsideAWordAreEven(t *testing.T) {
	word, rest := []string{"172.16.0.1", "172.17.0.1"}, numbered("192.168.1", 8)
	o := orderingOf(t, "ordering {\nsortlist any 172.16.0.0/12\n}", replying(reply(hot, dns.TypeA, addressRRset(slices.Concat(rest[:4], word, rest[4:])...)...)))
	firsts := map[string]int{}
	for range 1000 {
		firsts[addrs(ask(t, o, "198.51.100.1", hot, dns.TypeA).Answer)[0]]++
	}
	if u := unevenness(firsts, word); u != 1 {
		t.Errorf("max/min %v: %v", u, firsts)
	}
}

func TestStatementOfAnyHoldsNobody(t *testing.T) {
	p := policyOf(t, "ordering {\nsortlist any 10.0.0.0/8\n}")
	k := rankingOf(p, netip.Addr{})
	if a, b := tierOf(&k, netip.MustParseAddr("10.0.0.1")), tierOf(&k, netip.MustParseAddr("192.168.1.1")); a != b {
		t.Errorf("a client without an address has tiers %d and %d", a, b)
	}
}
