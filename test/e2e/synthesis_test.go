package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// mapped returns the IPv4 addresses in a list as dns64 maps them into 64:ff9b::/96.
func mapped(addresses string) string {
	var all []string
	for _, a := range strings.Fields(addresses) {
		ip4 := netip.MustParseAddr(a).As4()
		all = append(all, netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: ip4[0], ip4[1], ip4[2], ip4[3]}).String())
	}
	return strings.Join(all, " ")
}

// dns64 stands above ordering and makes its answer from a look-up. The order of the IPv4 addresses
// must be in it, with turns that the A queries of the same clients do not spend.
func TestAddressesOfDNS64FollowTheIPv4Order(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
		all  = "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2 192.0.2.3"
	)
	tests := []struct {
		name, client, dns64, properties string
		turn                            func(n int) string
	}{
		{"netmask, for an IPv4 client", "10.9.8.7", "{\n allow_ipv4\n }", "",
			func(n int) string { return rotated(near, n) + " " + rotated(far, n) }},
		{"one tier, for an IPv6 client", "2001:db8::7", "", "", func(n int) string { return rotated(all, n) }},
		{"sortlist, for an IPv6 client", "2001:db8::7", "", "{\n sortlist any 10.9.8.0/24\n }",
			func(n int) string { return rotated(near, n) + " " + rotated(far, n) }},
		{"AAAA records there, but not used", "2001:db8::7", "{\n translate_all\n }", "{\n sortlist any 10.9.8.0/24\n }",
			func(n int) string { return rotated(near, n) + " " + rotated(far, n) }},
	}
	for _, test := range tests {
		for _, below := range []string{"", "cache\n"} {
			t.Run(strings.TrimSpace(test.name+" "+below), func(t *testing.T) {
				zone, records := freshZone(), host("www", all)
				if strings.Contains(test.dns64, "translate_all") {
					records += host("www", "2001:db8::1 2001:db8::2")
				}
				s := start(t, zone+" {\n import clients\n dns64 "+test.dns64+"\n ordering "+test.properties+"\n "+below+
					"file "+zoneFileOf(t, zone, records)+"\n}")
				c := s.as(test.client)
				for n := range 12 { // in pairs, as a client asks that connects
					want := test.turn(n)
					if got := c.answer("www." + zone); got != want {
						t.Errorf("A is %s, want %s", got, want)
					}
					if got := c.answer6("www." + zone); got != mapped(want) {
						t.Errorf("AAAA is %s, want %s", got, mapped(want))
					}
				}
			})
		}
	}
}

// siit does the same for A queries to hosts that have AAAA records only.
func TestAddressesOfSIITFollowTheIPv6Order(t *testing.T) {
	const (
		near = "10.9.8.1 10.9.8.2"
		far  = "192.0.2.1 192.0.2.2 192.0.2.3"
		all  = "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2 192.0.2.3"
	)
	for _, below := range []string{"", "cache\n"} {
		t.Run(strings.TrimSpace("over "+below), func(t *testing.T) {
			zone := freshZone()
			s := start(t, zone+" {\n import clients\n siit\n ordering {\n sortlist any 64:ff9b::10.9.8.0/120\n }\n "+below+
				"file "+zoneFileOf(t, zone, host("www", mapped(all)))+"\n}")
			for n := range 12 {
				want := rotated(near, n) + " " + rotated(far, n)
				if got := s.as("10.9.8.7").answer6("www." + zone); got != mapped(want) {
					t.Errorf("AAAA is %s, want %s", got, mapped(want))
				}
				if got := s.as("10.9.8.7").answer("www." + zone); got != want {
					t.Errorf("A is %s, want %s", got, want)
				}
			}
		})
	}
}

// Plugins between the server and ordering wrap the writer. Look-ups, of dns64 and for an alias into
// another server block, are known through all of them.
func TestSynthesisUnderPluginsThatWrapTheWriter(t *testing.T) {
	const near = "10.9.8.1 10.9.8.2"
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(collector.Close)
	wrappers := []string{
		"errors",
		"log",
		"nsid server",
		"bufsize 1232",
		"metadata",
		"cancel",
		"local",
		"any",
		"chaos",
		"cache",
		"minimal",
		"dnstap tcp://" + endpoint(t) + " full", // nobody listens, which is only logged,
		"trace " + collector.URL + "/api/v2/spans",
		"prometheus ENDPOINT",
	}
	all := strings.Join(wrappers, "\n")
	for _, wrapper := range append(wrappers, all) {
		name := strings.Fields(wrapper)[0]
		if wrapper == all {
			name = "all of them"
		}
		t.Run(name, func(t *testing.T) {
			alias, plain, zone := freshZone(), freshZone(), freshZone()
			block := " {\n import clients\n " + strings.ReplaceAll(wrapper, "ENDPOINT", endpoint(t)) + "\n" +
				"ordering {\n answer_limit 2\n }\n file "
			s := start(t, alias+strings.Replace(block, "ordering", "dns64 {\n allow_ipv4\n }\n ordering", 1)+
				aliasZone(t, alias, "host."+zone)+"\n}\n"+
				plain+" {\n import clients\n file "+aliasZone(t, plain, "host."+zone)+"\n}\n"+
				zone+block+zoneFileOf(t, zone, host("host", "192.0.2.1 "+near))+"\n}")
			c := s.as("10.9.8.7")
			ask := func(name string, qtype uint16) string {
				q := question(name, qtype)
				q.SetEdns0(1232, false)
				q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
				return addresses(c.exchange(q).Answer)
			}
			for n := range 6 {
				want := first(rotated(near, n)) + " 192.0.2.1"
				if got := ask("www."+alias, dns.TypeA); got != want {
					t.Errorf("A is %s, want %s", got, want)
				}
				if got := ask("www."+alias, dns.TypeAAAA); got != mapped(want) {
					t.Errorf("AAAA is %s, want %s", got, mapped(want))
				}
				if got, want := ask("www."+plain, dns.TypeA), "192.0.2.1 "+near; got != want {
					t.Errorf("a look-up for a block without ordering returns %s, want %s", got, want)
				}
			}
		})
	}
}

// A block that an alias leads to may have dns64 too. Its look-ups are then for the alias: neither
// ordered, cut nor counted.
func TestSynthesisBehindAnAliasIsLeftAlone(t *testing.T) {
	const all = "10.9.8.1 10.9.8.2 192.0.2.1 192.0.2.2"
	for _, below := range []string{"", "cache\n"} {
		t.Run(strings.TrimSpace("over "+below), func(t *testing.T) {
			at := endpoint(t)
			l := layout{
				outer: "prometheus " + at + "\n ordering\n",
				inner: "prometheus " + at + "\n dns64\n ordering {\n answer_limit 1\n }\n",
			}
			a := followers[0].start(t, l, below, all)
			firsts := tally{}
			for range 12 {
				got := a.addresses(a.as("2001:db8::7").ask("www."+a.alias, dns.TypeAAAA))
				if len(strings.Fields(got)) != 4 {
					t.Fatalf("got %s, want 4 addresses", got)
				}
				firsts[first(got)]++
			}
			firsts.expectEven(t, mapped(all), 3)
			if got := samplesOf(t, at, a.alias); len(got) != 1 || !strings.HasSuffix(got[0], " 12") {
				t.Errorf("the zone of the alias has %q, want one sample of 12", got)
			}
			if got := samplesOf(t, at, a.target); len(got) != 0 {
				t.Errorf("the zone of the target has %q", got)
			}
		})
	}
}

// A synthesised answer is counted once and has the scope of the order of its IPv4 addresses.
func TestSynthesisedAnswersAreCountedOnceAndHaveAScope(t *testing.T) {
	at, zone := endpoint(t), freshZone()
	s := start(t, zone+" {\n import clients\n prometheus "+at+"\n dns64 {\n allow_ipv4\n }\n "+
		"ordering {\n netmask /20\n ecs "+trustedResolver+"\n }\n file "+zoneFileOf(t, zone, host("www", "192.0.2.1 10.9.8.1"))+"\n}")
	for range 3 {
		r, option := s.as(trustedResolver).askWith("www."+zone, dns.TypeAAAA, subnet("10.9.8.0/24"))
		if got, want := addresses(r.Answer), mapped("10.9.8.1 192.0.2.1"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if option == nil || option.SourceScope != 20 {
			t.Errorf("got the option %v, want scope 20", option)
		}
	}
	if got := samplesOf(t, at, zone); len(got) != 1 || !strings.HasSuffix(got[0], " 3") {
		t.Errorf("counted %q, want one sample of 3", got)
	}
}

// The look-up of dns64 has the options that the plugins below have left in the query. It is for the
// client in the Client Subnet option all the same.
func TestClientSubnetInALookUpWithChangedOptions(t *testing.T) {
	const code = 0xffee
	for _, rewrite := range []string{"", "rewrite edns0 local set 0xffee longer", "rewrite edns0 local unset 0xffee"} {
		t.Run("over "+rewrite, func(t *testing.T) {
			zone := freshZone()
			s := start(t, zone+" {\n import clients\n dns64 {\n allow_ipv4\n }\n ordering {\n round_robin off\n ecs "+
				trustedResolver+"\n }\n "+rewrite+"\n file "+zoneFileOf(t, zone, host("www", "192.0.2.1 10.9.8.1"))+"\n}")
			m, option := s.as(trustedResolver).askWith("www."+zone, dns.TypeAAAA,
				&dns.EDNS0_LOCAL{Code: code, Data: []byte("data")}, subnet("10.9.8.0/24"))
			if got, want := addresses(m.Answer), mapped("10.9.8.1 192.0.2.1"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if option == nil || option.SourceScope != 24 {
				t.Errorf("option %v, want one of scope 24", option)
			}
		})
	}
}

// Metadata tells of what ordering sees: not of the addresses that dns64 makes above it.
func TestMetadataOfSynthesizedAddresses(t *testing.T) {
	zone := freshZone()
	s := start(t, zone+" {\n import clients\n metadata\n log . \"synthesis {name} {type} {/ordering/first} {/ordering/near}.\"\n"+
		"dns64 {\n allow_ipv4\n }\n ordering\n file "+zoneFileOf(t, zone, host("www", "192.0.2.1 10.9.8.1"))+"\n}")
	if got, want := s.as("10.9.8.7").answer6("www."+zone), mapped("10.9.8.1 192.0.2.1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, line := range []string{"A 10.9.8.1 subnet.\n", "AAAA  .\n"} {
		line = "synthesis www." + zone + ". " + line
		program.Eventually(t, line, func() bool { return len(serverLog.lines(line)) == 1 })
	}
}
