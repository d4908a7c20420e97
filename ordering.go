// Package ordering is a CoreDNS plugin that puts the addresses of an answer in the order that serves
// each client best: first the addresses on the client's own subnet, then those on its network, then
// the rest. Inside each of these tiers the addresses take turns. Microsoft DNS Server calls the two
// halves netmask ordering (LocalNetPriority) and round robin.
//
// A query passes through Ordering.ServeDNS, which finds the policy for its zone and wraps the writer.
// The response comes back through writer.WriteMsg: it finds out who the client is, asks the policy
// for that client's ranking (package ranking), has each section ordered by it (package rrset), and
// passes the response on.
package ordering

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/plugin/ecs"
	"github.com/coredns-ordering/ordering/plugin/ranking"
	"github.com/coredns-ordering/ordering/plugin/rrset"
)

// A policy is what one directive of the Corefile says: a ranking, and an order by that ranking. It
// is immutable, except that turns are counted and the topology may change, and safe for concurrent
// use.
type policy struct {
	ranker   *ranking.Ranker
	orderer  *rrset.Orderer
	base     baseOrder
	limit    int                   // most records of an address RRset; 0: all
	trusted  *ecs.TrustedResolvers // nil: none
	position string                // of the directive: "Corefile:7"
	lines    map[string]int        // of its properties
}

// canonical reports whether the turns of a response start from the canonical order. steady says that
// the plugins below give the RRsets of the response in the same order each time.
func (p *policy) canonical(steady bool) bool {
	if p.base == baseAuto {
		return p.orderer.Rotation() == rrset.Cyclic && !steady
	}
	return p.base == baseCanonical
}

// scope returns the longest prefix of client that the order of an answer can depend on. A sticky
// order depends on the whole address.
func (p *policy) scope(client netip.Addr) int {
	if p.orderer.Rotation() == rrset.Sticky {
		return client.BitLen()
	}
	return p.ranker.Scope(client)
}
