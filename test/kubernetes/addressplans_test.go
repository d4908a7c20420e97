package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// addressPlan is how the network of a cluster gives addresses to nodes and pods.
type addressPlan struct {
	name string
	// node returns the i-th node, and pod the addresses of the n-th pod on it.
	node func(i int) testNode
	pod  func(i, n int) []string

	tunnel func(i int) string // the address of a node's tunnel; nil: none
	way    string             // in the log
}

// planNodes is the number of nodes of each plan. There are two nodes in each zone.
const planNodes = 6

// zoned returns the i-th node. Its own address shares a /24 with those of all the others.
func zoned(i int, annotation string, networks ...string) testNode {
	p := testNode{
		name: fmt.Sprintf("node-%d", i), zone: fmt.Sprintf("zone-%d", i/2), region: "region",
		address: fmt.Sprintf("192.0.2.%d", 10+i), networks: networks,
	}
	if annotation != "" {
		p.annotations = map[string]string{annotation: fmt.Sprintf("10.99.0.%d", i)}
	}
	return p
}

func tunnelOf(i int) string { return fmt.Sprintf("10.99.0.%d", i) }

// inShared returns addresses in a subnet that all nodes share, so that neighbours are on different
// nodes.
func inShared(subnet string) func(i, n int) []string {
	return func(i, n int) []string { return []string{fmt.Sprintf("%s.%d", subnet, 1+n*planNodes+i)} }
}

var addressPlans = []addressPlan{
	{
		name: "GKE",
		node: func(i int) testNode {
			return zoned(i, "", fmt.Sprintf("10.4.%d.0/24", i), fmt.Sprintf("fd00:4:%d::/64", i))
		},
		pod: func(i, n int) []string {
			return []string{fmt.Sprintf("10.4.%d.%d", i, 2+n), fmt.Sprintf("fd00:4:%d::%d", i, 2+n)}
		},
		way: "podCIDRs are believed",
	},
	{
		// Every node has a podCIDR, but its pods are in blocks that Calico hands out: here each is in the
		// podCIDR of the next node.
		name: "Calico",
		node: func(i int) testNode {
			return zoned(i, "projectcalico.org/IPv4VXLANTunnelAddr", fmt.Sprintf("10.244.%d.0/24", i))
		},
		pod: func(i, n int) []string {
			return []string{fmt.Sprintf("10.244.%d.%d", (i+1)%planNodes, 2+n)}
		},
		tunnel: tunnelOf,
		way:    "is outside of the node's podCIDRs",
	},
	{
		name: "EKS",
		node: func(i int) testNode { return zoned(i, "") },
		pod:  inShared("10.0.16"),
		way:  "has no podCIDR",
	},
	{
		name: "AKS pod subnet",
		node: func(i int) testNode { return zoned(i, "") },
		pod:  inShared("10.241.0"),
		way:  "has no podCIDR",
	},
	{
		name: "Cilium cluster pool, dual stack",
		node: func(i int) testNode { return zoned(i, "network.cilium.io/ipv4-cilium-host") },
		pod: func(i, n int) []string {
			return []string{fmt.Sprintf("10.0.%d.%d", 7*i%planNodes, 16+n), fmt.Sprintf("fd00:7::%d:%d", n, i)}
		},
		tunnel: tunnelOf,
		way:    "has no podCIDR",
	},
}

// TestAddressPlans asks from every pod, node and tunnel of a cluster. Each must get the address on its
// own node first, then that in its zone, then the others.
func TestAddressPlans(t *testing.T) {
	for _, plan := range addressPlans {
		t.Run(plan.name, func(t *testing.T) { testAddressPlan(t, plan) })
	}
}

func testAddressPlan(t *testing.T, plan addressPlan) {
	c := startCluster(t)
	h := c.createHeadless(t, "web", families(plan.pod(0, 0))...)
	for i := range planNodes {
		c.addNode(t, plan.node(i))
		for n := 1; n < 4; n++ {
			c.clients(t).runPod(t, plan.node(i).name, plan.pod(i, n)...)
		}
		h.runPod(t, plan.node(i).name, plan.pod(i, 0)...)
	}
	kubeconfig := c.readerKubeconfig(t)
	s := startServer(t, corefile(kubeconfig, kubeconfig))
	s.waitReady(t)
	if !strings.Contains(s.log.String(), plan.way) {
		t.Errorf("the log does not say %q:\n%s", plan.way, s.log.tail())
	}
	for i := range planNodes {
		clients := []string{plan.node(i).address}
		if plan.tunnel != nil {
			clients = append(clients, plan.tunnel(i))
		}
		for n := range 4 {
			clients = append(clients, plan.pod(i, n)...)
		}
		for _, client := range clients {
			s.expectPlaces(t, h, client, plan, i)
		}
	}
}

func families(addresses []string) []corev1.IPFamily {
	if len(addresses) > 1 {
		return []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	}
	return nil
}

// expectPlaces checks what a client on the i-th node gets, in both families.
func (s *server) expectPlaces(t *testing.T, h headless, client string, plan addressPlan, i int) {
	t.Helper()
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		at := func(node int) (found []string) {
			for _, address := range plan.pod(node, 0) {
				if netip.MustParseAddr(address).Is4() == (qtype == dns.TypeA) {
					found = append(found, address)
				}
			}
			return found
		}
		var others []string
		for other := range planNodes {
			if other/2 != i/2 {
				others = append(others, at(other)...)
			}
		}
		if len(others) > 0 {
			s.expect(t, client, h.fullName(), qtype, tiers{at(i), at(i ^ 1), others})
		}
	}
}

// TestPodsThatChange has what happens to pods in a cluster whose pods are watched.
func TestPodsThatChange(t *testing.T) {
	plan := addressPlans[slices.IndexFunc(addressPlans, func(p addressPlan) bool { return p.name == "EKS" })]
	c := startCluster(t)
	h := c.createHeadless(t, "web")
	for i := range planNodes {
		c.addNode(t, plan.node(i))
		h.runPod(t, plan.node(i).name, plan.pod(i, 0)...)
	}
	// A virtual node has the address of its only pod.
	fargate := testNode{name: "fargate", zone: "zone-1", region: "region", address: "10.0.16.250"}
	c.addNode(t, fargate)
	c.clients(t).runPod(t, "fargate", fargate.address)
	kubeconfig := c.readerKubeconfig(t)
	s := startServer(t, corefile(kubeconfig, kubeconfig, "local_net_priority off"))
	s.waitReady(t)
	at := func(i int) string { return plan.pod(i, 0)[0] }
	all := []string{at(0), at(1), at(2), at(3), at(4), at(5)}
	in := func(nearest ...int) (want tiers) {
		rest := all
		for _, i := range nearest {
			want = append(want, []string{at(i)})
			rest = slices.DeleteFunc(slices.Clone(rest), func(a string) bool { return a == at(i) })
		}
		return append(want, rest)
	}
	s.expect(t, fargate.address, h.fullName(), dns.TypeA, tiers{{at(2), at(3)}, {at(0), at(1), at(4), at(5)}})

	const address = "10.0.16.240"
	job := headless{c, c.createNamespace(t, "jobs"), "job"}
	job.runPod(t, "node-0", address)
	s.expect(t, address, h.fullName(), dns.TypeA, in(0, 1))
	// The job finishes, and stays. Its address is used again at once, in another zone.
	job.finish(t)
	c.clients(t).runPod(t, "node-4", address)
	s.expect(t, address, h.fullName(), dns.TypeA, in(4, 5))
	job.deletePods(t, "node-0")
	job.runPod(t, "node-2", "10.0.16.241")
	s.expect(t, "10.0.16.241", h.fullName(), dns.TypeA, in(2, 3))
	s.expectNow(t, address, h.fullName(), dns.TypeA, in(4, 5))

	// A pod moves: the address is another node's from then on.
	job.deletePods(t, "node-2")
	s.expect(t, "10.0.16.241", h.fullName(), dns.TypeA, tiers{all})
	job.runPod(t, "node-3", "10.0.16.241")
	s.expect(t, "10.0.16.241", h.fullName(), dns.TypeA, in(3, 2))

	// A node is deleted, and added again under the same name in another zone.
	c.deleteNode(t, "node-3")
	s.expect(t, "10.0.16.241", h.fullName(), dns.TypeA, tiers{all})
	again := plan.node(3)
	again.zone = "zone-2"
	c.addNode(t, again)
	s.expect(t, "10.0.16.241", h.fullName(), dns.TypeA,
		tiers{{at(3)}, {at(4), at(5)}, {at(0), at(1), at(2)}})
}

// finish makes the pods of h finished ones.
func (h headless) finish(t *testing.T) {
	t.Helper()
	pods := h.cluster.client.CoreV1().Pods(h.namespace)
	list, err := pods.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		pod.Status.Phase = corev1.PodSucceeded
		if _, err := pods.UpdateStatus(t.Context(), &pod, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPodCIDRsRefuted begins with a cluster whose podCIDRs tell where pods are, and then has evidence
// against them. From then on, only pods say where addresses are.
func TestPodCIDRsRefuted(t *testing.T) {
	plan := addressPlans[slices.IndexFunc(addressPlans, func(p addressPlan) bool { return p.name == "GKE" })]
	const nobody = "10.4.0.200" // in the podCIDR of node-0, but of no pod
	for _, test := range []struct {
		name   string
		refute func(t *testing.T, c *cluster, h headless)
		way    string // in the log
	}{
		{
			"a node loses its podCIDR",
			func(t *testing.T, c *cluster, _ headless) {
				node := plan.node(1)
				node.networks = nil
				c.deleteNode(t, node.name)
				c.addNode(t, node)
			},
			"node-1 has no podCIDR",
		},
		{
			"an endpoint is outside of its node's podCIDRs",
			func(t *testing.T, c *cluster, _ headless) {
				c.createHeadless(t, "outside").runPod(t, "node-1", "10.9.0.1")
			},
			"10.9.0.1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startCluster(t)
			h := c.createHeadless(t, "web")
			for i := range planNodes {
				c.addNode(t, plan.node(i))
				h.runPod(t, plan.node(i).name, plan.pod(i, 0)[0])
			}
			client := plan.pod(0, 1)[0]
			c.clients(t).runPod(t, "node-0", client)
			kubeconfig := c.readerKubeconfig(t)
			s := startServer(t, corefile(kubeconfig, kubeconfig, "local_net_priority off"))
			s.waitReady(t)

			at := func(i int) string { return plan.pod(i, 0)[0] }
			others := []string{at(2), at(3), at(4), at(5)}
			near := tiers{{at(0)}, {at(1)}, others}
			s.expect(t, client, h.fullName(), dns.TypeA, near)
			s.expectNow(t, nobody, h.fullName(), dns.TypeA, near)

			test.refute(t, c, h)
			s.expect(t, nobody, h.fullName(), dns.TypeA, tiers{append([]string{at(0), at(1)}, others...)})
			s.expect(t, client, h.fullName(), dns.TypeA, near)
			if !strings.Contains(s.log.String(), test.way) {
				t.Errorf("the log does not say %q:\n%s", test.way, s.log.tail())
			}
		})
	}
}

// TestTwoClusters has one server that serves two clusters, whose nodes have the same names and
// addresses the other way round. Each is ordered by its own places.
func TestTwoClusters(t *testing.T) {
	var blocks strings.Builder
	var services []headless
	for i := range 2 {
		c := startCluster(t)
		h := c.createHeadless(t, "web")
		for n := range 2 {
			c.addNode(t, testNode{
				name: fmt.Sprintf("node-%d", n), zone: fmt.Sprintf("zone-%d", n), region: "region",
				address: fmt.Sprintf("192.0.2.%d", n^i),
			})
			h.runPod(t, fmt.Sprintf("node-%d", n), fmt.Sprintf("10.0.%d.%d", i, 10+n))
		}
		config := c.readerKubeconfig(t) + " " + kubeContext
		ready := ""
		if i == 0 {
			ready = "ready 127.0.0.1:" + readyPort + "\n"
		}
		fmt.Fprintf(&blocks, "%s.local:%s {\nbind 127.0.0.1\nproxyproto {\nallow 127.0.0.1/32\n}\n%s"+
			"ordering {\ntopology kubernetes %s\n}\nkubernetes {\nkubeconfig %s\n}\n}\n",
			clusterZones[i], dnsPort, ready, config, config)
		services = append(services, h)
	}
	s := startServer(t, blocks.String())
	s.waitReady(t)
	for i, h := range services {
		name := fmt.Sprintf("%s.%s.svc.%s.local", h.name, h.namespace, clusterZones[i])
		for client := range 2 {
			near, far := client^i, 1-client^i
			s.expect(t, fmt.Sprintf("192.0.2.%d", client), name, dns.TypeA,
				tiers{{fmt.Sprintf("10.0.%d.%d", i, 10+near)}, {fmt.Sprintf("10.0.%d.%d", i, 10+far)}})
		}
	}
}

var clusterZones = []string{"one", "two"}

// readerKubeconfig returns the path of a kubeconfig for an account that can list and watch what the
// server needs, and nothing else.
func (c *cluster) readerKubeconfig(t *testing.T) string {
	t.Helper()
	const name = "reader"
	namespace := c.createNamespace(t, name)
	meta := metav1.ObjectMeta{Name: name}
	verbs := []string{"list", "watch"}
	_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	if err == nil {
		_, err = c.client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"nodes", "pods", "services", "namespaces"}, Verbs: verbs},
			{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: verbs},
		}}, metav1.CreateOptions{})
	}
	if err == nil {
		_, err = c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		}, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.kubeconfig(t, namespace, name)
}
