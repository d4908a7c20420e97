package kubernetes

import (
	"cmp"
	"net/netip"
	"slices"
	"unique"

	networks "github.com/coredns-ordering/ordering/internal/network"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeFacts is what is kept of a Node.
type nodeFacts struct {
	metav1.ObjectMeta // name and resource version, which informers want
	region, zone      string
	networks          []netip.Prefix // of its pods, and its own addresses; sorted
}

// sliceFacts is what is kept of an EndpointSlice.
type sliceFacts struct {
	metav1.ObjectMeta
	endpoints []endpoint // sorted
}

// endpoint is an address of an endpoint. The names are interned, for many endpoints share few of them; "" is not known.
type endpoint struct {
	addr       netip.Addr
	node, zone unique.Handle[string]
}

// trimNode is the transform for nodes: it takes a *v1.Node and leaves everything else as it is.
func trimNode(object any) (any, error) {
	node, ok := object.(*v1.Node)
	if !ok {
		return object, nil
	}
	facts := &nodeFacts{
		ObjectMeta: trimMeta(node.ObjectMeta),
		region:     node.Labels[v1.LabelTopologyRegion],
		zone:       node.Labels[v1.LabelTopologyZone],
	}
	for _, cidr := range node.Spec.PodCIDRs {
		network, _ := netip.ParsePrefix(cidr)
		if network, err := networks.Check(network.Masked()); err == nil {
			facts.networks = append(facts.networks, network)
		}
	}
	for _, address := range node.Status.Addresses {
		if address.Type != v1.NodeInternalIP && address.Type != v1.NodeExternalIP {
			continue
		}
		if addr, err := netip.ParseAddr(address.Address); err == nil {
			facts.networks = append(facts.networks, hostNetwork(addr))
		}
	}
	slices.SortFunc(facts.networks, netip.Prefix.Compare)
	facts.networks = slices.Clip(slices.Compact(facts.networks))
	return facts, nil
}

// trimSlice is the transform for endpoint slices: it takes a *discovery.EndpointSlice and leaves everything else as it is.
// Whether an endpoint is ready does not matter: it is where it is.
func trimSlice(object any) (any, error) {
	slice, ok := object.(*discovery.EndpointSlice)
	if !ok {
		return object, nil
	}
	facts := &sliceFacts{ObjectMeta: trimMeta(slice.ObjectMeta)}
	if slice.AddressType == discovery.AddressTypeFQDN {
		return facts, nil
	}
	facts.endpoints = make([]endpoint, 0, len(slice.Endpoints))
	for _, e := range slice.Endpoints {
		if e.NodeName == nil && e.Zone == nil {
			continue
		}
		node, zone := intern(e.NodeName), intern(e.Zone)
		for _, address := range e.Addresses {
			if addr, err := netip.ParseAddr(address); err == nil {
				facts.endpoints = append(facts.endpoints, endpoint{addr.Unmap().WithZone(""), node, zone})
			}
		}
	}
	slices.SortFunc(facts.endpoints, func(e, f endpoint) int {
		return cmp.Or(e.addr.Compare(f.addr), cmp.Compare(e.node.Value(), f.node.Value()), cmp.Compare(e.zone.Value(), f.zone.Value()))
	})
	return facts, nil
}

func trimMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, ResourceVersion: m.ResourceVersion}
}

func intern(name *string) unique.Handle[string] {
	if name == nil {
		return unique.Make("")
	}
	return unique.Make(*name)
}

// hostNetwork returns the network that holds addr alone.
func hostNetwork(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen())
}

// equal compares all that a table is made from. A nil node equals none.
func (n *nodeFacts) equal(m *nodeFacts) bool {
	return n != nil && m != nil && n.Name == m.Name && n.region == m.region && n.zone == m.zone && slices.Equal(n.networks, m.networks)
}

// equal compares the endpoints. A nil slice has none.
func (s *sliceFacts) equal(t *sliceFacts) bool { return slices.Equal(s.list(), t.list()) }

func (s *sliceFacts) list() []endpoint {
	if s == nil {
		return nil
	}
	return s.endpoints
}
