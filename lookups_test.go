package ordering

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// TestEveryDefaultPluginKeepsOrderOrNot has a list of the plugins that answer in an order of their own
// each time, or in one that nobody has looked at. Where a version of CoreDNS has a new plugin, it must
// go to one of the lists.
func TestEveryDefaultPluginKeepsOrderOrNot(t *testing.T) {
	others := []string{
		"azure",        // the order of a cloud's API, which it may change with each transfer
		"clouddns",     // the same
		"etcd",         // the order of keys; its look-ups for aliases and services are of any order
		"forward",      // the order of another server
		"grpc",         // the same
		"k8s_external", // the order of the Kubernetes API
		"kubernetes",   // the same, and of Go maps
		"nomad",        // the order of an API
		"route53",      // the same
	}
	noHandlers := []string{ // these set the server up and have no handler
		"bind", "debug", "grpc_server", "https", "https3", "multisocket", "on", "quic", "timeouts",
	}
	for _, directive := range dnsserver.Directives {
		in := 0
		for _, list := range [][]string{orderKeepers, others, noHandlers} {
			if slices.Contains(list, directive) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("%s is in %d lists, want 1", directive, in)
		}
	}
	for _, name := range slices.Concat(orderKeepers, others, noHandlers) {
		if !slices.Contains(dnsserver.Directives, name) && name != pluginName {
			t.Errorf("%s is no plugin of CoreDNS", name)
		}
	}
}

// TestNilRecords has records that are nil, by a fault of another plugin, at every place of a section.
func TestNilRecords(t *testing.T) {
	for _, properties := range []string{"", "round_robin random", "round_robin sticky", "answer_limit 2", "types A MX"} {
		for at := range 4 {
			for n := 1; n < 3; n++ {
				records := addressRRset("192.168.1.1", "10.4.3.1", "192.168.1.2")
				records = slices.Insert(records, at, make([]dns.RR, n)...)
				below := reply(hot, dns.TypeA, append(records, record("www.example.org. 300 IN CNAME "+hot))...)
				o := orderingOf(t, "ordering {\n"+properties+"\n}", replying(below))
				got := addrs(ask(t, o, "10.4.3.9", "www.example.org.", dns.TypeA).Answer)
				if len(got) < 2 || got[0] != "10.4.3.1" {
					t.Errorf("%s, %d nil at %d: %q", properties, n, at, got)
				}
			}
		}
	}
}

// TestClientsOfHTTPSWithAZone has clients with a link-local address. CoreDNS gives no address for them
// but in the HTTP request.
func TestClientsOfHTTPSWithAZone(t *testing.T) {
	in := []string{"2001:db8::1", "fe80::9"}
	for _, tt := range []struct {
		remote string
		client netip.Addr
		first  string
	}{
		{"[fe80::1%eth0]:4000", netip.MustParseAddr("fe80::1"), "fe80::9"},
		{"[fe80::1]:4000", netip.MustParseAddr("fe80::1"), "fe80::9"},
		{"[2001:db8::7]:4000", netip.MustParseAddr("2001:db8::7"), "2001:db8::1"},
		{"nonsense", netip.Addr{}, "2001:db8::1"},
		{"", netip.Addr{}, "2001:db8::1"},
	} {
		o := orderingOf(t, "ordering {\nround_robin off\n}", replying(reply(hot, dns.TypeAAAA, addressRRset(in...)...)))
		ctx := context.WithValue(context.Background(), dnsserver.HTTPRequestKey{}, &http.Request{RemoteAddr: tt.remote})
		host, _, _ := net.SplitHostPort(tt.remote)
		w := &inbox{sink: &sink{client: &net.TCPAddr{IP: net.ParseIP(host), Port: 4000}}} // as dnsserver.ServerHTTPS has it
		if got := sourceAddr(ctx, w); got != tt.client {
			t.Errorf("a client at %q is %v, want %v", tt.remote, got, tt.client)
		}
		if _, err := o.ServeDNS(ctx, w, new(dns.Msg).SetQuestion(hot, dns.TypeAAAA)); err != nil {
			t.Fatal(err)
		}
		if got := addrs(w.msg.Answer); got[0] != tt.first {
			t.Errorf("a client at %q gets %q, want %s first", tt.remote, got, tt.first)
		}
	}
}
