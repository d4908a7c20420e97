package kubernetes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// testNode is a node with its labels and addresses.
type testNode struct {
	name, zone, region string
	networks           []string // its pod networks, IPv4 and IPv6
	address            string   // its own
	annotations        map[string]string
}

// There are two regions; the north has two zones. With these addresses, netmask ordering alone
// would give the wrong order: ash shares its classful network, its IPv6 /48 and the subnet of its
// own address with date, in the other region, and nothing with the nodes in its own region.
var (
	ash   = testNode{"ash", "north-1", "north", []string{"10.244.1.0/24", "fd00:244:1:1::/64"}, "203.0.113.11", nil}
	birch = testNode{"birch", "north-1", "north", []string{"172.20.2.0/24", "fd00:220:2:2::/64"}, "198.51.100.12", nil}
	cedar = testNode{"cedar", "north-2", "north", []string{"192.168.3.0/24", "fd00:168:3:3::/64"}, "192.0.2.13", nil}
	date  = testNode{"date", "south-1", "south", []string{"10.244.4.0/24", "fd00:244:1:4::/64"}, "203.0.113.14", nil}

	allNodes = []testNode{ash, birch, cedar, date}
)

// pod returns the n-th address in the node's IPv4 pod network.
func (p testNode) pod(n int) string { return nth(p.networks[0], n) }

// pod6 returns the n-th address in the node's IPv6 pod network.
func (p testNode) pod6(n int) string { return nth(p.networks[1], n) }

// nth returns the n-th address of a network, for n up to 255.
func nth(network string, n int) string {
	address := netip.MustParsePrefix(network).Addr().AsSlice()
	address[len(address)-1] = byte(n)
	last, _ := netip.AddrFromSlice(address)
	return last.String()
}

// clientPods are which addresses of a node's pod networks the tests ask from. Pods have them.
var clientPods = []int{200, 201, 253}

// createNode adds the node to the cluster, with the pods that the tests ask from.
func (c *cluster) createNode(t *testing.T, p testNode) {
	t.Helper()
	c.addNode(t, p)
	for _, n := range clientPods {
		c.clients(t).runPod(t, p.name, p.pod(n), p.pod6(n))
	}
}

// clients returns the pods that only ask, in a namespace of their own.
func (c *cluster) clients(t *testing.T) headless {
	t.Helper()
	if c.clientNamespace == "" {
		c.clientNamespace = c.createNamespace(t, "clients")
	}
	return headless{c, c.clientNamespace, "client"}
}

// addNode adds the node to the cluster, without pods. It has labels if p has a zone.
func (c *cluster) addNode(t *testing.T, p testNode) {
	t.Helper()
	labels := map[string]string{corev1.LabelHostname: p.name}
	if p.zone != "" {
		labels[corev1.LabelTopologyZone], labels[corev1.LabelTopologyRegion] = p.zone, p.region
	}
	node, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: labels, Annotations: p.annotations},
		Spec:       corev1.NodeSpec{PodCIDRs: p.networks},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: p.name},
		{Type: corev1.NodeInternalIP, Address: p.address},
	}
	if _, err := c.client.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// deleteNode deletes a node. Its pods stay.
func (c *cluster) deleteNode(t *testing.T, name string) {
	t.Helper()
	if err := c.client.CoreV1().Nodes().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// relabel changes the zone and region labels of a node.
func (c *cluster) relabel(t *testing.T, node, zone, region string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q,%q:%q}}}`,
		corev1.LabelTopologyZone, zone, corev1.LabelTopologyRegion, region)
	_, err := c.client.CoreV1().Nodes().Patch(t.Context(), node, types.StrategicMergePatchType, []byte(patch),
		metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// headless is a headless service and the pods behind it.
type headless struct {
	cluster         *cluster
	namespace, name string
}

// fullName returns the name of the service that clients ask for.
func (h headless) fullName() string {
	return h.name + "." + h.namespace + ".svc.cluster.local"
}

// createHeadless creates a headless service in a namespace of its own. It has these IP families, or
// the first one of the cluster if there are none.
func (c *cluster) createHeadless(t *testing.T, name string, families ...corev1.IPFamily) headless {
	t.Helper()
	spec := corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone,
		Selector:  map[string]string{"app": name},
		Ports:     []corev1.ServicePort{{Name: "web", Port: 80}},
	}
	if len(families) > 1 {
		policy := corev1.IPFamilyPolicyRequireDualStack
		spec.IPFamilyPolicy, spec.IPFamilies = &policy, families
	}
	return c.createService(t, name, spec)
}

// createService creates a service in a namespace of its own.
func (c *cluster) createService(t *testing.T, name string, spec corev1.ServiceSpec) headless {
	t.Helper()
	h := headless{c, c.createNamespace(t, name), name}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	if _, err := c.client.CoreV1().Services(h.namespace).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// createSlices creates a headless service without a selector, with an EndpointSlice for each list of
// endpoints.
func (c *cluster) createSlices(t *testing.T, name string, lists ...[]discoveryv1.Endpoint) headless {
	t.Helper()
	h := c.createService(t, name, corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone,
		Ports:     []corev1.ServicePort{{Name: "web", Port: 80}},
	})
	port, portName := int32(80), "web"
	for i, endpoints := range lists {
		_, err := c.client.DiscoveryV1().EndpointSlices(h.namespace).Create(t.Context(), &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Name:   fmt.Sprintf("%s-%d", name, i),
				Labels: map[string]string{discoveryv1.LabelServiceName: name},
			},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
			Endpoints:   endpoints,
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// endpoint returns a ready endpoint in a zone, or in none.
func endpoint(address, zone string) discoveryv1.Endpoint {
	yes := true
	e := discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}}
	if zone != "" {
		e.Zone = &zone
	}
	return e
}

// runPod creates a pod of the service on a node. The pod is ready and has these addresses.
func (h headless) runPod(t *testing.T, node string, addresses ...string) {
	t.Helper()
	if err := h.tryRunPod(t.Context(), node, addresses...); err != nil {
		t.Fatal(err)
	}
}

// tryRunPod does what runPod does and returns the error, so that goroutines can use it.
func (h headless) tryRunPod(ctx context.Context, node string, addresses ...string) error {
	pods := h.cluster.client.CoreV1().Pods(h.namespace)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: h.name + "-", Labels: map[string]string{"app": h.name}},
		Spec: corev1.PodSpec{
			NodeName:   node, // there is no scheduler
			Containers: []corev1.Container{{Name: "web", Image: "web"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pod.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		PodIP:      addresses[0],
	}
	for _, address := range addresses {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: address})
	}
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// deletePods deletes the pods of the service on a node.
func (h headless) deletePods(t *testing.T, node string) {
	t.Helper()
	now := int64(0)
	err := h.cluster.client.CoreV1().Pods(h.namespace).DeleteCollection(t.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		t.Fatal(err)
	}
}

// runTwoPodsPerNode creates two pods of the service on every node, in reverse order of allNodes. So
// the order in which the pods were created is the wrong answer for every client.
func (h headless) runTwoPodsPerNode(t *testing.T) {
	t.Helper()
	for _, p := range slices.Backward(allNodes) {
		h.runPod(t, p.name, p.pod(10))
		h.runPod(t, p.name, p.pod(11))
	}
}

func tokenRequest() *authenticationv1.TokenRequest { return new(authenticationv1.TokenRequest) }
