package kubernetes

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// read gives p all nodes, EndpointSlices and Pods there are, as reflectors do.
func read(p *places, objects ...object) {
	var nodes []*nodeInfo
	var own, foreign []*sliceInfo
	var pods []*podInfo
	for _, o := range objects {
		switch o := o.(type) {
		case *v1.Node:
			nodes = append(nodes, trimmed[nodeInfo](o))
		case *v1.Pod:
			pods = append(pods, trimmed[podInfo](o))
		case *discovery.EndpointSlice:
			if own = append(own, trimmed[sliceInfo](o)); o.Labels[discovery.LabelManagedBy] != ownSlices {
				foreign = append(foreign, trimmed[sliceInfo](o))
			}
		}
	}
	p.nodes.replace(nodes)
	if p.all != nil {
		p.all.replace(own)
	}
	p.table() // may find that Pods are to be watched
	if p.watchesPods() {
		p.pods.replace(pods)
		p.foreign.replace(foreign)
	}
}

// indexed returns the table of a cluster that has these objects.
func indexed(option Pods, objects ...object) *topology.Table {
	p := newPlaces(option, "")
	read(p, objects...)
	return p.table()
}

// trimmed returns what a Cluster needs of o.
func trimmed[I any](o object) *I {
	for _, trim := range []func(any) (any, error){trimNode, trimSlice, trimPod} {
		if info, _ := trim(o); info != any(o) {
			return info.(*I)
		}
	}
	panic("not known")
}

func checkPlaces(t *testing.T, table *topology.Table, want map[string]string) {
	t.Helper()
	for addr, location := range want {
		if got := table.Find(netip.MustParseAddr(addr)).String(); got != location {
			t.Errorf("%s is at %q, want %q", addr, got, location)
		}
	}
}

func TestPlaceOfNodes(t *testing.T) {
	outside := node("n1", "r1", "z1", "10.1.0.0/24", "fd00:1::/64", "192.0.2.1", "2001:db8::1", "::ffff:10.77.0.0/112")
	outside.Status.Addresses = append(outside.Status.Addresses,
		v1.NodeAddress{Type: v1.NodeExternalIP, Address: "198.51.100.1"},
		v1.NodeAddress{Type: v1.NodeHostName, Address: "203.0.113.1"},
		v1.NodeAddress{Type: v1.NodeInternalIP, Address: "not an address"},
		v1.NodeAddress{Type: v1.NodeInternalIP, Address: "::ffff:198.51.100.2"},
		v1.NodeAddress{Type: v1.NodeInternalIP, Address: "fe80::1%eth0"})
	outside.Spec.PodCIDRs = append(outside.Spec.PodCIDRs, "not a network", "10.3.0.7/24")
	table := indexed(PodsOff, outside, node("n2", "", "z1", "10.2.0.0/24"), node("n3", "", "z2", "10.4.0.0/24"),
		node("n4", "", "", "10.5.0.0/24"), node("n5", "r1", "", "10.6.0.0/24"),
		node("n#6", "r1", "z6", "192.0.2.1", "10.5.0.0/24"), // as no API server accepts it
		node("n7", "r1", "z1", "10.7.0.1/32", "10.7.0.1"), node("n8", "r1", "z3", "10.7.0.1/32"))
	checkPlaces(t, table, map[string]string{
		"10.1.0.9": "r1/z1/n1", "fd00:1::9": "r1/z1/n1",
		"192.0.2.1": "r1/z1/n1", "2001:db8::1": "r1/z1/n1", "198.51.100.1": "r1/z1/n1", "203.0.113.1": "",
		"198.51.100.2": "r1/z1/n1", "fe80::1": "r1/z1/n1",
		"10.3.0.1": "r1/z1/n1", "10.77.0.1": "r1/z1/n1",
		"10.2.0.9": "r1/z1/n2", // n1, in the same zone, has the region
		"10.4.0.9": "-/z2/n3",
		"10.5.0.9": "-/-/n4",
		"10.6.0.9": "r1/-/n5",
		"10.7.0.1": "r1/z1/n7", // an address that a node has is not one of Pods
	})
	if table.Depth() != 3 {
		t.Errorf("%d deep, want 3", table.Depth())
	}
}

func TestUnlabelledNodesShareNothing(t *testing.T) {
	table := indexed(PodsOff, node("n1", "", "", "10.1.0.0/24"), node("n2", "", "", "10.2.0.0/24"))
	a, b := table.Find(netip.MustParseAddr("10.1.0.1")), table.Find(netip.MustParseAddr("10.2.0.1"))
	if a.Shared(b) != 0 || a.Shared(a) != 3 {
		t.Errorf("%s shares %d labels with %s and %d with itself, want 0 and 3", a, a.Shared(b), b, a.Shared(a))
	}
}

func TestPlaceOfEndpoints(t *testing.T) {
	names := endpointSlice("names", "10.8.8.8 n1 z1")
	names.AddressType = discovery.AddressTypeFQDN
	six := endpointSlice("six", "fd00:9::1 n2 z2")
	six.AddressType = discovery.AddressTypeIPv6
	table := indexed(PodsOff,
		node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24"),
		endpointSlice("web", "10.1.0.1 n1 z1", "10.2.0.1 n1 z1", "10.1.0.2 - z1", "10.1.0.3 - z2",
			"172.16.0.1 n2 z2", "172.16.0.2 gone z1", "172.16.0.3 gone z7", "172.16.0.4 gone -", "172.16.0.5 - -",
			"172.16.0.6 - n2", "172.16.0.7 n1 -", "::ffff:172.16.0.8 n1 z1", "fe80::8%eth0 n1 z1", "web.example.org n1 z1"),
		names, six)
	checkPlaces(t, table, map[string]string{
		"10.1.0.1":   "r1/z1/n1",
		"10.2.0.1":   "r1/z1/n1", // where the pod networks say n2
		"10.1.0.2":   "r1/z1/n1", // narrower, by the pod network
		"10.1.0.3":   "r1/z2",
		"172.16.0.1": "r1/z2/n2",
		"172.16.0.2": "r1/z1", // there is no such node, but such a zone
		"172.16.0.3": "-/z7",
		"172.16.0.4": "", "172.16.0.5": "", "10.8.8.8": "",
		"172.16.0.6": "-/n2", // a zone with the name of a node
		"172.16.0.7": "r1/z1/n1", "172.16.0.8": "r1/z1/n1", "fe80::8": "r1/z1/n1",
		"fd00:9::1": "r1/z2/n2",
	})
	if got := table.Len(); got != 3+10 {
		t.Errorf("%d networks, want 3 of nodes and 10 of endpoints", got)
	}
}

func TestClaimsAreMerged(t *testing.T) {
	table := indexed(PodsOff,
		node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1", "192.0.2.9"),
		node("n2", "r1", "z1", "10.1.0.0/24"), node("n3", "r2", "z3", "192.0.2.9"),
		endpointSlice("a", "172.16.0.1 n1 z1", "172.16.0.2 n1 z1", "172.16.0.3 n1 z1", "192.0.2.1 n3 z3", "10.1.0.8 n3 z3"),
		node("n4", "r4", "z4"),
		endpointSlice("b", "10.1.0.8 n4 z4", "172.16.0.1 n1 z1", "172.16.0.2 n2 z1", "172.16.0.3 n3 z3"),
		endpointSlice("c", "172.16.0.3 n1 z1"))
	checkPlaces(t, table, map[string]string{
		"10.1.0.7":   "r1/z1",
		"192.0.2.1":  "r1/z1/n1", // a node's own address
		"192.0.2.9":  "",
		"10.1.0.8":   "", // whatever the podCIDR says
		"172.16.0.1": "r1/z1/n1",
		"172.16.0.2": "r1/z1",
		"172.16.0.3": "", // although two claims are the same
	})
}

// TestOneOfTwoClaimsAgreesWithThePodCIDR has addresses that two endpoints claim, one of them on the node
// whose podCIDR contains the address.
func TestOneOfTwoClaimsAgreesWithThePodCIDR(t *testing.T) {
	p := newPlaces(PodsOff, "")
	read(p, node("n1", "r1", "z1", "10.1.0.0/24"), node("n2", "r1", "z2"), node("n3", "r3", "z3"))
	agrees := endpointSlice("a", "10.1.0.7 n1 z1", "10.1.0.8 n1 z1")
	contradicts := endpointSlice("b", "10.1.0.7 n2 z2", "10.1.0.8 n3 z3")
	unplaced := endpointSlice("c", "10.1.0.7 gone -")
	o := objects{p, map[string]object{}}
	for _, step := range []struct {
		do       func()
		near     string // where 10.1.0.7 is
		far      string // where 10.1.0.8 is
		evidence string // for 10.1.0.8
	}{
		{func() { o.put(agrees) }, "r1/z1/n1", "r1/z1/n1", "podCIDR 10.1.0.0/24"},
		{func() { o.put(unplaced) }, "r1/z1/n1", "r1/z1/n1", "podCIDR 10.1.0.0/24"},
		{func() { o.put(contradicts) }, "r1", "", "slice default/a and default/b, which does not tell one location"},
		{func() { o.put(node("n4", "r4", "z4")) }, "r1", "", "slice default/a and default/b, which does not tell one location"},
		{func() { o.remove(agrees) }, "r1/z2/n2", "r3/z3/n3", "slice default/b"},
		{func() { o.put(agrees) }, "r1", "", "slice default/a and default/b, which does not tell one location"},
		{func() { o.remove(contradicts) }, "r1/z1/n1", "r1/z1/n1", "podCIDR 10.1.0.0/24"},
	} {
		step.do()
		checkPlaces(t, p.table(), map[string]string{"10.1.0.7": step.near, "10.1.0.8": step.far})
		if got := explain(p, parseAddr("10.1.0.8")); got != step.evidence {
			t.Errorf("10.1.0.8 is explained as %q, want %q", got, step.evidence)
		}
	}
	if n := p.table().Len(); n != 1 {
		t.Errorf("%d entries, want that of the podCIDR", n)
	}
}

// TestAddressOfTwoNodesInAPodCIDR has nodes with one address, as after a podCIDR has moved from one to
// the other and its tunnel has not.
func TestAddressOfTwoNodesInAPodCIDR(t *testing.T) {
	for _, pod := range [][]object{nil, {aPod("a", "n1", 1, "10.1.0.1")}} {
		for _, option := range []Pods{PodsAuto, PodsOn, PodsOff} {
			checkPlaces(t, indexed(option, append(pod, node("n1", "r1", "z1", "10.1.0.0/24", "10.1.0.1", "10.1.0.2"),
				node("n2", "r2", "z2", "10.2.0.0/24", "10.1.0.1"), node("n3", "r1", "z1", "10.3.0.0/24", "10.1.0.2"))...),
				map[string]string{"10.1.0.1": "", "10.1.0.2": "r1/z1"})
		}
	}
}

// TestZoneOfTwoRegions has zones of one name in two regions. A node says in which it is, a zone does
// not.
func TestZoneOfTwoRegions(t *testing.T) {
	checkPlaces(t, indexed(PodsOff,
		node("n1", "r1", "a", "10.1.0.0/24"), node("n2", "r2", "a", "10.2.0.0/24"), node("n3", "", "a", "10.3.0.0/24"),
		node("n4", "r1", "a", "10.4.0.0/24"), node("n5", "r1", "b"),
		managed("mesh", endpointSlice("far", "172.16.0.1 - a", "172.16.0.2 - b"))),
		map[string]string{
			"10.1.0.9": "r1/a/n1", "10.2.0.9": "r2/a/n2", "10.3.0.9": "-/a/n3", "10.4.0.9": "r1/a/n4",
			"172.16.0.1": "-/a", "172.16.0.2": "r1/b",
		})
}

// syntheticCluster returns nodes in three regions and nine zones, and slices of 100 endpoints each.
// The endpoints have addresses in their node's pod network or, if cloud is true, outside of all.
func syntheticCluster(nodes, endpoints int, cloud bool) (
	nodeObjects []*v1.Node, sliceObjects []*discovery.EndpointSlice) {

	rnd := rand.New(rand.NewPCG(11, 12))
	for i := range nodes {
		network := fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
		address := fmt.Sprintf("192.168.%d.%d", i>>8, i&255)
		region, zone := fmt.Sprintf("region-%d", i%3), fmt.Sprintf("zone-%d", i%9)
		nodeObjects = append(nodeObjects, node(fmt.Sprintf("node-%d", i), region, zone, network, address))
	}
	for at := 0; at < endpoints; at += 100 {
		var places []string
		for i := at; i < min(at+100, endpoints); i++ {
			n := rnd.IntN(nodes)
			address := fmt.Sprintf("10.%d.%d.%d", n>>8, n&255, 2+i%250)
			if cloud {
				address = fmt.Sprintf("172.%d.%d.%d", 16+i>>16, i>>8&255, i&255)
			}
			places = append(places, fmt.Sprintf("%s node-%d zone-%d", address, n, n%9))
		}
		sliceObjects = append(sliceObjects, endpointSlice(fmt.Sprintf("service-%d", at), places...))
	}
	return nodeObjects, sliceObjects
}

func TestOrderOfObjectsDoesNotMatter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	nodes, endpointSlices := syntheticCluster(20, 300, true)
	nodes[0].Labels[v1.LabelTopologyRegion] = "region-2" // but node 18, in the same zone, has region-0
	delete(nodes[9].Labels, v1.LabelTopologyRegion)      // and node 9, in that zone too, has none
	var objects []object
	for _, n := range nodes {
		n.Spec.PodCIDRs = []string{fmt.Sprintf("10.0.%d.0/24", rnd.IntN(10))} // of two nodes on average
		objects = append(objects, n)
	}
	for _, s := range endpointSlices {
		again := s.DeepCopy()
		again.Name += "-again"
		for i := range again.Endpoints {
			again.Endpoints[i].NodeName = &nodes[rnd.IntN(len(nodes))].Name
		}
		objects = append(objects, s, again)
	}
	// describe lists where all addresses of the nodes and endpoints are.
	describe := func(table *topology.Table) string {
		var text strings.Builder
		for n := range 20 {
			for _, format := range []string{"10.0.%d.1", "192.168.0.%d"} {
				addr := netip.MustParseAddr(fmt.Sprintf(format, n))
				fmt.Fprintln(&text, addr, table.Find(addr))
			}
		}
		for n := range 300 {
			addr := netip.MustParseAddr(fmt.Sprintf("172.16.%d.%d", n>>8, n&255))
			fmt.Fprintln(&text, addr, table.Find(addr))
		}
		fmt.Fprintln(&text, table.Len())
		return text.String()
	}
	want := describe(indexed(PodsOff, objects...))
	for range 20 {
		rnd.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		if got := describe(indexed(PodsOff, objects...)); got != want {
			t.Fatalf("another order, another table:\n%s\nand\n%s", want, got)
		}
	}
}
