package kubernetes

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// claims has the locations that are claimed for networks. The location is nil where claims
// contradict each other.
type claims map[netip.Prefix]*topology.Location

// merge adds a claim. Of several claims for one network the labels remain that all of them share.
func (c claims) merge(network netip.Prefix, place *topology.Location) {
	if other, found := c[network]; found {
		place = other.Common(place)
	}
	c[network] = place
}

// newTable returns a table of claims, without the networks whose claims contradict each other. No
// network may be in two elements of all.
func newTable(all ...claims) *topology.Table {
	var b topology.Builder
	for _, claims := range all {
		for network, place := range claims {
			if place == nil {
				continue
			}
			if err := b.Add(network, place.String()); err != nil {
				panic(err) // network has no host bits set, place is a location
			}
		}
	}
	t, err := b.Table()
	if err != nil {
		panic(err) // no network was added twice
	}
	return t
}
