// Coredns is a CoreDNS server with every default plugin and ordering.
package main

import (
	_ "github.com/coredns-ordering/ordering" // registers the plugin
	"github.com/coredns-ordering/ordering/internal/directives"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // registers the default plugins
	"github.com/coredns/coredns/coremain"
)

func init() {
	dnsserver.Directives = directives.WithOrdering(dnsserver.Directives)
}

func main() {
	coremain.Run()
}
