package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/directives"
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// defaultDirectives is the list as CoreDNS ships it: package variables are set
// before main's init puts ordering into it.
var defaultDirectives = slices.Clone(dnsserver.Directives)

func TestOrderingStandsDirectlyBeforeLoadbalance(t *testing.T) {
	place := slices.Index(dnsserver.Directives, "ordering")
	if place < 0 {
		t.Fatal("ordering is not in the directive list")
	}
	if next := dnsserver.Directives[place+1]; next != "loadbalance" {
		t.Errorf("ordering stands before %s, want loadbalance", next)
	}
}

func TestDefaultDirectivesAreIntactAndInOrder(t *testing.T) {
	if slices.Contains(defaultDirectives, "ordering") {
		t.Fatal("ordering is among the defaults: this test compares nothing")
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
	place := slices.Index(dnsserver.Directives, "ordering")
	for _, above := range []string{"prometheus", "errors", "log", "dnstap"} {
		if slices.Index(dnsserver.Directives, above) > place {
			t.Errorf("%s stands below ordering and would not see what the client sees", above)
		}
	}
	for _, below := range []string{"cache", "file", "auto", "kubernetes", "hosts", "forward"} {
		if slices.Index(dnsserver.Directives, below) < place {
			t.Errorf("%s stands above ordering, which would not see its answers", below)
		}
	}
}

func TestMissingLandmarkPanics(t *testing.T) {
	defer func() {
		if message, _ := recover().(string); !strings.Contains(message, "loadbalance") {
			t.Errorf("panic says %q, want the name of the landmark", message)
		}
	}()
	directives.WithOrdering([]string{"errors", "cache", "file"})
}

// -plugins prints what caddy.DescribePlugins returns, without the "dns." in
// front of each name.
func TestPluginsFlagListsEveryDirective(t *testing.T) {
	listed := strings.Fields(caddy.DescribePlugins())
	for _, directive := range dnsserver.Directives {
		if !slices.Contains(listed, directive) {
			t.Errorf("%s is not listed", directive)
		}
	}
}
