package ordering

import (
	"context"
	"testing"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/request"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

var metadataLabels = []string{"client", "first", "near", "reason", "rule"}

// valuesOf returns the metadata that a query has before it is answered and after.
func valuesOf(t *testing.T, o *Ordering, client string, r *dns.Msg) (before, after map[string]string) {
	t.Helper()
	ctx := o.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{})
	values := func() map[string]string {
		all := map[string]string{}
		for _, label := range metadataLabels {
			f := metadata.ValueFunc(ctx, "ordering/"+label)
			if f == nil {
				t.Fatalf("no ordering/%s", label)
			}
			if value := f(); value != "" {
				all[label] = value
			}
		}
		return all
	}
	before = values()
	if _, err := o.ServeDNS(ctx, from(client), r); err != nil {
		t.Fatal(err)
	}
	return before, values()
}

func TestMetadata(t *testing.T) {
	two := reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...)
	query := func() *dns.Msg { return new(dns.Msg).SetQuestion(hot, dns.TypeA) }
	nxdomain := reply(hot, dns.TypeA)
	nxdomain.Rcode = dns.RcodeNameError
	type values = map[string]string // those that are not empty
	const root = "Testfile:1 ordering, zone ."
	for _, tt := range []struct {
		name, corefile, client string
		r, below               *dns.Msg
		want                   values
	}{
		{"nearest", "ordering", "10.4.3.2", query(), two,
			values{"client": "10.4.3.2", "first": "10.4.3.1", "near": "subnet", "reason": "subnet 10.4.3.0/24", "rule": root}},
		{"on the network", "ordering", "10.9.9.9", query(), two,
			values{"client": "10.9.9.9", "first": "10.4.3.1", "near": "network", "reason": "network 10.0.0.0/8", "rule": root}},
		{"elsewhere", "ordering", "2001:db8::9", query(), two,
			values{"client": "2001:db8::9", "first": "192.168.1.1", "near": "elsewhere", "reason": "elsewhere", "rule": root}},
		{"IPv6", "ordering", "2001:db8::9", query(),
			reply(hot, dns.TypeAAAA, addressRRset("2001:db8:1::1", "2001:db8::1")...),
			values{"client": "2001:db8::9", "first": "2001:db8::1", "near": "subnet", "reason": "subnet 2001:db8::/64", "rule": root}},
		{"a sort list", "ordering {\nsortlist any !10.0.0.0/8 192.168.0.0/16\n}", "10.4.3.2", query(), two,
			values{"client": "10.4.3.2", "first": "192.168.1.1", "near": "sortlist", "reason": "sortlist line 2 word 2", "rule": root}},
		{"after an alias", "ordering", "10.4.3.2", query(),
			reply(hot, dns.TypeA, append([]dns.RR{record("www.example.org. 300 IN CNAME " + hot)}, two.Answer...)...),
			values{"client": "10.4.3.2", "first": "10.4.3.1", "near": "subnet", "reason": "subnet 10.4.3.0/24", "rule": root}},
		{"by Client Subnet", "ordering {\necs 203.0.113.53\n}", resolver, asking(subnet(1, "10.4.3.0", 24, 0)), two,
			values{"client": "10.4.3.0", "first": "10.4.3.1", "near": "subnet", "reason": "subnet 10.4.3.0/24", "rule": root}},
		{"the second directive", "ordering example.net\nordering example.org", "10.4.3.2", query(), two, values{
			"client": "10.4.3.2", "first": "10.4.3.1", "near": "subnet", "reason": "subnet 10.4.3.0/24",
			"rule": "Testfile:2 ordering, zone example.org.",
		}},
		{"a type that is not ordered", "ordering {\ntypes AAAA\n}", "10.4.3.2", query(), two,
			values{"client": "10.4.3.2", "first": "192.168.1.1", "rule": root}},
		{"no answer", "ordering", "10.4.3.2", query(), nxdomain, values{"client": "10.4.3.2", "rule": root}},
		{"another zone", "ordering example.net", "10.4.3.2", query(), two, values{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := orderingOf(t, tt.corefile, replying(tt.below))
			before, after := valuesOf(t, o, tt.client, tt.r)
			if diff := cmp.Diff(values{}, before); diff != "" {
				t.Errorf("before the answer:\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, after); diff != "" {
				t.Errorf("after the answer:\n%s", diff)
			}
		})
	}
}

// TestMetadataOfEveryHandler checks that one handler of a server block offers the metadata of a
// query that another one answers. CoreDNS makes a handler for each zone of the block, and the
// metadata plugin asks only one of them.
func TestMetadataOfEveryHandler(t *testing.T) {
	one := orderingOf(t, "ordering", nil)
	below := replying(reply(hot, dns.TypeA, addressRRset("192.168.1.1", "10.4.3.1")...))
	other := &Ordering{Next: below, zones: one.zones}

	r, w := new(dns.Msg).SetQuestion(hot, dns.TypeA), dnstest.NewRecorder(from("10.4.3.2"))
	ctx := one.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{Req: r, W: w})
	if _, err := other.ServeDNS(ctx, w, r); err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]string{"client": "10.4.3.2", "first": "10.4.3.1", "near": "subnet"} {
		if got := metadata.ValueFunc(ctx, "ordering/"+label)(); got != want {
			t.Errorf("ordering/%s is %q, want %q", label, got, want)
		}
	}
}
