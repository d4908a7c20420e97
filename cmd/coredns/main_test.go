package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// defaultDirectives is the list as CoreDNS ships it. Package variables are initialised before the
// init of main inserts ordering.
var defaultDirectives = slices.Clone(dnsserver.Directives)

func TestOrderingIsDirectlyBeforeLoadbalance(t *testing.T) {
	index := slices.Index(dnsserver.Directives, "ordering")
	if index < 0 {
		t.Fatal("ordering is not in the directive list")
	}
	if next := dnsserver.Directives[index+1]; next != "loadbalance" {
		t.Errorf("ordering is before %s, want loadbalance", next)
	}
}

func TestDefaultDirectivesKeepTheirOrder(t *testing.T) {
	if slices.Contains(defaultDirectives, "ordering") {
		t.Fatal("the defaults contain ordering already, so this test proves nothing")
	}
	others := slices.DeleteFunc(slices.Clone(dnsserver.Directives), func(d string) bool {
		return d == "ordering"
	})
	if !slices.Equal(others, defaultDirectives) {
		t.Errorf("directives without ordering:\n%v\nwant the defaults:\n%v", others, defaultDirectives)
	}
	if got, want := len(dnsserver.Directives), len(defaultDirectives)+1; got != want {
		t.Errorf("%d directives, want %d", got, want)
	}
}

func TestOrderingSeesTheAnswersOfEverySource(t *testing.T) {
	index := slices.Index(dnsserver.Directives, "ordering")
	for _, above := range []string{"prometheus", "errors", "log", "dnstap"} {
		if slices.Index(dnsserver.Directives, above) > index {
			t.Errorf("%s is below ordering and would not see what the client sees", above)
		}
	}
	for _, below := range []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"} {
		if slices.Index(dnsserver.Directives, below) < index {
			t.Errorf("%s is above ordering, which would not see its answers", below)
		}
	}
}

// The flag -plugins prints the names that caddy.DescribePlugins returns, without their prefix
// "dns.".
func TestPluginsFlagListsEveryDirective(t *testing.T) {
	listed := strings.Fields(caddy.DescribePlugins())
	for _, directive := range dnsserver.Directives {
		if !slices.Contains(listed, directive) {
			t.Errorf("%s is not listed", directive)
		}
	}
}
