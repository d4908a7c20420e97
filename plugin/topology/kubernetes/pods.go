package kubernetes

import (
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"
)

// pods are the Pods of a cluster that have an address of their own. It is not safe for concurrent
// use.
type pods struct {
	byKey  map[podKey]pod
	synced bool // all Pods were read once

	// An address is claimed by the Pods that have it. There are two or more for a moment, when a Pod
	// gets the address of one that ends.
	first  map[addrKey]podKey
	others map[ipaddr.Addr][]podKey

	numbers *numbers
	changed func(ipaddr.Addr) // called for an address whose Pods have changed
}

func newPods(numbers *numbers, changed func(ipaddr.Addr)) *pods {
	return &pods{
		byKey: map[podKey]pod{}, first: map[addrKey]podKey{}, others: map[ipaddr.Addr][]podKey{},
		numbers: numbers, changed: changed,
	}
}

func (p *pods) set(info *podInfo) {
	if !info.hasAddress() {
		p.remove(info)
		return
	}
	key, now := info.key(), info.pod
	now.node = p.numbers.node(info.node)
	before, found := p.byKey[key]
	if before == now {
		return
	}
	p.byKey[key] = now
	p.numbers.use(now.node, 1)
	if found {
		p.numbers.use(before.node, -1)
	}
	for _, addr := range now.addresses() {
		if before.has(addr) {
			p.changed(addr)
		} else {
			p.claim(addr, key)
		}
	}
	for _, addr := range before.addresses() {
		if !now.has(addr) {
			p.unclaim(addr, key)
		}
	}
}

func (p *pods) remove(info *podInfo) { p.removeKey(info.key()) }

func (p *pods) removeKey(key podKey) {
	before, found := p.byKey[key]
	if !found {
		return
	}
	delete(p.byKey, key)
	p.numbers.use(before.node, -1)
	for _, addr := range before.addresses() {
		p.unclaim(addr, key)
	}
}

func (p *pods) replace(all []*podInfo) {
	p.synced = true
	there := make(map[podKey]bool, len(all))
	for _, info := range all {
		there[info.key()] = true
		p.set(info)
	}
	for key := range p.byKey {
		if !there[key] {
			p.removeKey(key)
		}
	}
}

func (p *pods) claim(addr ipaddr.Addr, key podKey) {
	if _, found := p.first[keyOfAddr(addr)]; found {
		p.others[addr] = append(p.others[addr], key)
	} else {
		p.first[keyOfAddr(addr)] = key
	}
	p.changed(addr)
}

func (p *pods) unclaim(addr ipaddr.Addr, key podKey) {
	others := p.others[addr]
	switch i := slices.Index(others, key); {
	case i >= 0:
		others = slices.Delete(others, i, i+1)
	case len(others) > 0:
		p.first[keyOfAddr(addr)], others = others[0], others[1:]
	default:
		delete(p.first, keyOfAddr(addr))
	}
	if len(others) == 0 {
		delete(p.others, addr)
	} else {
		p.others[addr] = others
	}
	p.changed(addr)
}

// node returns the number of the node of the Pod at an address; noPlace if there is no Pod. Of several
// Pods the newest running one has it. If nothing tells which that is, node returns nowhere, unless all
// of them are on one node.
func (p *pods) node(addr ipaddr.Addr) uint32 {
	key, found := p.first[keyOfAddr(addr)]
	if !found {
		return noPlace
	}
	best := p.byKey[key]
	node := best.node
	for _, key := range p.others[addr] {
		switch other := p.byKey[key]; {
		case other.beats(&best):
			best, node = other, other.node
		case !best.beats(&other) && other.node != node:
			node = nowhere
		}
	}
	return node
}
