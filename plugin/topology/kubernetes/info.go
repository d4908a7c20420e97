package kubernetes

import (
	"cmp"
	"net/netip"
	"slices"
	"unique"

	"github.com/coredns-ordering/ordering/internal/network"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeInfo is what the informer keeps of a Node.
type nodeInfo struct {
	metav1.ObjectMeta // the name and resource version, which informers need
	region, zone      string
	networks          []netip.Prefix // its pod networks and its own addresses, sorted
}

// trimNode is the informer's transform for nodes. It returns a *nodeInfo for a *v1.Node, which it
// does not change, and any other object as it is.
func trimNode(object any) (any, error) {
	node, ok := object.(*v1.Node)
	if !ok {
		return object, nil
	}
	info := &nodeInfo{
		ObjectMeta: trimMeta(node.ObjectMeta),
		region:     node.Labels[v1.LabelTopologyRegion],
		zone:       node.Labels[v1.LabelTopologyZone],
	}
	for _, cidr := range node.Spec.PodCIDRs {
		n, _ := netip.ParsePrefix(cidr)
		if n, err := network.Check(n.Masked()); err == nil {
			info.networks = append(info.networks, n)
		}
	}
	for _, address := range node.Status.Addresses {
		if address.Type != v1.NodeInternalIP && address.Type != v1.NodeExternalIP {
			continue
		}
		if addr, err := netip.ParseAddr(address.Address); err == nil {
			info.networks = append(info.networks, hostNetwork(addr))
		}
	}
	slices.SortFunc(info.networks, netip.Prefix.Compare)
	info.networks = slices.Clip(slices.Compact(info.networks))
	return info, nil
}

// equal reports whether a table gets the same entries from n and m. It is false if either is nil.
func (n *nodeInfo) equal(m *nodeInfo) bool {
	return n != nil && m != nil && n.Name == m.Name && n.region == m.region && n.zone == m.zone &&
		slices.Equal(n.networks, m.networks)
}

// sliceInfo is what the informer keeps of an EndpointSlice.
type sliceInfo struct {
	metav1.ObjectMeta
	endpoints []endpoint // sorted
}

// endpoint is one address of an endpoint. The names are interned, as many endpoints share them. An
// empty name is not known.
type endpoint struct {
	addr       netip.Addr
	node, zone unique.Handle[string]
}

// trimSlice is the informer's transform for EndpointSlices. It returns a *sliceInfo for a
// *discovery.EndpointSlice, which it does not change, and any other object as it is. It keeps
// endpoints that are not ready as well: their location is the same.
func trimSlice(object any) (any, error) {
	slice, ok := object.(*discovery.EndpointSlice)
	if !ok {
		return object, nil
	}
	info := &sliceInfo{ObjectMeta: trimMeta(slice.ObjectMeta)}
	if slice.AddressType == discovery.AddressTypeFQDN {
		return info, nil
	}
	info.endpoints = make([]endpoint, 0, len(slice.Endpoints))
	for _, e := range slice.Endpoints {
		if e.NodeName == nil && e.Zone == nil {
			continue
		}
		node, zone := intern(e.NodeName), intern(e.Zone)
		for _, address := range e.Addresses {
			if addr, err := netip.ParseAddr(address); err == nil {
				info.endpoints = append(info.endpoints, endpoint{addr.Unmap().WithZone(""), node, zone})
			}
		}
	}
	slices.SortFunc(info.endpoints, func(e, f endpoint) int {
		return cmp.Or(e.addr.Compare(f.addr), cmp.Compare(e.node.Value(), f.node.Value()),
			cmp.Compare(e.zone.Value(), f.zone.Value()))
	})
	return info, nil
}

// equal reports whether s and t have the same endpoints. A nil sliceInfo has none.
func (s *sliceInfo) equal(t *sliceInfo) bool { return slices.Equal(s.list(), t.list()) }

// list returns the endpoints.
func (s *sliceInfo) list() []endpoint {
	if s == nil {
		return nil
	}
	return s.endpoints
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

// hostNetwork returns the network that contains addr alone.
func hostNetwork(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen())
}
