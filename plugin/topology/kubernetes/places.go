package kubernetes

import (
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
	"github.com/coredns-ordering/ordering/plugin/topology"
)

// places makes tables of what is known about a cluster. A change of a Pod or an EndpointSlice costs
// little, a change of a node a new table of all nodes. It is not safe for concurrent use.
type places struct {
	option  Pods
	refuted string // with PodsAuto, why podCIDRs are not believed; empty as long as nothing contradicts them

	numbers *numbers
	nodes   *nodes
	pods    *pods

	// slices are all EndpointSlices, or those that the cluster's own controller did not write. With
	// Pods the others are needed only until the Pods are known.
	slices  *endpoints
	all     *endpoints // nil once Pods are known, and with PodsOn
	foreign *endpoints

	believed bool // the last table has the podCIDRs
	changed  map[netip.Addr]struct{}
	hosts    *topology.Hosts
}

func newPlaces(option Pods, refuted string) *places {
	p := &places{
		option: option, refuted: refuted, numbers: newNumbers(), nodes: newNodes(),
		changed: map[netip.Addr]struct{}{}, hosts: new(topology.Hosts),
	}
	p.pods = newPods(p.numbers, func(addr ipaddr.Addr) { p.change(addr.Netip().Unmap()) })
	p.foreign = newEndpoints(p.nodes.needs, p.change, func(endpoint) {})
	p.slices = p.foreign
	if option != PodsOn {
		p.all = newEndpoints(p.nodes.needs, p.change, p.check)
		p.slices = p.all
	}
	return p
}

func (p *places) change(addr netip.Addr) { p.changed[addr] = struct{}{} }

// check looks whether an endpoint contradicts the podCIDRs.
func (p *places) check(e endpoint) {
	if p.option == PodsAuto && p.refuted == "" {
		p.refuted = p.nodes.refutes(e)
	}
}

// watchesPods reports whether Pods say where they are.
func (p *places) watchesPods() bool { return p.option == PodsOn || p.refuted != "" }

// synced reports whether everything that places are made of has been read once.
func (p *places) synced() bool {
	if p.watchesPods() {
		return p.nodes.synced && p.pods.synced && p.foreign.synced
	}
	return p.nodes.synced && p.all.synced
}

// way says how places of Pods are known, and why. It is empty before that is decided.
func (p *places) way() string {
	switch {
	case p.option == PodsOn:
		return "Pods are watched, and podCIDRs ignored, as the configuration says"
	case p.option == PodsOff:
		return "podCIDRs are believed, as the configuration says"
	case p.refuted != "":
		return "Pods are watched, and podCIDRs ignored: " + p.refuted
	case p.synced():
		return "podCIDRs are believed: every node has one, and no endpoint contradicts them"
	}
	return ""
}

// upToDate reports whether the last table has all that is known.
func (p *places) upToDate() bool {
	return !p.nodes.changed && len(p.changed) == 0 && p.believed == p.believes() && !p.changesSlices()
}

// believes reports whether podCIDRs are believed. Before all endpoints are known they are not.
func (p *places) believes() bool {
	return p.option == PodsOff || p.option == PodsAuto && p.refuted == "" && p.synced()
}

// changesSlices reports whether it is time to forget the slices that the cluster's own controller
// wrote.
func (p *places) changesSlices() bool { return p.all != nil && p.watchesPods() && p.synced() }

// table returns the table of what is known now.
func (p *places) table() *topology.Table {
	if p.option == PodsAuto && p.refuted == "" && p.nodes.changed {
		p.lookForEvidence()
	}
	if p.changesSlices() {
		for addr := range p.all.claims {
			p.change(addr)
		}
		p.slices, p.all = p.foreign, nil
		p.nodes.changed = true
	}
	nodesChanged := p.nodes.changed || p.believed != p.believes()
	if nodesChanged {
		p.changeOwn()
		p.believed = p.believes()
		p.nodes.index(p.believed, p.numbers)
		p.changeOwn()
		p.slices.reclaim()
	}
	changes := make([]topology.HostChange, 0, len(p.changed))
	agreeing := p.agreeing(p.changed)
	for addr := range p.changed {
		claims := slices.Concat(p.slices.claims[addr], agreeing[addr])
		changes = append(changes, topology.HostChange{Addr: addr, Location: p.number(addr, claims)})
	}
	if len(changes) > 0 {
		p.hosts = p.hosts.With(changes)
		p.changed = map[netip.Addr]struct{}{}
	}
	if nodesChanged {
		p.numbers.release()
	}
	return p.nodes.table.WithHosts(p.hosts, p.numbers.publish())
}

// changeOwn notes that the nodes' own addresses may have changed.
func (p *places) changeOwn() {
	for network := range p.nodes.own {
		p.change(network.Addr())
	}
}

// lookForEvidence looks at all nodes and endpoints for one that contradicts the podCIDRs.
func (p *places) lookForEvidence() {
	p.refuted = p.nodes.lacksPodCIDR()
	for _, info := range p.all.slices {
		for _, e := range info.endpoints {
			p.check(e)
		}
	}
}

// agreeing returns the claims that need no entry, for those of these addresses for which one of the
// cluster's own controller does. Those of its own among them agree with the nodes, and nothing says
// which of the two is right.
func (p *places) agreeing(addrs map[netip.Addr]struct{}) map[netip.Addr][]claim {
	contested := func(addr netip.Addr) bool { return slices.ContainsFunc(p.slices.claims[addr], claim.isOwn) }
	found := false
	for addr := range addrs {
		found = found || contested(addr)
	}
	if !found {
		return nil
	}
	all := map[netip.Addr][]claim{}
	for _, info := range p.slices.slices {
		for _, e := range info.endpoints {
			_, asked := addrs[e.addr]
			if asked && contested(e.addr) && p.nodes.place(e.claim) != nil && !p.nodes.needs(e) {
				all[e.addr] = append(all[e.addr], e.claim)
			}
		}
	}
	return all
}

// number returns the number of the location of an address, for which endpoints make these claims;
// noPlace if the networks of the nodes decide.
func (p *places) number(addr netip.Addr, claims []claim) uint32 {
	ownPlace, isNode := p.nodes.own[netip.PrefixFrom(addr, addr.BitLen())]
	pod := p.pods.node(ipaddr.FromNetip(addr))
	switch {
	case isNode:
		return p.shared(ownPlace, p.numbers.locations[pod])
	case pod != noPlace:
		return pod
	}
	return p.claimed(claims)
}

// shared returns the number for an address that a node has and, if pod is not nil, a Pod. On Fargate
// that is one place. Otherwise one of the two is gone, and only what the places share is known. node is
// nil if several nodes have the address: then it is nowhere, even in a podCIDR.
func (p *places) shared(node, pod *topology.Location) uint32 {
	if both := node.Common(pod); node == nil || pod != nil && both.Labels() < node.Labels() {
		return p.numbers.of(both)
	}
	return noPlace
}

// claimed returns the number of the location that endpoints give an address: what all of them share.
// Those of the cluster's own controller count more than others. It overwrites all.
func (p *places) claimed(all []claim) uint32 {
	if len(all) == 0 {
		return noPlace
	}
	if slices.ContainsFunc(all, claim.isOwn) {
		all = slices.DeleteFunc(all, func(c claim) bool { return !c.isOwn() })
	}
	place := p.nodes.place(all[0])
	for _, c := range all[1:] {
		place = place.Common(p.nodes.place(c))
	}
	return p.numbers.of(place)
}
