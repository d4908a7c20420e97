package kubernetes

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// nodes are the nodes of a cluster, and what they say about where addresses are. It is not safe for
// concurrent use.
type nodes struct {
	byName  map[string]*nodeInfo
	synced  bool // all nodes were read once
	changed bool // since the last call of index

	places map[string]*topology.Location // by node
	zones  map[string]*topology.Location // by zone; zone adds more
	own    claims                        // the nodes' own addresses
	table  *topology.Table               // of the own addresses and, if they are believed, the podCIDRs
}

func newNodes() *nodes {
	return &nodes{
		byName: map[string]*nodeInfo{}, zones: map[string]*topology.Location{}, table: new(topology.Table),
	}
}

func (n *nodes) set(info *nodeInfo) {
	if !info.equal(n.byName[info.name]) {
		n.byName[info.name], n.changed = info, true
	}
}

func (n *nodes) remove(info *nodeInfo) {
	delete(n.byName, info.name)
	n.changed = true
}

func (n *nodes) replace(all []*nodeInfo) {
	n.byName = make(map[string]*nodeInfo, len(all))
	for _, info := range all {
		n.byName[info.name] = info
	}
	n.changed, n.synced = true, true
}

// index makes places, zones, own and table of the nodes, and sets the locations of the nodes in
// numbers.
func (n *nodes) index(podCIDRs bool, numbers *numbers) {
	n.changed = false
	n.places = make(map[string]*topology.Location, len(n.byName))
	n.zones = map[string]*topology.Location{}
	n.own = make(claims, 2*len(n.byName))
	regions := n.regions()
	for zone, region := range regions {
		n.zones[zone], _ = topology.ParseLocation(region + "/" + zone)
	}
	networks := claims{}
	for _, info := range n.byName {
		region := cmp.Or(info.region, regions[info.zone], topology.Unknown)
		place, err := topology.ParseLocation(region + "/" + cmp.Or(info.zone, topology.Unknown) + "/" + info.name)
		if err != nil {
			continue // a name or label that no API server accepts
		}
		n.places[info.name] = place
		for _, addr := range info.addresses {
			n.own.merge(netip.PrefixFrom(addr, addr.BitLen()), place)
		}
		if podCIDRs {
			for _, network := range info.podCIDRs {
				networks.merge(network, place)
			}
		}
	}
	for network := range n.own {
		delete(networks, network)
	}
	n.table = newTable(n.own, networks)
	for name := range n.places {
		numbers.node(name)
	}
	for name, number := range numbers.nodes {
		if before, now := numbers.locations[number], n.places[name]; before.String() != now.String() {
			numbers.locate(number, now)
		}
	}
}

// regions returns the region of each zone that has one; topology.Unknown for a zone that is in several.
func (n *nodes) regions() map[string]string {
	regions := map[string]string{}
	for _, info := range n.byName {
		if info.zone == "" || info.region == "" {
			continue
		}
		region := info.region
		// Kubernetes expects a zone to be in one region, but labels can say otherwise.
		if other, found := regions[info.zone]; found && other != region {
			region = topology.Unknown
		}
		regions[info.zone] = region
	}
	return regions
}

// place returns the location that a claim gives an endpoint, nil if it gives none.
func (n *nodes) place(c claim) *topology.Location {
	node, zone := c.node.Value(), c.zone.Value()
	place, info := n.places[node], n.byName[node]
	switch {
	case place != nil && c.origin == own:
		return place
	case place != nil && c.origin == handMade && info != nil && info.zone == zone:
		return place
	case zone == "":
		return nil
	}
	place, found := n.zones[zone]
	if !found && !strings.Contains(zone, "/") { // or else a part of it would count as a node
		place, _ = topology.ParseLocation(topology.Unknown + "/" + zone) // a zone without nodes
		n.zones[zone] = place
	}
	return place
}

// needs reports whether an endpoint needs an entry of its own, because the nodes do not say where its
// address is or, if the cluster's own controller wrote it, say something else.
func (n *nodes) needs(e endpoint) bool {
	switch place, known := n.place(e.claim), n.table.Find(e.addr); {
	case place == nil:
		return false
	case e.origin != own:
		return known == nil
	default:
		return known.Shared(place) < place.Labels()
	}
}

// lacksPodCIDR returns a sentence about a node that has no podCIDR, "" if every node has one. A node
// that is not ready yet may get its podCIDR in a moment.
func (n *nodes) lacksPodCIDR() string {
	for _, info := range n.byName {
		if len(info.podCIDRs) == 0 && !info.notReady {
			return fmt.Sprintf("node %s has no podCIDR", info.name)
		}
	}
	return ""
}

// refutes returns a sentence about an endpoint that contradicts the podCIDR of its node, "" if e does
// not.
func (n *nodes) refutes(e endpoint) string {
	info := n.byName[e.node.Value()]
	if e.origin != own || info == nil || !info.contradicts(e.addr) {
		return ""
	}
	if len(info.podCIDRs) == 0 {
		return fmt.Sprintf("node %s has no podCIDR", info.name)
	}
	return fmt.Sprintf("endpoint %v on node %s is outside of the node's podCIDRs %v", e.addr, info.name, info.podCIDRs)
}
