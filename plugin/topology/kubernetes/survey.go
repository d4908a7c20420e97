package kubernetes

import (
	"net/netip"
	"unique"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// ground is what the nodes of a cluster say about places, before any endpoint.
type ground struct {
	nodes  map[string]*nodeFacts
	places map[unique.Handle[string]]*topology.Location // of nodes
	zones  map[unique.Handle[string]]*topology.Location
	claims claims
	table  *topology.Table // from the claims
}

// claims says where networks are.
type claims map[netip.Prefix]*topology.Location

// add joins a claim to those that there are. What they agree on counts; nil is for claims that agree on nothing.
func (c claims) add(network netip.Prefix, place *topology.Location) {
	if other, claimed := c[network]; claimed {
		place = other.Common(place)
	}
	c[network] = place
}

// table leaves out what the claims do not agree on.
func (c claims) table(more claims) *topology.Table {
	var b topology.Builder
	for _, claims := range []claims{c, more} {
		for network, place := range claims {
			if place != nil {
				mustAdd(&b, network, place)
			}
		}
	}
	t, err := b.Table()
	if err != nil {
		panic(err) // the keys of a map are different, and more has none of c's
	}
	return t
}

func mustAdd(b *topology.Builder, network netip.Prefix, place *topology.Location) {
	if err := b.Add(network, place.String()); err != nil {
		panic(err) // networks were masked, places were parsed
	}
}

// survey takes *nodeFacts.
func survey(nodes []any) *ground {
	g := &ground{
		nodes:  make(map[string]*nodeFacts, len(nodes)),
		places: make(map[unique.Handle[string]]*topology.Location, len(nodes)),
		zones:  map[unique.Handle[string]]*topology.Location{},
		claims: make(claims, 3*len(nodes)),
	}
	regions := map[string]string{} // by zone
	for _, object := range nodes {
		n := object.(*nodeFacts)
		g.nodes[n.Name] = n
		if n.zone == "" || n.region == "" {
			continue
		}
		// A zone is in one region, says the Kubernetes documentation. Where it is in two, always take the same.
		if other, known := regions[n.zone]; !known || n.region < other {
			regions[n.zone] = n.region
		}
	}
	for zone, region := range regions {
		g.zones[unique.Make(zone)], _ = topology.ParseLocation(region + "/" + zone)
	}
	for _, n := range g.nodes {
		region := n.region
		if region == "" {
			region = regions[n.zone]
		}
		place, err := topology.ParseLocation(orUnknown(region) + "/" + orUnknown(n.zone) + "/" + n.Name)
		if err != nil {
			continue // names that the API server does not accept
		}
		g.places[unique.Make(n.Name)] = place
		for _, network := range n.networks {
			g.claims.add(network, place)
		}
	}
	g.table = g.claims.table(nil)
	return g
}

func orUnknown(label string) string {
	if label == "" {
		return topology.Unknown
	}
	return label
}

// with returns the table of the nodes and of those endpoints that it lacks. It takes *sliceFacts.
func (g *ground) with(endpointSlices []any) *topology.Table {
	more := claims{}
	for _, object := range endpointSlices {
		for _, e := range object.(*sliceFacts).endpoints {
			if g.lacks(e) {
				more.add(hostNetwork(e.addr), g.place(e))
			}
		}
	}
	if len(more) == 0 {
		return g.table
	}
	return g.claims.table(more)
}

// lacks reports whether the networks of the nodes do not say where the endpoint is, or say something else.
func (g *ground) lacks(e endpoint) bool {
	if says(g.table, e.addr, g.place(e)) {
		return false
	}
	_, own := g.claims[hostNetwork(e.addr)]
	return !own
}

// says reports whether t knows at least as much about addr as that it is at place.
func says(t *topology.Table, addr netip.Addr, place *topology.Location) bool {
	return t.Find(addr).Shared(place) == place.Labels()
}

// place returns where an endpoint says that it is, nil if it does not say.
func (g *ground) place(e endpoint) *topology.Location {
	if place := g.places[e.node]; place != nil {
		return place
	}
	place, known := g.zones[e.zone]
	if !known && e.zone.Value() != "" {
		place, _ = topology.ParseLocation(topology.Unknown + "/" + e.zone.Value()) // no node is in this zone
		g.zones[e.zone] = place
	}
	return place
}
