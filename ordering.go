// Package ordering is a CoreDNS plugin that puts the addresses of an answer in the order that
// serves each client best: first the addresses on the client's own subnet, then those on its
// network, then the rest. Inside each of these tiers the addresses take turns. Microsoft DNS Server
// calls the two halves netmask ordering (LocalNetPriority) and round robin.
//
// Ordering.ServeDNS handles a query: it finds the policy for the query's zone, wraps the writer and
// calls the next plugin. The response comes back through writer.WriteMsg. That gets the client's
// ranking from package ranking, has package rrset order the sections by it, and passes the response
// on. docs/architecture.md shows how the packages work together.
package ordering

import (
	"slices"

	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/coredns/coredns/plugin"
)

// A policy is what one directive of the Corefile says: how near an address is, and how an RRset is
// ordered by that. A policy is immutable and safe for concurrent use. Behind it, turns are counted
// and the topology may change.
type policy struct {
	ranker   *ranking.Ranker
	orderer  *rrset.Orderer
	base     baseOrder
	limit    int                   // most records of an address RRset; 0: all
	trusted  *ecs.TrustedResolvers // nil: none
	position string                // of the directive: "Corefile:7"

	trustedIn string // the position of the property ecs
}

// canonical reports whether the base order of a response is the canonical order, and not the order
// as received. steady says that the plugins below give its RRsets in the same order each time. If
// they do not, rotation needs the canonical order to start from, or else addresses are skipped.
func (p *policy) canonical(steady bool) bool {
	if p.base == baseAuto {
		return p.orderer.Rotation() == rrset.Cyclic && !steady
	}
	return p.base == baseCanonical
}

// scope returns the length of the longest prefix of the client's address that an order by k can
// depend on. A sticky order depends on the whole address.
func (p *policy) scope(k *ranking.Ranking) int {
	if p.orderer.Rotation() == rrset.Sticky {
		return k.ClientBits()
	}
	return k.Scope()
}

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

// keepOrder reports whether every plugin of a server block keeps the order of RRsets.
func keepOrder(handlers []plugin.Handler) bool {
	return !slices.ContainsFunc(handlers, func(h plugin.Handler) bool {
		return !slices.Contains(orderKeepers, h.Name())
	})
}
