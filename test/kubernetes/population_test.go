package kubernetes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// place is a node and where it is.
type place struct {
	name, zone, region string
	networks           []string // of its pods
	address            string   // its own
}

// Two regions, the north with two zones. The addresses are laid out so that netmask ordering alone
// gets it wrong: ash shares its classful network, its IPv6 /48 and even the subnet of its own
// address with date, at the other end of the country, and nothing with its neighbours.
var (
	ash   = place{"ash", "north-1", "north", []string{"10.244.1.0/24", "fd00:244:1:1::/64"}, "203.0.113.11"}
	birch = place{"birch", "north-1", "north", []string{"172.20.2.0/24", "fd00:220:2:2::/64"}, "198.51.100.12"}
	cedar = place{"cedar", "north-2", "north", []string{"192.168.3.0/24", "fd00:168:3:3::/64"}, "192.0.2.13"}
	date  = place{"date", "south-1", "south", []string{"10.244.4.0/24", "fd00:244:1:4::/64"}, "203.0.113.14"}

	everyPlace = []place{ash, birch, cedar, date}
)

// pod returns an address in the place's pod network: its n-th IPv4, which is what most tests need.
func (p place) pod(n int) string { return nth(p.networks[0], n) }

// pod6 returns the n-th address of the place's IPv6 pod network.
func (p place) pod6(n int) string { return nth(p.networks[1], n) }

// nth returns the n-th address of a network, for n up to 255.
func nth(network string, n int) string {
	address := netip.MustParsePrefix(network).Addr().AsSlice()
	address[len(address)-1] = byte(n)
	last, _ := netip.AddrFromSlice(address)
	return last.String()
}

// createNode makes the place a node of the cluster, labelled if it has a zone.
func (c *cluster) createNode(t *testing.T, p place) {
	t.Helper()
	labels := map[string]string{corev1.LabelHostname: p.name}
	if p.zone != "" {
		labels[corev1.LabelTopologyZone], labels[corev1.LabelTopologyRegion] = p.zone, p.region
	}
	node, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: labels},
		Spec:       corev1.NodeSpec{PodCIDR: p.networks[0], PodCIDRs: p.networks},
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

// relabel moves a node to another zone and region.
func (c *cluster) relabel(t *testing.T, node, zone, region string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q,%q:%q}}}`,
		corev1.LabelTopologyZone, zone, corev1.LabelTopologyRegion, region)
	_, err := c.client.CoreV1().Nodes().Patch(t.Context(), node, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// headless is a headless service and the pods behind it.
type headless struct {
	cluster         *cluster
	namespace, name string
}

// fullName is the plain name that its clients ask for.
func (h headless) fullName() string {
	return h.name + "." + h.namespace + ".svc.cluster.local"
}

// createHeadless makes a headless service in a namespace of its own, of these IP families, or of
// the cluster's first.
func (c *cluster) createHeadless(t *testing.T, name string, families ...corev1.IPFamily) headless {
	t.Helper()
	h := headless{c, c.createNamespace(t, name), name}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone,
			Selector:  map[string]string{"app": name},
			Ports:     []corev1.ServicePort{{Name: "web", Port: 80}},
		},
	}
	if len(families) > 1 {
		policy := corev1.IPFamilyPolicyRequireDualStack
		service.Spec.IPFamilyPolicy, service.Spec.IPFamilies = &policy, families
	}
	if _, err := c.client.CoreV1().Services(h.namespace).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// run starts a pod of the service on a node, ready, with these addresses.
func (h headless) run(t *testing.T, node string, addresses ...string) {
	t.Helper()
	if err := h.tryRun(t.Context(), node, addresses...); err != nil {
		t.Fatal(err)
	}
}

// tryRun is run for use by many at once.
func (h headless) tryRun(ctx context.Context, node string, addresses ...string) error {
	pods := h.cluster.client.CoreV1().Pods(h.namespace)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: h.name + "-", Labels: map[string]string{"app": h.name}},
		Spec: corev1.PodSpec{
			NodeName:   node, // bound at once: there is no scheduler
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

// end deletes the pods on a node.
func (h headless) end(t *testing.T, node string) {
	t.Helper()
	now := int64(0)
	err := h.cluster.client.CoreV1().Pods(h.namespace).DeleteCollection(t.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		t.Fatal(err)
	}
}

// twoEverywhere runs two pods of the service in every place, the first places last: to come to a
// client in the order in which they came to the cluster must not be right.
func (h headless) twoEverywhere(t *testing.T) {
	t.Helper()
	for _, p := range slices.Backward(everyPlace) {
		h.run(t, p.name, p.pod(10))
		h.run(t, p.name, p.pod(11))
	}
}

func tokenRequest() *authenticationv1.TokenRequest { return new(authenticationv1.TokenRequest) }
