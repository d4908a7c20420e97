package ordering

import (
	"slices"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// A baseOrder says which order of an RRset the turns start from.
type baseOrder uint8

const (
	baseAuto      baseOrder = iota // as policy.canonical decides for each response
	baseReceived                   // as it came from the plugins below
	baseCanonical                  // by the bytes of the RDATA (RFC 4034, section 6.3)
)

// orderKeepers are the plugins of CoreDNS that answer an RRset in the same order each time, or that
// do not answer with addresses of their own. Any other plugin may rotate or shuffle. Its turns and
// ours could cancel each other: if both rotate two addresses by one, the same address always comes
// first.
var orderKeepers = []string{
	// These answer in the same order each time.
	"auto", "dynupdate", "file", "hosts", "secondary", "template",

	// These have no addresses of their own, or pass on those from below.
	"acl", "any", "autopath", "bufsize", "cache", "cancel", "chaos", "dns64", "dnssec", "dnstap", "erratic", "errors",
	"geoip", "header", "health", "loadbalance", "local", "log", "loop", "metadata", "minimal", "nsid", "ordering",
	"pprof", "prometheus", "proxyproto", "ready", "reload", "rewrite", "root", "shed", "sign", "siit", "tls", "trace",
	"transfer", "tsig", "view", "whoami",
}

// leaves reports whether answer begins with an alias that leads out of zones, so that another server
// block may have given the addresses, with plugins that keep no order.
func leaves(zones plugin.Zones, answer []dns.RR) bool {
	if len(answer) == 0 {
		return false
	}
	switch answer[0].(type) {
	case *dns.CNAME, *dns.DNAME:
		last := answer[len(answer)-1]
		return last != nil && !zones.Contains(last.Header().Name)
	}
	return false
}

// keepOrder reports whether every plugin of a server block keeps the order of RRsets.
func keepOrder(handlers []plugin.Handler) bool {
	return !slices.ContainsFunc(handlers, func(h plugin.Handler) bool {
		return !slices.Contains(orderKeepers, h.Name())
	})
}
