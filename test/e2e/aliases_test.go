package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// An upstream may put aliases anywhere. glibc's resolver fails if an alias comes after the address
// that it leads to.
func TestAliasesComeBeforeTheirAddresses(t *testing.T) {
	const (
		www  = "www.example.org. 300 IN CNAME web.example.org."
		web  = "web.example.org. 300 IN CNAME host.example.org."
		tree = "old.example.org. 300 IN DNAME new.example.org."
		leaf = "www.old.example.org. 300 IN CNAME www.new.example.org."
	)
	far, near := host("host.example.org.", "192.0.2.1"), host("host.example.org.", "10.9.8.1")
	web1, web2 := host("web.example.org.", "192.0.2.1"), host("web.example.org.", "10.9.8.1")
	new1, new2 := host("www.new.example.org.", "192.0.2.1"), host("www.new.example.org.", "10.9.8.1")
	tests := []struct {
		name, qname    string
		received, want []string
	}{
		{"in order", "www.example.org", []string{www, web, far, near}, []string{www, web, near, far}},
		{"after its addresses", "www.example.org", []string{web1, web2, www}, []string{www, web2, web1}},
		{"between its addresses", "www.example.org", []string{web1, www, web2}, []string{www, web2, web1}},
		{"chain in reverse", "www.example.org", []string{far, near, web, www}, []string{www, web, near, far}},
		{"chain in reverse, then addresses", "www.example.org", []string{web, www, far, near}, []string{www, web, near, far}},
		{"chain in pieces", "www.example.org", []string{web, far, www, near}, []string{www, web, near, far}},
		{"one address", "www.example.org", []string{web1, www}, []string{www, web1}},
		{"DNAME in order", "www.old.example.org", []string{tree, leaf, new1, new2}, []string{tree, leaf, new2, new1}},
		{"DNAME last", "www.old.example.org", []string{new1, new2, leaf, tree}, []string{tree, leaf, new2, new1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr := upstream(t, func(m *dns.Msg) { m.Answer = rrs(t, strings.Join(test.received, "\n")) })
			for _, below := range []string{"", "cache\n"} {
				s := start(t, "example.org {\n import clients\n ordering\n "+below+"forward . "+addr+"\n}")
				for range 3 {
					got := texts(s.as("10.9.8.7").ask(test.qname, dns.TypeA).Answer)
					if want := texts(rrs(t, strings.Join(test.want, "\n"))); !slices.Equal(got, want) {
						t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				}
			}
		})
	}
}

func TestAliasesInAZone(t *testing.T) {
	zone := freshZone()
	path := zoneFileOf(t, zone, "www CNAME web\nweb CNAME host\n"+host("host", "192.0.2.1 10.9.8.1 10.9.8.2"))
	s := start(t, zone+" {\n import clients\n ordering\n file "+path+"\n}")
	for turn := range 6 {
		answer := s.as("10.9.8.7").ask("www."+zone, dns.TypeA).Answer
		aliases := []string{"www." + zone + ". IN CNAME web." + zone + ".", "web." + zone + ". IN CNAME host." + zone + "."}
		if got := texts(answer)[:2]; !slices.Equal(got, aliases) {
			t.Errorf("answer starts with %v, want %v", got, aliases)
		}
		if got, want := addresses(answer), rotated("10.9.8.1 10.9.8.2", turn)+" 192.0.2.1"; got != want {
			t.Errorf("addresses are %s, want %s", got, want)
		}
	}
}
