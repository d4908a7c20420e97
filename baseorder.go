package ordering

import (
	"slices"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// A baseOrder says which order of an RRset the turns start from.
type baseOrder uint8

const (
	baseAuto      baseOrder = iota // received where the order below is always the same, else canonical
	baseReceived                   // as it came from the plugins below
	baseCanonical                  // by the bytes of the RDATA (RFC 4034, section 6.3)
)

// orderKeepers are the plugins of CoreDNS that answer an RRset in the same order each time, or that
// do not answer with addresses of their own. Any other plugin may rotate or shuffle, and its turns
// and ours could cancel each other: of two addresses the client would get the same first for ever.
var orderKeepers = []string{
	"auto", "dynupdate", "file", "hosts", "secondary", "template",

	"acl", "any", "autopath", "bufsize", "cache", "cancel", "chaos", "dns64", "dnssec", "dnstap", "erratic", "errors",
	"geoip", "header", "health", "loadbalance", "local", "log", "loop", "metadata", "minimal", "nsid", "ordering",
	"pprof", "prometheus", "proxyproto", "ready", "reload", "rewrite", "root", "shed", "sign", "siit", "tls", "trace",
	"transfer", "tsig", "view", "whoami",
}

// beginsWithAlias reports whether the first record of answer is an alias, as in the answers of all
// plugins that follow aliases. The addresses may be from another server block, which may rotate them.
func beginsWithAlias(answer []dns.RR) bool {
	if len(answer) == 0 {
		return false
	}
	switch answer[0].(type) {
	case *dns.CNAME, *dns.DNAME:
		return true
	}
	return false
}

// keepOrder reports whether every plugin of a server block keeps the order of RRsets.
func keepOrder(handlers []plugin.Handler) bool {
	return !slices.ContainsFunc(handlers, func(h plugin.Handler) bool { return !slices.Contains(orderKeepers, h.Name()) })
}
