package kubernetes

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// TestCluster runs all tests that need a cluster, one after the other, on the same cluster.
// Starting a cluster takes longer than most of the tests.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	for _, p := range allNodes {
		c.createNode(t, p)
	}
	t.Run("manifests", func(t *testing.T) { testManifests(t, c) })

	// From here on the servers log in with the ServiceAccount of the manifests.
	kubeconfig := c.kubeconfig(t, "kube-system", "coredns-ordering")
	s := startServer(t, corefile(kubeconfig, kubeconfig))
	s.waitReady(t)

	for _, test := range []struct {
		name string
		run  func(*testing.T, *cluster, *server)
	}{
		{"nearest first", testNearestFirst},
		{"takes turns", testTakesTurns},
		{"zone name", testZoneName},
		{"client on the host network", testHostNetwork},
		{"endpoints outside pod networks", testOutsidePodNetworks},
		{"zone without a node", testZoneWithoutNode},
		{"dual stack", testDualStack},
		{"scaling", testScale},
		{"relabelled node", testRelabel},
		{"new node", testNewNode},
		{"nodes without labels", testUnlabelled},
		{"metrics", testMetrics},
		{"a thousand endpoints", testThousandEndpoints},
		{"reload", testReload},
		{"API server unreachable", testAPIServerUnreachable},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c, s) })
	}
	t.Run("no rights", func(t *testing.T) { testNoRights(t, c, kubeconfig) })
	t.Run("Corefiles", func(t *testing.T) { testCorefiles(t, c, kubeconfig) })
	t.Run("documentation", func(t *testing.T) { testDocumentation(t, kubeconfig) })
	t.Run("stub domain", func(t *testing.T) { testStubDomain(t, c, kubeconfig) })
	t.Run("node cache", func(t *testing.T) { testNodeCache(t, c, kubeconfig) })
	t.Run("look-ups", func(t *testing.T) { testLookups(t, c, kubeconfig) })
}

// corefile returns a Corefile for cluster.local. The kubernetes plugin uses the kubeconfig
// pluginConfig, and topology kubernetes uses topologyConfig. properties are further properties of
// ordering.
func corefile(pluginConfig, topologyConfig string, properties ...string) string {
	return fmt.Sprintf(`.:%s {
	bind 127.0.0.1
	proxyproto {
		allow 127.0.0.1/32
	}
	errors
	ready 127.0.0.1:%s
	prometheus 127.0.0.1:%s
	ordering {
		topology kubernetes %s %s
		%s
	}
	kubernetes cluster.local {
		kubeconfig %s %s
		zonal
	}
}
`, dnsPort, readyPort, metricsPort, topologyConfig, kubeContext, strings.Join(properties, "\n\t\t"),
		pluginConfig, kubeContext)
}

// wantOrder has the tiers that a client on each node gets of the pods of runTwoPodsPerNode.
var wantOrder = map[string]tiers{
	"ash":   {twoPods(ash), twoPods(birch), twoPods(cedar), twoPods(date)},
	"birch": {twoPods(birch), twoPods(ash), twoPods(cedar), twoPods(date)},
	"cedar": {twoPods(cedar), append(twoPods(ash), twoPods(birch)...), twoPods(date)},
	"date":  {twoPods(date), append(append(twoPods(ash), twoPods(birch)...), twoPods(cedar)...)},
}

// twoPods returns the addresses of the pods that runTwoPodsPerNode starts on p.
func twoPods(p testNode) []string { return []string{p.pod(10), p.pod(11)} }

func testNearestFirst(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "web")
	h.runTwoPodsPerNode(t)
	for _, p := range allNodes {
		s.expect(t, p.pod(200), h.fullName(), dns.TypeA, wantOrder[p.name])
		s.expect(t, p.pod(10), h.fullName(), dns.TypeA, wantOrder[p.name]) // this client is an endpoint too
	}
}

func testTakesTurns(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "turns")
	h.runTwoPodsPerNode(t)
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, wantOrder["ash"])

	const rounds = 10
	first := map[netip.Addr]int{}
	for range 2 * rounds {
		answer, err := s.from(ash.pod(200)).lookup(h.fullName(), dns.TypeA)
		if err != nil {
			t.Fatal(err)
		}
		first[answer[0]]++
	}
	for _, address := range parse(twoPods(ash)...) {
		if first[address] != rounds {
			t.Errorf("%v came first %d times of %d, want half", address, first[address], 2*rounds)
		}
	}
}

// testZoneName asks for a name that the kubernetes plugin filters by zone.
func testZoneName(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "zonal")
	h.runTwoPodsPerNode(t)
	s.expect(t, birch.pod(200), "north-1.pin._zone."+h.fullName(), dns.TypeA, tiers{twoPods(birch), twoPods(ash)})
	s.expect(t, date.pod(200), "north-2.pin._zone."+h.fullName(), dns.TypeA, tiers{twoPods(cedar)})
}

func testHostNetwork(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "host")
	h.runTwoPodsPerNode(t)
	for _, p := range allNodes {
		s.expect(t, p.address, h.fullName(), dns.TypeA, wantOrder[p.name])
	}
	onHost := c.createHeadless(t, "daemon")
	for _, p := range allNodes {
		onHost.runPod(t, p.name, p.address)
	}
	s.expect(t, ash.pod(200), onHost.fullName(), dns.TypeA,
		tiers{{ash.address}, {birch.address}, {cedar.address}, {date.address}})
}

// testOutsidePodNetworks uses pods with addresses in a subnet that several nodes share, as the
// network plugins of clouds give them.
func testOutsidePodNetworks(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "cloud")
	const onAsh, onCedar, onBirch, onDate = "100.64.0.10", "100.64.0.11", "100.64.1.10", "100.64.0.12"
	h.runPod(t, "ash", onAsh)
	h.runPod(t, "birch", onBirch)
	h.runPod(t, "cedar", onCedar)
	h.runPod(t, "date", onDate)

	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{onAsh}, {onBirch}, {onCedar}, {onDate}})
	s.expect(t, ash.address, h.fullName(), dns.TypeA, tiers{{onAsh}, {onBirch}, {onCedar}, {onDate}})
	// Clients whose location only a slice tells.
	s.expect(t, onBirch, h.fullName(), dns.TypeA, tiers{{onBirch}, {onAsh}, {onCedar}, {onDate}})
	s.expect(t, onDate, h.fullName(), dns.TypeA, tiers{{onDate}, {onAsh, onBirch, onCedar}})
}

// testZoneWithoutNode uses a service on machines that are not nodes, with a hand-made
// EndpointSlice.
func testZoneWithoutNode(t *testing.T, c *cluster, s *server) {
	const inNorth2, inSouth1 = "100.65.0.1", "100.65.0.2"
	h := c.createSlices(t, "external", []discoveryv1.Endpoint{
		endpoint(inNorth2, "north-2"), endpoint(inSouth1, "south-1"),
	})
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, tiers{{inNorth2}, {inSouth1}})
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{inNorth2}, {inSouth1}})
	s.expect(t, date.pod(200), h.fullName(), dns.TypeA, tiers{{inSouth1}, {inNorth2}})
}

func testDualStack(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "dual", corev1.IPv4Protocol, corev1.IPv6Protocol)
	for _, p := range slices.Backward(allNodes) {
		h.runPod(t, p.name, p.pod(10), p.pod6(10))
	}
	for _, client := range []string{ash.pod(200), ash.pod6(200)} {
		s.expect(t, client, h.fullName(), dns.TypeA,
			tiers{{ash.pod(10)}, {birch.pod(10)}, {cedar.pod(10)}, {date.pod(10)}})
		s.expect(t, client, h.fullName(), dns.TypeAAAA,
			tiers{{ash.pod6(10)}, {birch.pod6(10)}, {cedar.pod6(10)}, {date.pod6(10)}})
	}
	for _, client := range []string{cedar.pod(200), cedar.pod6(200)} {
		s.expect(t, client, h.fullName(), dns.TypeA,
			tiers{{cedar.pod(10)}, {ash.pod(10), birch.pod(10)}, {date.pod(10)}})
		s.expect(t, client, h.fullName(), dns.TypeAAAA,
			tiers{{cedar.pod6(10)}, {ash.pod6(10), birch.pod6(10)}, {date.pod6(10)}})
	}
}

func testMetrics(t *testing.T, c *cluster, s *server) {
	response, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf("{source=%q} ", "kubernetes "+strings.TrimPrefix(c.proxy.url(), "https://"))
	for _, series := range []string{
		`coredns_ordering_topology_entries` + source,
		`coredns_ordering_topology_ready` + source,
		`coredns_ordering_topology_last_sync_timestamp_seconds` + source,
		`coredns_ordering_responses_total{near="node",`,
		`coredns_ordering_clients_total{known="true"} `,
	} {
		counts := func(line string) bool { return strings.HasPrefix(line, series) && !strings.HasSuffix(line, " 0") }
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), counts) {
			t.Errorf("%s is 0 or not there", series)
		}
	}
}
