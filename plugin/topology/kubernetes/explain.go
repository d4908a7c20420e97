package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// explain returns what says that addr is where the table of p has it, or that nothing does. It
// looks in the order of places.number.
func explain(p *places, addr netip.Addr) string {
	pod := explainPod(p, addr)
	if nodes := nodesAt(p, addr); nodes != "" {
		if pod != "" {
			return "address of " + nodes + "; " + pod
		}
		return "address of " + nodes
	}
	if pod != "" {
		return pod
	}
	if claims := p.slices.claims[addr]; len(claims) > 0 {
		claims = slices.Concat(claims, p.agreeing(map[netip.Addr]struct{}{addr: {}})[addr])
		return explainClaims(p, addr, p.numbers.locations[p.claimed(claims)] != nil)
	}
	if p.believed {
		if network := podCIDROf(p, addr); network.IsValid() {
			return "podCIDR " + network.String()
		}
	}
	return "no pod, slice or node has it"
}

// nodesAt returns the names of the nodes that have addr as their own, "" if none does.
func nodesAt(p *places, addr netip.Addr) string {
	var names []string
	for name, info := range p.nodes.byName {
		if slices.Contains(info.addresses, addr) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// explainPod says which node the Pod at addr is on, "" if there is no Pod.
func explainPod(p *places, addr netip.Addr) string {
	number := p.pods.node(ipaddr.FromNetip(addr))
	switch number {
	case noPlace:
		return ""
	case nowhere:
		return "pods on several nodes have it"
	}
	text := "pod"
	for name, n := range p.numbers.nodes {
		if n == number {
			text += " on " + name
		}
	}
	if p.numbers.locations[number] == nil {
		text += ", a node that is not known"
	}
	return text
}

// explainClaims names the EndpointSlices that have addr. agreed says whether their claims have
// something in common.
func explainClaims(p *places, addr netip.Addr, agreed bool) string {
	var names []string
	for key, info := range p.slices.slices {
		if slices.ContainsFunc(info.endpoints, func(e endpoint) bool { return e.addr == addr }) {
			names = append(names, key[0]+"/"+key[1])
		}
	}
	slices.Sort(names)
	text := "slice " + strings.Join(names, " and ")
	if !agreed {
		text += ", which does not tell one location"
	}
	return text
}

// podCIDROf returns the longest podCIDR that contains addr, the zero Prefix if none does.
func podCIDROf(p *places, addr netip.Addr) (longest netip.Prefix) {
	for _, info := range p.nodes.byName {
		for _, network := range info.podCIDRs {
			if network.Contains(addr) && network.Bits() > longest.Bits() {
				longest = network
			}
		}
	}
	return longest
}

// describe returns what the table of p, which has so many networks and addresses, is made of.
func describe(p *places, length int) string {
	nodes := fmt.Sprintf("%d nodes", len(p.nodes.byName))
	if len(p.nodes.byName) == 1 {
		nodes = "1 node"
	}
	text := fmt.Sprintf("%s, %d networks and addresses, read from the API", nodes, length)
	if p.synced() {
		text += " just now"
	}
	if way := p.way(); way != "" {
		text += "; " + way
	}
	return text
}
