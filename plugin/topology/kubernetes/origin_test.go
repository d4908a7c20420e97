package kubernetes

import (
	"fmt"
	"testing"

	discovery "k8s.io/api/discovery/v1"
)

// TestPlaceOfForeignEndpoints has slices that the cluster's own controller did not write, some with
// nodes that only have the name of one of this cluster's.
func TestPlaceOfForeignEndpoints(t *testing.T) {
	web := func(name, by string, endpoints ...string) *discovery.EndpointSlice {
		return managed(by, endpointSlice(name, endpoints...))
	}
	fromMesh := web("mcs", "", "172.16.3.1 n1 z1", "172.16.3.2 n1 z9")
	fromMesh.Labels = map[string]string{importLabels[0]: "web"}
	objects := []object{
		node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24", "192.0.2.2"),
		aPod("pod", "n2", 1, "172.16.0.1"),
		web("hand", "", "172.16.1.1 n1 z1", "172.16.1.2 n1 z2", "172.16.1.3 n1 -", "172.16.1.4 gone z1", "172.16.1.5 - z7",
			"172.16.0.1 n1 z1", "192.0.2.2 n1 z1", "172.16.1.6 n1 -", "172.16.1.7 odd# z1", "172.16.1.8 - z1/n1"),
		web("again", "", "172.16.1.6 - z2"),
		node("odd#", "r1", "z1", "10.3.0.0/24"), // as no API server accepts it
		web("mirrored", "endpointslicemirroring-controller.k8s.io", "172.16.2.1 n1 z1", "172.16.2.2 - z2"),
		fromMesh,
	}
	for _, option := range []Pods{PodsAuto, PodsOn, PodsOff} {
		t.Run(fmt.Sprint(option), func(t *testing.T) {
			want := map[string]string{
				"172.16.1.1": "r1/z1/n1",
				"172.16.1.2": "r1/z2", // a node of that name is in another zone
				"172.16.1.3": "",
				"172.16.1.4": "r1/z1",
				"172.16.1.5": "-/z7",
				"172.16.1.6": "r1/z2", // from the slice that says where
				"172.16.1.7": "r1/z1", // the node has no place
				"172.16.1.8": "",      // no zone has this name, and an API server accepts it
				"172.16.2.1": "r1/z1", "172.16.2.2": "r1/z2",
				"172.16.3.1": "r1/z1", "172.16.3.2": "-/z9",
				"192.0.2.2":  "r1/z2/n2", // a node's own address
				"172.16.0.1": "r1/z1/n1",
			}
			if option == PodsOn {
				want["172.16.0.1"] = "r1/z2/n2" // a Pod has it
			}
			checkPlaces(t, indexed(option, objects...), want)
		})
	}
	checkPlaces(t, indexed(PodsOff, append(objects, web("inside", "mesh", "10.1.0.9 n2 z2"))...),
		map[string]string{"10.1.0.9": "r1/z1/n1"})
	checkPlaces(t, indexed(PodsOff, append(objects, endpointSlice("own", "172.16.1.2 n2 z2", "172.16.2.1 n2 z2"))...),
		map[string]string{"172.16.1.2": "r1/z2/n2", "172.16.2.1": "r1/z2/n2"})
}

// TestWhoWroteASlice has the labels as clusters write them.
func TestWhoWroteASlice(t *testing.T) {
	const managedBy, byTheCluster = "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"
	for _, test := range []struct {
		labels map[string]string
		want   origin
	}{
		{nil, handMade},
		{map[string]string{"kubernetes.io/service-name": "web"}, handMade},
		{map[string]string{managedBy: byTheCluster}, own},
		{map[string]string{managedBy: "endpointslicemirroring-controller.k8s.io"}, imported},
		{map[string]string{managedBy: ""}, imported},
		{map[string]string{"multicluster.kubernetes.io/service-name": "web"}, imported},
		{map[string]string{"multicluster.kubernetes.io/source-cluster": "far"}, imported},
		{map[string]string{managedBy: byTheCluster, "multicluster.kubernetes.io/source-cluster": "far"}, imported},
	} {
		if got := originOf(test.labels); got != test.want {
			t.Errorf("a slice with labels %v has origin %d, want %d", test.labels, got, test.want)
		}
	}
}

func TestTunnelsOfNodes(t *testing.T) {
	n := node("n1", "r1", "z1", "10.1.0.0/24")
	n.Annotations = map[string]string{"projectcalico.org/IPv4Address": "192.0.2.77/24", "network.cilium.io/ipv4-health-ip": "10.9.0.99"}
	for i, key := range []string{
		"projectcalico.org/IPv4VXLANTunnelAddr", "projectcalico.org/IPv4IPIPTunnelAddr",
		"projectcalico.org/IPv4WireguardInterfaceAddr", "network.cilium.io/ipv4-cilium-host", "io.cilium.network.ipv4-cilium-host",
	} {
		n.Annotations[key] = fmt.Sprintf("10.9.0.%d", i)
	}
	n.Annotations["projectcalico.org/IPv4VXLANTunnelAddr"] += "/32"
	for i, key := range []string{
		"projectcalico.org/IPv6VXLANTunnelAddr", "projectcalico.org/IPv6WireguardInterfaceAddr",
		"network.cilium.io/ipv6-cilium-host", "io.cilium.network.ipv6-cilium-host",
	} {
		n.Annotations[key] = fmt.Sprintf("fd00:9::%d", i)
	}
	table := indexed(PodsOn, n, aPod("a", "n1", 1, "10.9.0.50"))
	want := map[string]string{"10.9.0.50": "r1/z1/n1", "192.0.2.77": "", "10.9.0.99": ""}
	for i := range 5 {
		want[fmt.Sprintf("10.9.0.%d", i)] = "r1/z1/n1"
	}
	for i := range 4 {
		want[fmt.Sprintf("fd00:9::%d", i)] = "r1/z1/n1"
	}
	checkPlaces(t, table, want)
}
