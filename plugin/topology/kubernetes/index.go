package kubernetes

import (
	"cmp"
	"net/netip"
	"unique"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// nodeIndex is what the nodes of a cluster say about where addresses are. It is not safe for
// concurrent use.
type nodeIndex struct {
	nodes  map[string]*nodeInfo
	places map[unique.Handle[string]]*topology.Location // by node
	zones  map[unique.Handle[string]]*topology.Location // by zone; place adds more
	claims claims
	table  *topology.Table // of the claims
}

// indexNodes returns the index of nodes, which are *nodeInfo.
func indexNodes(nodes []any) *nodeIndex {
	x := &nodeIndex{
		nodes:  make(map[string]*nodeInfo, len(nodes)),
		places: make(map[unique.Handle[string]]*topology.Location, len(nodes)),
		zones:  map[unique.Handle[string]]*topology.Location{},
		claims: make(claims, 3*len(nodes)),
	}
	regions := map[string]string{} // by zone
	for _, object := range nodes {
		n := object.(*nodeInfo)
		x.nodes[n.Name] = n
		if n.zone == "" || n.region == "" {
			continue
		}
		// Kubernetes expects a zone to be in one region. If labels say otherwise, the result must not
		// depend on the order of the nodes.
		if other, found := regions[n.zone]; !found || n.region < other {
			regions[n.zone] = n.region
		}
	}
	for zone, region := range regions {
		x.zones[unique.Make(zone)], _ = topology.ParseLocation(region + "/" + zone)
	}
	for _, n := range x.nodes {
		region := cmp.Or(n.region, regions[n.zone], topology.Unknown)
		place, err := topology.ParseLocation(region + "/" + cmp.Or(n.zone, topology.Unknown) + "/" + n.Name)
		if err != nil {
			continue // a name or label that no API server accepts
		}
		x.places[unique.Make(n.Name)] = place
		for _, network := range n.networks {
			x.claims.merge(network, place)
		}
	}
	x.table = newTable(x.claims)
	return x
}

// tableWith returns the table of the nodes and of those endpoints that need an entry of their own.
// endpointSlices are *sliceInfo.
func (x *nodeIndex) tableWith(endpointSlices []any) *topology.Table {
	endpoints := claims{}
	for _, object := range endpointSlices {
		for _, e := range object.(*sliceInfo).endpoints {
			if x.lacks(e) {
				endpoints.merge(hostNetwork(e.addr), x.place(e))
			}
		}
	}
	if len(endpoints) == 0 {
		return x.table
	}
	return newTable(x.claims, endpoints)
}

// lacks reports whether an endpoint needs an entry of its own: the table of the nodes does not have
// its location, and its address is not a node's own.
func (x *nodeIndex) lacks(e endpoint) bool {
	if knows(x.table, e.addr, x.place(e)) {
		return false
	}
	_, own := x.claims[hostNetwork(e.addr)]
	return !own
}

// place returns the location that an endpoint's node or zone gives it, nil if it has neither.
func (x *nodeIndex) place(e endpoint) *topology.Location {
	if place := x.places[e.node]; place != nil {
		return place
	}
	place, found := x.zones[e.zone]
	if !found && e.zone.Value() != "" {
		place, _ = topology.ParseLocation(topology.Unknown + "/" + e.zone.Value()) // without nodes
		x.zones[e.zone] = place
	}
	return place
}

// knows reports whether the location of addr in t is place, or narrower.
func knows(t *topology.Table, addr netip.Addr, place *topology.Location) bool {
	return t.Find(addr).Shared(place) == place.Labels()
}

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

// newTable returns the table of all claims but the contradictory. No network may be in two of them.
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
