package kubernetes

import (
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/network"

	v1 "k8s.io/api/core/v1"
)

// tunnelAnnotations are the annotations in which network plugins write further addresses of a node,
// from which it sends to Pods of other nodes.
var tunnelAnnotations = []string{
	// Calico: https://github.com/projectcalico/calico, libcalico-go/lib/backend/k8s/resources/node.go
	"projectcalico.org/IPv4IPIPTunnelAddr",
	"projectcalico.org/IPv4VXLANTunnelAddr",
	"projectcalico.org/IPv6VXLANTunnelAddr",
	"projectcalico.org/IPv4WireguardInterfaceAddr",
	"projectcalico.org/IPv6WireguardInterfaceAddr",
	// Cilium: https://github.com/cilium/cilium, pkg/annotation/k8s.go
	"network.cilium.io/ipv4-cilium-host",
	"network.cilium.io/ipv6-cilium-host",
	"io.cilium.network.ipv4-cilium-host", // before 1.13
	"io.cilium.network.ipv6-cilium-host",
}

// nodeInfo is what a Cluster needs of a Node.
type nodeInfo struct {
	name, region, zone string
	podCIDRs           []netip.Prefix // sorted
	addresses          []netip.Addr   // its own, those of its tunnels included, sorted
	notReady           bool           // it says so
}

// trimNode returns a *nodeInfo for a *v1.Node, which it does not change, and any other object as it
// is.
func trimNode(object any) (any, error) {
	node, ok := object.(*v1.Node)
	if !ok {
		return object, nil
	}
	info := &nodeInfo{
		name:   node.Name,
		region: node.Labels[v1.LabelTopologyRegion],
		zone:   node.Labels[v1.LabelTopologyZone],
	}
	for _, cidr := range node.Spec.PodCIDRs {
		n, _ := netip.ParsePrefix(cidr)
		if n, err := network.Check(n.Masked()); err == nil {
			info.podCIDRs = append(info.podCIDRs, n)
		}
	}
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP || address.Type == v1.NodeExternalIP {
			info.addAddress(address.Address)
		}
	}
	for _, key := range tunnelAnnotations {
		info.addAddress(node.Annotations[key])
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			info.notReady = condition.Status != v1.ConditionTrue
		}
	}
	slices.SortFunc(info.podCIDRs, netip.Prefix.Compare)
	slices.SortFunc(info.addresses, netip.Addr.Compare)
	info.podCIDRs = slices.Clip(slices.Compact(info.podCIDRs))
	info.addresses = slices.Clip(slices.Compact(info.addresses))
	return info, nil
}

// addAddress adds an address, which may have a prefix length. It does nothing for other text.
func (n *nodeInfo) addAddress(text string) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		network, _ := netip.ParsePrefix(text)
		addr = network.Addr()
	}
	if addr.IsValid() {
		n.addresses = append(n.addresses, addr.Unmap().WithZone(""))
	}
}

// equal reports whether n and m, which have the same name, say the same. It is false if m is nil.
func (n *nodeInfo) equal(m *nodeInfo) bool {
	return m != nil && n.region == m.region && n.zone == m.zone &&
		n.notReady == m.notReady && slices.Equal(n.podCIDRs, m.podCIDRs) && slices.Equal(n.addresses, m.addresses)
}

// contradicts reports whether an endpoint on n shows that Pods of n have addresses outside of its
// podCIDRs.
func (n *nodeInfo) contradicts(addr netip.Addr) bool {
	return !slices.Contains(n.addresses, addr) &&
		!slices.ContainsFunc(n.podCIDRs, func(p netip.Prefix) bool { return p.Contains(addr) })
}
