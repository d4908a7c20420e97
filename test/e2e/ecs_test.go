package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/proxied"

	"github.com/miekg/dns"
)

const (
	trustedResolver   = "198.51.100.53" // in ecs
	untrustedResolver = "198.51.100.66"
)

// subnet returns a Client Subnet option for clients in network, as a query has it.
func subnet(network string) *dns.EDNS0_SUBNET {
	return proxied.Subnet(netip.MustParsePrefix(network))
}

// askWith sends a query for name with EDNS options. It returns the response and its Client Subnet
// option, or nil if there is none.
func (c client) askWith(name string, qtype uint16, options ...dns.EDNS0) (*dns.Msg, *dns.EDNS0_SUBNET) {
	c.t.Helper()
	q := question(name, qtype)
	q.SetEdns0(4096, false)
	q.IsEdns0().Option = options
	r := c.exchange(q)
	opt := r.IsEdns0()
	if opt == nil {
		c.t.Fatalf("no OPT in\n%v", r)
	}
	for _, o := range opt.Option {
		if o, ok := o.(*dns.EDNS0_SUBNET); ok {
			return r, o
		}
	}
	return r, nil
}

func TestClientSubnetFromATrustedResolverDecides(t *testing.T) {
	s := start(t,
		"example.org {\n import clients\n ordering {\n round_robin off\n ecs 198.51.100.53 2001:db8:53::/48\n }\n file "+
			zoneFile(t, host("www", "198.51.100.1 10.9.8.1 172.16.22.1 2001:db8:2::1 2001:db8:1::1"))+"\n}")
	const unmoved = "2001:db8:2::1 2001:db8:1::1"
	tests := []struct {
		name, source, network string
		want, want6           string
		scope                 uint8
	}{
		{"/24", trustedResolver, "10.9.8.0/24", "10.9.8.1 198.51.100.1 172.16.22.1", unmoved, 24},
		{"another /24", trustedResolver, "172.16.22.0/24", "172.16.22.1 198.51.100.1 10.9.8.1", unmoved, 24},
		{"/32", trustedResolver, "172.16.22.99/32", "172.16.22.1 198.51.100.1 10.9.8.1", unmoved, 24},
		{"/8", trustedResolver, "10.0.0.0/8", "10.9.8.1 198.51.100.1 172.16.22.1", unmoved, 24},
		{"no address matches, but the scope is the same", trustedResolver, "203.0.113.0/24",
			"198.51.100.1 10.9.8.1 172.16.22.1", unmoved, 24},
		{"IPv6", trustedResolver, "2001:db8:1::/56", "198.51.100.1 10.9.8.1 172.16.22.1", "2001:db8:1::1 2001:db8:2::1", 64},
		{"a resolver on IPv6", "2001:db8:53::1", "10.9.8.0/24", "10.9.8.1 198.51.100.1 172.16.22.1", unmoved, 24},
		{"0: the source is the client", trustedResolver, "0.0.0.0/0", "198.51.100.1 10.9.8.1 172.16.22.1", unmoved, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, sent := s.as(test.source), subnet(test.network)
			c.t = t
			for qtype, want := range map[uint16]string{dns.TypeA: test.want, dns.TypeAAAA: test.want6} {
				r, echo := c.askWith("www.example.org", qtype, sent)
				if got := addresses(r.Answer); got != want {
					t.Errorf("%s is %s\nwant %s", dns.TypeToString[qtype], got, want)
				}
				if echo == nil {
					t.Fatal("the response has no option")
				}
				if echo.Family != sent.Family || echo.SourceNetmask != sent.SourceNetmask || !echo.Address.Equal(sent.Address) {
					t.Errorf("the response has the option %v, the query had %v", echo, sent)
				}
				if echo.SourceScope != test.scope {
					t.Errorf("scope is %d, want %d", echo.SourceScope, test.scope)
				}
			}
		})
	}
}

// The scope tells a resolver which clients it may reuse the answer for: those that get the same
// ranking, and no others.
func TestScopeCoversClientsWithTheSameRanking(t *testing.T) {
	path := zoneFile(t, "t TXT text\n"+host("www", "192.0.2.1 10.9.8.1 2001:db8::1 2001:db8:1::1"))
	const (
		a       = "www.example.org"
		offNear = "local_net_priority off\n"
	)
	topologyFile := offNear + "topology " + writeFile(t, "topology.txt",
		"10.0.0.0/8 west\n10.9.0.0/16 west/a\n10.9.8.0/24 west/b\n2001:db8::/32 west/c\n")
	sortlists := offNear + "sortlist 10.9.0.0/16 192.0.2.0/24\nsortlist 10.0.0.0/8\n"
	tests := []struct {
		name, properties, network, qname string
		qtype                            uint16
		scope                            uint8
	}{
		{"default", "", "10.9.8.0/24", a, dns.TypeA, 24},
		{"default, IPv6", "", "2001:db8::/32", a, dns.TypeAAAA, 64},
		{"one wider mask", "netmask 255.255.248.0", "10.9.8.0/24", a, dns.TypeA, 21},
		{"the longest of several", "netmask /12 /26 /20", "10.9.8.0/24", a, dns.TypeA, 26},
		{"class A", "netmask 0xffffffff", "10.9.8.0/24", a, dns.TypeA, 8},
		{"class B", "netmask 0xffffffff", "172.16.22.0/24", a, dns.TypeA, 16},
		{"class C", "netmask 0xffffffff", "192.0.2.0/24", a, dns.TypeA, 24},
		{"classful longer than the mask", "netmask /12", "172.16.22.0/24", a, dns.TypeA, 16},
		{"netmask6", "netmask6 /56 /40", "2001:db8::/32", a, dns.TypeAAAA, 56},
		{"the policy ignores the client", "local_net_priority off", "10.9.8.0/24", a, dns.TypeA, 0},
		{"sticky", offNear + "round_robin sticky", "10.9.8.0/24", a, dns.TypeA, 32},
		{"sticky, IPv6", offNear + "round_robin sticky", "2001:db8::/32", a, dns.TypeAAAA, 128},
		{"sort list: the statement's network", sortlists, "10.9.8.0/24", a, dns.TypeA, 16},
		{"sort list: next to a narrower statement", sortlists, "10.8.0.0/24", a, dns.TypeA, 16},
		{"sort list: far from narrower statements", sortlists, "10.128.0.0/24", a, dns.TypeA, 9},
		{"sort list: no statement", sortlists, "192.0.2.0/24", a, dns.TypeA, 1},
		{"sort list for any", offNear + "sortlist any 10.0.0.0/8", "192.0.2.0/24", a, dns.TypeA, 0},
		{"sort list and masks: the longer", "sortlist 10.9.0.0/16 192.0.2.0/24", "10.9.8.0/24", a, dns.TypeA, 24},
		{"topology: the network", topologyFile, "10.9.8.0/24", a, dns.TypeA, 24},
		{"topology: next to a narrower network", topologyFile, "10.9.9.0/24", a, dns.TypeA, 24},
		{"topology: far from narrower networks", topologyFile, "10.9.128.0/24", a, dns.TypeA, 17},
		{"topology: no location", topologyFile, "192.0.2.0/24", a, dns.TypeA, 1},
		{"topology, IPv6", topologyFile, "2001:db8::/48", a, dns.TypeAAAA, 32},
		{"no address in the answer", "", "10.9.8.0/24", "t.example.org", dns.TypeTXT, 0},
		{"no such name", "", "10.9.8.0/24", "nobody.example.org", dns.TypeA, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering {\n "+test.properties+"\n ecs 198.51.100.0/26\n }\n file "+
				path+"\n}")
			_, echo := s.as(trustedResolver).askWith(test.qname, test.qtype, subnet(test.network))
			if echo == nil || echo.SourceScope != test.scope {
				t.Errorf("option is %v, want scope %d", echo, test.scope)
			}
		})
	}
}

// An upstream may use a longer prefix of the client's address than ordering. Its scope then limits
// the clients that the answer is for.
func TestLongerScopeOfAnUpstreamIsKept(t *testing.T) {
	for below, want := range map[uint8]uint8{0: 24, 8: 24, 28: 28} {
		addr := upstream(t, func(m *dns.Msg) {
			m.Answer = rrs(t, host("www.example.org.", "172.16.1.1 10.9.8.1"))
			m.SetEdns0(4096, false)
			option := subnet("10.9.8.0/24")
			option.SourceScope = below
			m.IsEdns0().Option = []dns.EDNS0{option}
		})
		s := start(t, "example.org {\n import clients\n ordering {\n ecs 198.51.100.53\n }\n forward . "+addr+"\n}")
		r, echo := s.as(trustedResolver).askWith("www.example.org", dns.TypeA, subnet("10.9.8.0/24"))
		if echo == nil || echo.SourceScope != want || len(r.IsEdns0().Option) != 1 {
			t.Errorf("scope %d from the upstream gives %v, want one option with scope %d", below, r.IsEdns0(), want)
		}
	}
}

// rawSubnet returns a Client Subnet option with these bytes, well-formed or not.
func rawSubnet(family, source, scope byte, address ...byte) dns.EDNS0 {
	return &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: append([]byte{0, family, source, scope}, address...)}
}

func TestUntrustedAndMalformedOptionsAreIgnored(t *testing.T) {
	const bySource = "198.51.100.1 10.9.8.1"
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n ecs 198.51.100.53\n }\n file "+
		zoneFile(t, host("www", "10.9.8.1 198.51.100.1"))+"\n}")
	tests := []struct {
		name, source string
		options      []dns.EDNS0
	}{
		{"from an untrusted source", untrustedResolver, []dns.EDNS0{rawSubnet(1, 24, 0, 10, 9, 8)}},
		{"bits beyond the length", trustedResolver, []dns.EDNS0{rawSubnet(1, 20, 0, 10, 9, 8)}},
		{"bytes beyond the length", trustedResolver, []dns.EDNS0{rawSubnet(1, 16, 0, 10, 9, 8)}},
		{"a scope in a query", trustedResolver, []dns.EDNS0{rawSubnet(1, 24, 24, 10, 9, 8)}},
		{"bits beyond the length, IPv6", trustedResolver, []dns.EDNS0{rawSubnet(2, 30, 0, 0x20, 0x01, 0x0d, 0xb9)}},
		{"two of them", trustedResolver, []dns.EDNS0{rawSubnet(1, 24, 0, 10, 9, 8), rawSubnet(1, 16, 0, 10, 9)}},
		{"an address with length 0", trustedResolver, []dns.EDNS0{rawSubnet(1, 0, 0, 10)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.as(test.source)
			c.t = t
			r, echo := c.askWith("www.example.org", dns.TypeA, test.options...)
			if got := addresses(r.Answer); got != bySource {
				t.Errorf("got  %s\nwant %s", got, bySource)
			}
			if echo != nil {
				t.Errorf("the response has the option %v, want none", echo)
			}
		})
	}
	t.Run("the same bytes, well-formed", func(t *testing.T) {
		r, echo := s.as(trustedResolver).askWith("www.example.org", dns.TypeA, rawSubnet(1, 24, 0, 10, 9, 8))
		if got, want := addresses(r.Answer), "10.9.8.1 198.51.100.1"; got != want || echo == nil {
			t.Errorf("got %s and %v, want %s", got, echo, want)
		}
	})
}

// Without ecs, no source is trusted.
func TestClientSubnetIsIgnoredByDefault(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering\n file "+
		zoneFile(t, host("www", "10.9.8.1 198.51.100.1"))+"\n}")
	r, echo := s.as(trustedResolver).askWith("www.example.org", dns.TypeA, subnet("10.9.8.0/24"))
	if got, want := addresses(r.Answer), "198.51.100.1 10.9.8.1"; got != want || echo != nil {
		t.Errorf("got %s and %v, want %s", got, echo, want)
	}
}

func TestOneCachedAnswerServesAllClientsOfAResolver(t *testing.T) {
	var asked atomic.Int32
	addr := upstream(t, func(m *dns.Msg) {
		asked.Add(1)
		m.Answer = rrs(t, host("www.example.org.", "172.16.1.1 10.9.8.1"))
	})
	s := start(t, fmt.Sprintf(`example.org {
		import clients
		ordering {
			ecs %s
		}
		cache
		forward . %s
	}`, trustedResolver, addr))
	for range 3 {
		for network, want := range map[string]string{
			"10.9.8.0/24":   "10.9.8.1 172.16.1.1",
			"172.16.1.0/24": "172.16.1.1 10.9.8.1",
		} {
			r, echo := s.as(trustedResolver).askWith("www.example.org", dns.TypeA, subnet(network))
			if got := addresses(r.Answer); got != want {
				t.Errorf("%s gets %s, want %s", network, got, want)
			}
			if ip, _, _ := net.ParseCIDR(network); echo == nil || echo.SourceScope != 24 || !echo.Address.Equal(ip) {
				t.Errorf("%s gets the option %v", network, echo)
			}
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the upstream got %d queries, want 1: the cached answer was not used", n)
	}
}

// An address must have as many bytes as SOURCE PREFIX-LENGTH needs (RFC 7871, section 6). Package
// dns pads one that has fewer and cuts one that has more, so that both look well-formed.
func TestECSAddressesWithAWrongNumberOfBytesAreIgnored(t *testing.T) {
	const bySource, byOption = "198.51.100.1 10.9.8.1", "10.9.8.1 198.51.100.1"
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n ecs 198.51.100.53\n }\n file "+
		zoneFile(t, host("www", byOption))+"\n}")
	ipv6 := []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}
	mapped := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 8, 1}
	tests := []struct {
		name   string
		option dns.EDNS0
		want   string
		scopes []int // of the options in the response
	}{
		{"3 bytes for /24", rawSubnet(1, 24, 0, 10, 9, 8), byOption, []int{24}},
		{"2 bytes for /24", rawSubnet(1, 24, 0, 10, 9), bySource, nil},
		{"no byte for /24", rawSubnet(1, 24, 0), bySource, nil},
		{"4 bytes for /24", rawSubnet(1, 24, 0, 10, 9, 8, 0), bySource, nil},
		{"5 bytes for /32", rawSubnet(1, 32, 0, 10, 9, 8, 1, 0), bySource, nil},
		{"2 bytes for /17, the third would be 0", rawSubnet(1, 17, 0, 10, 9), bySource, nil},
		{"16 bytes for /32", rawSubnet(1, 32, 0, mapped...), bySource, nil},
		{"a byte for /0", rawSubnet(1, 0, 0, 0), bySource, nil},
		{"16 bytes for /128", rawSubnet(2, 128, 0, ipv6...), byOption, []int{64}},
		{"17 bytes for /128", rawSubnet(2, 128, 0, append(ipv6, 0)...), bySource, nil},
		{"8 bytes for /48", rawSubnet(2, 48, 0, ipv6[:8]...), bySource, nil},
		{"4 bytes for /48", rawSubnet(2, 48, 0, ipv6[:4]...), bySource, nil},
		{"IPv4-mapped", rawSubnet(2, 128, 0, mapped...), bySource, nil},
		{"IPv6 that begins with ones", rawSubnet(2, 32, 0, 0xff, 0xff, 0xff, 0xff), byOption, []int{64}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.as(trustedResolver)
			c.t = t
			query := question("www.example.org", dns.TypeA)
			query.SetEdns0(4096, false)
			cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}
			query.IsEdns0().Option = []dns.EDNS0{cookie, test.option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
			for transport, r := range map[string]*dns.Msg{"UDP": c.exchange(query), "TCP": c.exchangeTCP(query)} {
				if got := addresses(r.Answer); got != test.want {
					t.Errorf("over %s: got  %s\nwant %s", transport, got, test.want)
				}
				if got := scopes(r); !slices.Equal(got, test.scopes) {
					t.Errorf("over %s: scopes %v, want %v", transport, got, test.scopes)
				}
			}
		})
	}
}

// Package dns does not unpack these options, so no plugin sees them.
func TestECSOptionsThatCannotBeUnpackedGetFORMERR(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering {\n ecs 198.51.100.53\n }\n file "+
		zoneFile(t, host("www", "10.9.8.1 198.51.100.1"))+"\n}")
	for name, option := range map[string]dns.EDNS0{
		"an unknown family":        rawSubnet(3, 24, 0, 10, 9, 8),
		"longer than an address":   rawSubnet(1, 33, 0, 10, 9, 8, 1, 0),
		"no SCOPE PREFIX-LENGTH":   &dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: []byte{0, 1, 24}},
		"family 0 with an address": rawSubnet(0, 24, 0, 10, 9, 8),
	} {
		query := question("www.example.org", dns.TypeA)
		query.SetEdns0(4096, false)
		query.IsEdns0().Option = []dns.EDNS0{option}
		if r := s.as(trustedResolver).exchange(query); r.Rcode != dns.RcodeFormatError {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// scopes returns the SCOPE PREFIX-LENGTHs in a response.
func scopes(r *dns.Msg) (all []int) {
	if opt := r.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if o, ok := o.(*dns.EDNS0_SUBNET); ok {
				all = append(all, int(o.SourceScope))
			}
		}
	}
	return all
}

func TestECSScopeOfSortListsAndATopology(t *testing.T) {
	places := "172.16.0.0/12 west/a\n172.16.22.0/24 west/b\n198.51.100.0/24 west/b\n2001:db8:8::/48 west/b\n"
	const received = "10.9.8.1 172.17.0.1 172.16.22.1 192.0.2.1"
	s := start(t, `example.org {
		import clients
		ordering {
			local_net_priority off
			round_robin off
			ecs 198.51.100.53 203.0.113.53
			sortlist 10.9.0.0/16 192.0.2.0/24
			sortlist 10.0.0.0/8
			sortlist 2001:db8:1::/48,2001:db8:2::/47 192.0.2.0/24
			topology `+writeFile(t, "places", places)+`
		}
		file `+zoneFile(t, "_http._tcp SRV 10 5 80 www\n"+host("www", received))+`
	}`)
	const (
		locatedResolver = trustedResolver // in west/b
		otherResolver   = "203.0.113.53"
		fromA           = "172.17.0.1 172.16.22.1 10.9.8.1 192.0.2.1"
		fromB           = "172.16.22.1 172.17.0.1 10.9.8.1 192.0.2.1"
	)
	tests := []struct {
		network, source string
		want            string
		scope           uint8
	}{
		{"10.9.8.0/24", otherResolver, "192.0.2.1 10.9.8.1 172.17.0.1 172.16.22.1", 16},
		{"10.9.8.0/24", locatedResolver, "192.0.2.1 172.16.22.1 172.17.0.1 10.9.8.1", 16},
		{"10.8.0.0/16", locatedResolver, "10.9.8.1 172.16.22.1 172.17.0.1 192.0.2.1", 16},
		{"10.128.0.0/9", otherResolver, received, 9},
		{"172.16.22.0/24", otherResolver, fromB, 24},
		{"172.16.23.0/24", otherResolver, fromA, 24},
		{"172.17.0.0/16", locatedResolver, fromA, 16},
		{"203.0.113.0/24", locatedResolver, fromB, 5},
		{"203.0.113.0/24", otherResolver, received, 5},
		{"2001:db8:1::/64", otherResolver, "192.0.2.1 10.9.8.1 172.17.0.1 172.16.22.1", 48},
		{"2001:db8:3::/64", otherResolver, "192.0.2.1 10.9.8.1 172.17.0.1 172.16.22.1", 47},
		{"2001:db8:8::/64", otherResolver, fromB, 48},
		{"ffff:ffff::/32", otherResolver, received, 1},
		{"0.0.0.0/0", locatedResolver, fromB, 0},
	}
	for _, test := range tests {
		t.Run(test.network+" from "+test.source, func(t *testing.T) {
			c := s.as(test.source)
			c.t = t
			for name, qtype := range map[string]uint16{"www.example.org": dns.TypeA, "_http._tcp.example.org": dns.TypeSRV} {
				r, echo := c.askWith(name, qtype, subnet(test.network))
				if got := addresses(append(r.Answer, r.Extra...)); got != test.want {
					t.Errorf("%s: got  %s\nwant %s", name, got, test.want)
				}
				if echo == nil || echo.SourceScope != test.scope {
					t.Errorf("%s: option is %v, want scope %d", name, echo, test.scope)
				}
			}
			for name, qtype := range map[string]uint16{"nobody.example.org": dns.TypeA, "www.example.org": dns.TypeTXT} {
				if _, echo := c.askWith(name, qtype, subnet(test.network)); echo == nil || echo.SourceScope != 0 {
					t.Errorf("%s has no such record: option is %v, want scope 0", name, echo)
				}
			}
		})
	}
}

func TestECSScopeWithDNSSECOK(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering {\n answer_limit 1\n ecs 198.51.100.53\n }\n file "+
		zoneFile(t, host("www", "198.51.100.1 10.9.8.1"))+"\n}")
	for dnssecOK, want := range map[bool]string{false: "10.9.8.1", true: "10.9.8.1 198.51.100.1"} {
		query := question("www.example.org", dns.TypeA)
		query.SetEdns0(4096, dnssecOK)
		query.IsEdns0().Option = []dns.EDNS0{subnet("10.9.8.0/24")}
		r := s.as(trustedResolver).exchange(query)
		opt := r.IsEdns0()
		if got := addresses(r.Answer); got != want || opt.Do() != dnssecOK || !slices.Equal(scopes(r), []int{24}) {
			t.Errorf("DO %v: want %s and scope 24 in\n%v", dnssecOK, want, r)
		}
	}
}
