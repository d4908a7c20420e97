package ordering

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// counted returns the value of responses_total with these labels, 0 if there is none.
func counted(server, zone, view, near string) float64 {
	value, _ := sample("responses_total", map[string]string{"server": server, "zone": zone, "view": view, "near": near})
	return value
}

// sample returns the value of a counter with these labels, and whether it is published.
func sample(name string, want map[string]string) (value float64, found bool) {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		if family.GetName() != "coredns_ordering_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if maps.Equal(labels, want) {
				return m.GetCounter().GetValue(), true
			}
		}
	}
	return 0, false
}

// TestResponsesTotal has clients who are near to different degrees, in servers and zones that no other test has.
func TestResponsesTotal(t *testing.T) {
	below := replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...))
	const corefile = "ordering responses.example.\nordering deep.responses.example."
	first, second := orderingOf(t, corefile, below), orderingOf(t, corefile, below)
	first.zones.view = "inside"
	servers := map[*Ordering]string{first: "dns://:1053", second: "tls://:853"}
	query := func(o *Ordering, client, qname string) {
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: servers[o]})
		o.ServeDNS(ctx, from(client), new(dns.Msg).SetQuestion(qname, dns.TypeA))
	}
	query(first, "10.4.3.9", "www.responses.example.")
	query(first, "10.4.3.9", "www.responses.example.")
	query(first, "10.9.9.9", "www.responses.example.")
	query(first, "2001:db8::9", "www.RESPONSES.example.")
	query(second, "10.4.3.9", "www.responses.example.")
	query(second, "10.4.3.9", "www.deep.responses.example.")
	query(second, "10.4.3.9", "www.example.")

	for _, tt := range []struct {
		server, zone, view, near string
		want                     float64
	}{
		{"dns://:1053", "responses.example.", "inside", "subnet", 2},
		{"dns://:1053", "responses.example.", "inside", "network", 1},
		{"dns://:1053", "responses.example.", "inside", "elsewhere", 1},
		{"tls://:853", "responses.example.", "", "subnet", 1},
		{"tls://:853", "deep.responses.example.", "", "subnet", 1},
		{"tls://:853", ".", "", "subnet", 0},
	} {
		if got := counted(tt.server, tt.zone, tt.view, tt.near); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

func TestWhatIsNotCounted(t *testing.T) {
	nxdomain := reply(hot, dns.TypeA, addressRRset("10.4.3.1")...)
	nxdomain.Rcode = dns.RcodeNameError
	glue := reply(hot, dns.TypeNS, record(hot+" 300 IN NS ns.example.org."))
	glue.Extra = addressRRset("10.4.3.1")
	for name, below := range map[string]*dns.Msg{
		"an answer without records":            reply(hot, dns.TypeA),
		"NXDOMAIN":                             nxdomain,
		"a transfer":                           reply(hot, dns.TypeAXFR, addressRRset("10.4.3.1")...),
		"an address in the additional section": glue,
	} {
		o := orderingOf(t, "ordering uncounted.example", replying(below))
		ask(t, o, "10.4.3.9", "www.uncounted.example.", dns.TypeA)
		if got := counted("", "uncounted.example.", "", "subnet"); got != 0 {
			t.Errorf("%s is counted: %v", name, got)
		}
	}
}

// TestOneAddressCounts checks that an answer with a single address is counted.
func TestOneAddressCounts(t *testing.T) {
	o := orderingOf(t, "ordering one.example", replying(reply(hot, dns.TypeAAAA, addressRRset("2001:db8::1")...)))
	ask(t, o, "2001:db8::9", "www.one.example.", dns.TypeAAAA)
	if got := counted("", "one.example.", "", "subnet"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

// TestServersCountConcurrently has several servers use a rule for the first time at once.
func TestServersCountConcurrently(t *testing.T) {
	const servers, each = 8, 50
	below := replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "10.4.3.2")...))
	o := orderingOf(t, "ordering concurrent.example", below)
	var all sync.WaitGroup
	for i := range servers {
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: fmt.Sprint("dns://:", i)})
		all.Go(func() {
			for range each {
				o.ServeDNS(ctx, from("10.4.3.9"), new(dns.Msg).SetQuestion("www.concurrent.example.", dns.TypeA))
			}
		})
	}
	all.Wait()
	for i := range servers {
		if got := counted(fmt.Sprint("dns://:", i), "concurrent.example.", "", "subnet"); got != each {
			t.Errorf("server %d: %v responses, want %d", i, got, each)
		}
	}
}
