package e2e

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// The addresses of the two hosts in examples/lucerne, in the order of the zone.
const (
	server1 = "192.168.1.27 10.0.0.14 172.16.20.4"
	server2 = "192.168.1.27 172.16.22.4 10.0.0.14 172.16.31.5"
)

func TestDefaultsOrderBySubnetThenNetwork(t *testing.T) {
	tests := []struct{ name, properties, client, host, first, second string }{
		{"network before the rest", "", "10.4.3.2", "server1",
			"10.0.0.14 192.168.1.27 172.16.20.4", "10.0.0.14 172.16.20.4 192.168.1.27"},
		{"subnet before network before the rest", "", "172.16.22.8", "server2",
			"172.16.22.4 172.16.31.5 192.168.1.27 10.0.0.14", "172.16.22.4 172.16.31.5 10.0.0.14 192.168.1.27"},
		{"a wider subnet", "{\n netmask 255.255.248.0\n }", "172.16.22.8", "server2",
			"172.16.22.4 172.16.31.5 192.168.1.27 10.0.0.14", "172.16.22.4 172.16.31.5 10.0.0.14 192.168.1.27"},
	}
	transports := map[string]func(client, *dns.Msg) *dns.Msg{"UDP": client.exchange, "TCP": client.exchangeTCP}
	for _, test := range tests {
		for transport, exchange := range transports {
			t.Run(test.name+" over "+transport, func(t *testing.T) {
				zone := freshZone()
				path := zoneFileOf(t, zone, host("server1", server1)+host("server2", server2))
				s := start(t, zone+" {\n import clients\n ordering "+test.properties+"\n file "+path+"\n}")
				c := s.as(test.client)
				for i, want := range []string{test.first, test.second, test.first} {
					if got := addresses(exchange(c, question(test.host+"."+zone, dns.TypeA)).Answer); got != want {
						t.Errorf("answer %d is %s\nwant %s", i+1, got, want)
					}
				}
			})
		}
	}
}

func TestLocalNetPriorityAndRoundRobinCombine(t *testing.T) {
	tests := []struct {
		localNetPriority, roundRobin string
		want                         []string
	}{
		{"on", "on", []string{
			"10.9.8.1 10.9.8.2 192.0.2.1 198.51.100.1",
			"10.9.8.2 10.9.8.1 198.51.100.1 192.0.2.1",
			"10.9.8.1 10.9.8.2 192.0.2.1 198.51.100.1",
		}},
		{"on", "off", []string{
			"10.9.8.1 10.9.8.2 192.0.2.1 198.51.100.1",
			"10.9.8.1 10.9.8.2 192.0.2.1 198.51.100.1",
		}},
		{"off", "on", []string{
			"192.0.2.1 10.9.8.1 198.51.100.1 10.9.8.2",
			"10.9.8.1 198.51.100.1 10.9.8.2 192.0.2.1",
			"198.51.100.1 10.9.8.2 192.0.2.1 10.9.8.1",
			"10.9.8.2 192.0.2.1 10.9.8.1 198.51.100.1",
			"192.0.2.1 10.9.8.1 198.51.100.1 10.9.8.2",
		}},
		{"off", "off", []string{
			"192.0.2.1 10.9.8.1 198.51.100.1 10.9.8.2",
			"192.0.2.1 10.9.8.1 198.51.100.1 10.9.8.2",
		}},
	}
	for _, test := range tests {
		t.Run(test.localNetPriority+" "+test.roundRobin, func(t *testing.T) {
			zone := freshZone()
			path := zoneFileOf(t, zone, host("www", "192.0.2.1 10.9.8.1 198.51.100.1 10.9.8.2"))
			s := start(t, fmt.Sprintf(`%s {
				import clients
				ordering {
					local_net_priority %s
					round_robin %s
				}
				file %s
			}`, zone, test.localNetPriority, test.roundRobin, path))
			for i, want := range test.want {
				if got := s.as("10.9.8.7").answer("www." + zone); got != want {
					t.Errorf("answer %d is %s\nwant %s", i+1, got, want)
				}
			}
		})
	}
}

// In the zone of this test the farthest address comes first, so that each mask gives another order.
func TestMaskNotations(t *testing.T) {
	const (
		client = "10.9.8.70"
		far    = "192.0.2.1"
		net8   = "10.200.0.1"
		net16  = "10.9.200.1"
		net21  = "10.9.15.1"
		net24  = "10.9.8.200"
		net26  = "10.9.8.100"
		itself = "10.9.8.70"

		all = far + " " + net8 + " " + net16 + " " + net21 + " " + net24 + " " + net26 + " " + itself

		by8  = net8 + " " + net16 + " " + net21 + " " + net24 + " " + net26 + " " + itself + " " + far
		by16 = net16 + " " + net21 + " " + net24 + " " + net26 + " " + itself + " " + net8 + " " + far
		by21 = net21 + " " + net24 + " " + net26 + " " + itself + " " + net8 + " " + net16 + " " + far
		by24 = net24 + " " + net26 + " " + itself + " " + net8 + " " + net16 + " " + net21 + " " + far
		by26 = net26 + " " + itself + " " + net8 + " " + net16 + " " + net21 + " " + net24 + " " + far
		by32 = itself + " " + net8 + " " + net16 + " " + net21 + " " + net24 + " " + net26 + " " + far
	)
	path := zoneFile(t, host("www", all))
	tests := []struct{ properties, want string }{
		{"", by24},
		{"netmask 255.255.255.0", by24},
		{"netmask 255.255.248.0", by21},
		{"netmask /21", by21},
		{"netmask 21", by21},
		{"netmask 0x000007ff", by21},
		{"netmask 0x7FF", by21},
		{"netmask 0x000000ff", by24},
		{"netmask 0x0000ffff", by16},
		{"netmask 0x3f", by26},
		{"netmask 0x0", by32},
		{"netmask 0xffffffff", by8},
		{"netmask /8", by8}, // the same as the classful network
		{"netmask /16 /24", net24 + " " + net26 + " " + itself + " " + net16 + " " + net21 + " " + net8 + " " + far},
		{"netmask 0xff 255.255.0.0", net24 + " " + net26 + " " + itself + " " + net16 + " " + net21 + " " + net8 + " " + far},
		{"netmask 255.255.248.0\nclassful off", net21 + " " + net24 + " " + net26 + " " + itself + " " + far + " " + net8 +
			" " + net16},
		{"netmask 0xffffffff 0x3f", by26},
	}
	for _, test := range tests {
		t.Run(test.properties, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n "+test.properties+"\n }\n file "+
				path+"\n}")
			if got := s.as(client).answer("www.example.org"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestClassOfTheClientDecides(t *testing.T) {
	const (
		all4 = "8.8.8.8 10.1.2.3 130.1.2.3 130.1.9.9 200.1.2.3 200.1.9.9"
		all6 = "2001:db8:9::1 2001:db8:1:2::1 2001:db8:1:1::1"
	)
	path := zoneFile(t, host("www", all4+" "+all6))
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n }\n file "+path+"\n}")
	tests := []struct {
		name, client string
		want         string // A
		want6        string // AAAA
	}{
		{"class A", "10.200.0.1", "10.1.2.3 8.8.8.8 130.1.2.3 130.1.9.9 200.1.2.3 200.1.9.9", all6},
		{"class B", "130.1.9.1", "130.1.9.9 130.1.2.3 8.8.8.8 10.1.2.3 200.1.2.3 200.1.9.9", all6},
		{"class C", "200.1.9.1", "200.1.9.9 8.8.8.8 10.1.2.3 130.1.2.3 130.1.9.9 200.1.2.3", all6},
		{"class D has no network", "230.1.9.1", all4, all6},
		{"IPv6", "2001:db8:1:1::77", all4, "2001:db8:1:1::1 2001:db8:1:2::1 2001:db8:9::1"},
		{"IPv6, only the wider network matches", "2001:db8:1:7::77", all4, "2001:db8:1:2::1 2001:db8:1:1::1 2001:db8:9::1"},
		{"IPv4 in IPv6", "::ffff:10.200.0.1", "10.1.2.3 8.8.8.8 130.1.2.3 130.1.9.9 200.1.2.3 200.1.9.9", all6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.as(test.client)
			c.t = t
			if got := c.answer("www.example.org"); got != test.want {
				t.Errorf("A is  %s\nwant %s", got, test.want)
			}
			if got := c.answer6("www.example.org"); got != test.want6 {
				t.Errorf("AAAA is %s\nwant %s", got, test.want6)
			}
		})
	}
}

func TestNetmask6SetsTheLengths(t *testing.T) {
	path := zoneFile(t, host("www", "2001:db8:900::1 2001:db8:1::1 2001:db8:1:ff00::1 2001:db8:1:ff11::1"))
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin off\n netmask6 /56 40\n }\n file "+path+"\n}")
	want := "2001:db8:1:ff00::1 2001:db8:1:ff11::1 2001:db8:1::1 2001:db8:900::1"
	if got := s.as("2001:db8:1:ff22::1").answer6("www.example.org"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
