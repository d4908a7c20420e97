// Coredns is a CoreDNS with every default plugin and ordering.
package main

import (
	"slices"

	_ "github.com/coredns-ordering/ordering" // registers the plugin
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // registers the default plugins
	"github.com/coredns/coredns/coremain"
)

// landmark is the directive that ordering stands directly before.
const landmark = "loadbalance"

func init() {
	dnsserver.Directives = withOrdering(dnsserver.Directives)
}

func main() {
	coremain.Run()
}

// withOrdering returns a copy of directives with ordering directly before the
// landmark. It panics if the landmark is not there: at any other place ordering
// might never see an answer.
func withOrdering(directives []string) []string {
	place := slices.Index(directives, landmark)
	if place < 0 {
		panic("coredns: no directive " + landmark + " to put ordering before")
	}
	return slices.Insert(slices.Clone(directives), place, "ordering")
}
