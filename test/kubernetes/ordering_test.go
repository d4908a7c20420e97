package kubernetes

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestCluster runs everything that needs a cluster on one, one after the other: starting it takes
// longer than most of the tests.
func TestCluster(t *testing.T) {
	c := startCluster(t)
	for _, p := range everyPlace {
		c.createNode(t, p)
	}
	t.Run("manifests", func(t *testing.T) { testManifests(t, c) })

	// From here on the servers log in as what the manifests have made.
	kubeconfig := c.kubeconfig(t, "kube-system", "coredns")
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
		{"scale", testScale},
		{"relabelled node", testRelabel},
		{"new node", testNewNode},
		{"nodes without labels", testUnlabelled},
		{"metrics", testMetrics},
		{"a thousand endpoints", testThousandEndpoints},
		{"reload", testReload},
		{"API server away", testAPIServerAway},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c, s) })
	}
	t.Run("no rights", func(t *testing.T) { testNoRights(t, c, kubeconfig) })
	t.Run("Corefiles", func(t *testing.T) { testCorefiles(t, c, kubeconfig) })
	t.Run("documentation", func(t *testing.T) { testDocumentation(t, kubeconfig) })
	t.Run("node cache", func(t *testing.T) { testNodeCache(t, c, kubeconfig) })
}

// corefile serves cluster.local from the cluster that names leads to, ordered by what places says.
func corefile(names, places string, properties ...string) string {
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
`, dnsPort, readyPort, metricsPort, places, kubeContext, strings.Join(properties, "\n\t\t"), names, kubeContext)
}

// order is how the pods of twoEverywhere come to a client in each of the places.
var order = map[string]tiers{
	"ash":   {two(ash), two(birch), two(cedar), two(date)},
	"birch": {two(birch), two(ash), two(cedar), two(date)},
	"cedar": {two(cedar), append(two(ash), two(birch)...), two(date)},
	"date":  {two(date), append(append(two(ash), two(birch)...), two(cedar)...)},
}

func two(p place) []string { return []string{p.pod(10), p.pod(11)} }

func testNearestFirst(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "web")
	h.twoEverywhere(t)
	for _, p := range everyPlace {
		s.expect(t, p.pod(200), h.fullName(), dns.TypeA, order[p.name])
		s.expect(t, p.pod(10), h.fullName(), dns.TypeA, order[p.name]) // a client that is an endpoint too
	}
}

func testTakesTurns(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "turns")
	h.twoEverywhere(t)
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, order["ash"])

	const rounds = 10
	first := map[netip.Addr]int{}
	for range 2 * rounds {
		answer, err := s.from(ash.pod(200)).lookup(h.fullName(), dns.TypeA)
		if err != nil {
			t.Fatal(err)
		}
		first[answer[0]]++
	}
	for _, address := range parse(two(ash)...) {
		if first[address] != rounds {
			t.Errorf("%v came first %d times of %d, want half", address, first[address], 2*rounds)
		}
	}
}

// testZoneName asks for one of the names that the kubernetes plugin filters by zone.
func testZoneName(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "zonal")
	h.twoEverywhere(t)
	s.expect(t, birch.pod(200), "north-1.pin._zone."+h.fullName(), dns.TypeA, tiers{two(birch), two(ash)})
	s.expect(t, date.pod(200), "north-2.pin._zone."+h.fullName(), dns.TypeA, tiers{two(cedar)})
}

func testHostNetwork(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "host")
	h.twoEverywhere(t)
	for _, p := range everyPlace {
		s.expect(t, p.address, h.fullName(), dns.TypeA, order[p.name])
	}
	onHost := c.createHeadless(t, "daemon")
	for _, p := range everyPlace {
		onHost.run(t, p.name, p.address)
	}
	s.expect(t, ash.pod(200), onHost.fullName(), dns.TypeA,
		tiers{{ash.address}, {birch.address}, {cedar.address}, {date.address}})
}

// testOutsidePodNetworks is a cloud network plugin's habit: pods have addresses of a subnet that
// says nothing about nodes.
func testOutsidePodNetworks(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "cloud")
	const onAsh, onCedar, onBirch, onDate = "100.64.0.10", "100.64.0.11", "100.64.1.10", "100.64.0.12"
	h.run(t, "ash", onAsh)
	h.run(t, "birch", onBirch)
	h.run(t, "cedar", onCedar)
	h.run(t, "date", onDate)

	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{onAsh}, {onBirch}, {onCedar}, {onDate}})
	s.expect(t, ash.address, h.fullName(), dns.TypeA, tiers{{onAsh}, {onBirch}, {onCedar}, {onDate}})
	// Clients whose own place only a slice tells.
	s.expect(t, onBirch, h.fullName(), dns.TypeA, tiers{{onBirch}, {onAsh}, {onCedar}, {onDate}})
	s.expect(t, onDate, h.fullName(), dns.TypeA, tiers{{onDate}, {onAsh, onBirch, onCedar}})
}

// testZoneWithoutNode is a service on machines that are not nodes, described by hand.
func testZoneWithoutNode(t *testing.T, c *cluster, s *server) {
	const inNorth2, inSouth1 = "100.65.0.1", "100.65.0.2"
	h := headless{c, c.createNamespace(t, "external"), "external"}
	_, err := c.client.CoreV1().Services(h.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: h.name},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone,
			Ports:     []corev1.ServicePort{{Name: "web", Port: 80}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	port, portName, yes := int32(80), "web", true
	endpoint := func(address, zone string) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{
			Addresses: []string{address}, Zone: &zone, Conditions: discoveryv1.EndpointConditions{Ready: &yes},
		}
	}
	_, err = c.client.DiscoveryV1().EndpointSlices(h.namespace).Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:   h.name,
			Labels: map[string]string{discoveryv1.LabelServiceName: h.name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
		Endpoints:   []discoveryv1.Endpoint{endpoint(inNorth2, "north-2"), endpoint(inSouth1, "south-1")},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, tiers{{inNorth2}, {inSouth1}})
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{inNorth2}, {inSouth1}})
	s.expect(t, date.pod(200), h.fullName(), dns.TypeA, tiers{{inSouth1}, {inNorth2}})
}

func testDualStack(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "dual", corev1.IPv4Protocol, corev1.IPv6Protocol)
	for _, p := range slices.Backward(everyPlace) {
		h.run(t, p.name, p.pod(10), p.pod6(10))
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

func testScale(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "scale")
	h.run(t, "cedar", cedar.pod(30))
	h.run(t, "date", date.pod(30))
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(30)}, {date.pod(30)}})

	h.run(t, "ash", ash.pod(30))
	h.run(t, "birch", "100.66.0.1")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA,
		tiers{{ash.pod(30)}, {"100.66.0.1"}, {cedar.pod(30)}, {date.pod(30)}})

	h.end(t, "ash")
	h.end(t, "cedar")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{"100.66.0.1"}, {date.pod(30)}})

	// The address comes back somewhere else, as addresses do.
	h.end(t, "birch")
	h.run(t, "date", "100.66.0.1")
	h.run(t, "cedar", cedar.pod(31))
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(31)}, {"100.66.0.1", date.pod(30)}})
}

func testRelabel(t *testing.T, c *cluster, s *server) {
	elm := place{"elm", "south-1", "south", []string{"172.21.5.0/24", "fd00:221:5:5::/64"}, "192.0.2.15"}
	c.createNode(t, elm)
	h := c.createHeadless(t, "relabel")
	const outside = "100.67.0.1" // known by its node's name alone
	h.run(t, "elm", elm.pod(10))
	h.run(t, "elm", outside)
	h.run(t, "cedar", cedar.pod(10))

	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(10)}, {elm.pod(10), outside}})
	c.relabel(t, "elm", "north-1", "north")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{elm.pod(10), outside}, {cedar.pod(10)}})
	s.expect(t, elm.pod(200), h.fullName(), dns.TypeA, tiers{{elm.pod(10), outside}, {cedar.pod(10)}})
}

// testNewNode has a pod whose network nobody knows yet, and then the node.
func testNewNode(t *testing.T, c *cluster, s *server) {
	fir := place{"fir", "north-2", "north", []string{"172.22.6.0/24", "fd00:222:6:6::/64"}, "192.0.2.16"}
	h := c.createHeadless(t, "newcomer")
	h.run(t, "date", date.pod(10))
	h.run(t, "ash", ash.pod(10))
	s.expect(t, date.pod(200), h.fullName(), dns.TypeA, tiers{{date.pod(10)}, {ash.pod(10)}})

	c.createNode(t, fir)
	h.run(t, "fir", fir.pod(10))
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, tiers{{fir.pod(10)}, {ash.pod(10)}, {date.pod(10)}})
	s.expect(t, fir.pod(200), h.fullName(), dns.TypeA, tiers{{fir.pod(10)}, {ash.pod(10)}, {date.pod(10)}})
}

// testUnlabelled has nodes of which nobody said where they are: all that is known is who shares one.
func testUnlabelled(t *testing.T, c *cluster, s *server) {
	gum := place{name: "gum", networks: []string{"172.23.7.0/24", "fd00:223:7:7::/64"}, address: "192.0.2.17"}
	hazel := place{name: "hazel", networks: []string{"172.24.8.0/24", "fd00:224:8:8::/64"}, address: "192.0.2.18"}
	c.createNode(t, gum)
	c.createNode(t, hazel)
	h := c.createHeadless(t, "unlabelled")
	const onGum, onHazel = "100.68.0.1", "100.68.0.2"
	h.run(t, "hazel", onHazel)
	h.run(t, "ash", ash.pod(40))
	h.run(t, "gum", onGum)
	s.expect(t, gum.pod(200), h.fullName(), dns.TypeA, tiers{{onGum}, {onHazel, ash.pod(40)}})
	s.expect(t, hazel.pod(200), h.fullName(), dns.TypeA, tiers{{onHazel}, {onGum, ash.pod(40)}})
}

func testMetrics(t *testing.T, _ *cluster, s *server) {
	response, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{
		`coredns_ordering_topology_entries{source="kubernetes"} `,
		`coredns_ordering_topology_last_sync_timestamp_seconds{source="kubernetes"} `,
		`coredns_ordering_responses_total{`,
	} {
		_, rest, found := strings.Cut(string(text), "\n"+series)
		if line, _, _ := strings.Cut(rest, "\n"); !found || strings.HasSuffix(line, " 0") || line == "0" {
			t.Errorf("%s is %q", series, line)
		}
	}
}

func testThousandEndpoints(t *testing.T, c *cluster, s *server) {
	const perNode = 250
	h := c.createHeadless(t, "thousand")
	var want tiers
	for _, p := range everyPlace {
		var tier []string
		for n := range perNode {
			tier = append(tier, p.pod(n+1))
		}
		want = append(want, tier)
	}
	runAll(t, h, want)
	s.expect(t, ash.pod(253), h.fullName(), dns.TypeA, want)

	t.Run("in several slices", func(t *testing.T) { severalSlices(t, c, h, 4*perNode) })
	t.Run("what a datagram holds is the nearest", func(t *testing.T) { truncated(t, s, h, ash) })
	t.Run("answer_limit", func(t *testing.T) { limited(t, c, h, want) })
}

// runAll runs a pod for each address, the tiers in the order of the places.
func runAll(t *testing.T, h headless, all tiers) {
	t.Helper()
	const atOnce = 8
	var group sync.WaitGroup
	slots, failures := make(chan struct{}, atOnce), make(chan error, 1)
	for i, tier := range all {
		for _, address := range tier {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				if err := h.tryRun(t.Context(), everyPlace[i].name, address); err != nil {
					select {
					case failures <- err:
					default:
					}
				}
			})
		}
	}
	group.Wait()
	select {
	case err := <-failures:
		t.Fatal(err)
	default:
	}
}

// severalSlices makes sure that the test is about what it says.
func severalSlices(t *testing.T, c *cluster, h headless, endpoints int) {
	list, err := c.client.DiscoveryV1().EndpointSlices(h.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) < endpoints/perSlice {
		t.Errorf("%d slices for %d endpoints", len(list.Items), endpoints)
	}
}

func truncated(t *testing.T, s *server, h headless, near place) {
	query := question(h.fullName(), dns.TypeA)
	query.SetEdns0(1232, false)
	answer, err := s.from(near.pod(253)).ask("udp", query)
	if err != nil {
		t.Fatal(err)
	}
	got := addresses(answer)
	if !answer.Truncated || len(got) == 0 {
		t.Fatalf("TC %v and %d addresses, want it set and some", answer.Truncated, len(got))
	}
	subnet := netip.MustParsePrefix(near.networks[0])
	for _, address := range got {
		if !subnet.Contains(address) {
			t.Errorf("%v is not on %s, and %d nearer ones were cut", address, near.name, 250-len(got))
		}
	}
}

func limited(t *testing.T, c *cluster, h headless, want tiers) {
	const limit = 8
	kubeconfig := c.kubeconfig(t, "kube-system", "coredns")
	s := startServer(t, corefile(kubeconfig, kubeconfig, fmt.Sprint("answer_limit ", limit)))
	s.waitReady(t)

	own, zone := sets(want[0]), sets(want[1])
	eventually(t, "the limited answer", func() error {
		answer, err := s.from(ash.pod(253)).ask("udp", question(h.fullName(), dns.TypeA))
		if err != nil {
			return err
		}
		got := addresses(answer)
		if len(got) != limit || answer.Truncated {
			return fmt.Errorf("%d addresses, TC %v, want %d and no TC", len(got), answer.Truncated, limit)
		}
		for i, address := range got[:limit-1] {
			if !own[address] {
				return fmt.Errorf("%v at %d is not on the client's node", address, i)
			}
		}
		if !zone[got[limit-1]] {
			return fmt.Errorf("%v, the last, is not of the next tier", got[limit-1])
		}
		return nil
	})
}

func sets(all []string) map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for _, address := range parse(all...) {
		set[address] = true
	}
	return set
}

func testAPIServerAway(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "away")
	h.twoEverywhere(t)
	s.expect(t, birch.pod(200), h.fullName(), dns.TypeA, order["birch"])

	kubeconfig := c.kubeconfig(t, "kube-system", "coredns")
	c.stop()
	if err := c.apiServerGone(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, p := range everyPlace {
			s.expectNow(t, p.pod(200), h.fullName(), dns.TypeA, order[p.name])
		}
	}
	late := startLate(t, kubeconfig)
	if err := c.startAPIServer(); err != nil {
		t.Fatal(err)
	}
	late.waitReady(t)
	late.expect(t, ash.pod(200), "db.test", dns.TypeA, tiers{{birch.pod(10)}, {cedar.pod(10)}, {date.pod(10)}})

	// Both what stood still and what is new.
	h.run(t, "birch", birch.pod(12))
	h.end(t, "cedar")
	c.relabel(t, "date", "north-2", "north")
	defer c.relabel(t, "date", date.zone, date.region)
	s.expect(t, birch.pod(200), h.fullName(), dns.TypeA,
		tiers{append(two(birch), birch.pod(12)), two(ash), two(date)})
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA,
		tiers{two(date), append(append(two(birch), birch.pod(12)), two(ash)...)})
}

// startLate starts a server while the API server is away. It orders names that it has from elsewhere, by
// netmask until it knows better.
func startLate(t *testing.T, kubeconfig string) *server {
	t.Helper()
	s := startServer(t, fmt.Sprintf(`.:%s {
	bind 127.0.0.1
	proxyproto {
		allow 127.0.0.1/32
	}
	ready 127.0.0.1:%s
	ordering {
		topology kubernetes %s %s
	}
	hosts {
		%s db.test
		%s db.test
		%s db.test
	}
}
`, dnsPort, readyPort, kubeconfig, kubeContext, cedar.pod(10), date.pod(10), birch.pod(10)))
	s.expect(t, ash.pod(200), "db.test", dns.TypeA, tiers{{date.pod(10)}, {birch.pod(10), cedar.pod(10)}})
	if s.readiness() == nil {
		t.Error("ready without having seen the cluster")
	}
	return s
}

// testReload asks without a pause while the server reads its Corefile again: the new instance has to
// know the places before it answers.
func testReload(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "reload")
	h.twoEverywhere(t)
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, order["cedar"])

	const rounds = 5
	for round := range rounds {
		if err := s.process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		for strings.Count(s.log.String(), "Reloading complete") <= round {
			s.expectNow(t, cedar.pod(200), h.fullName(), dns.TypeA, order["cedar"])
		}
		for range 100 {
			s.expectNow(t, cedar.pod(200), h.fullName(), dns.TypeA, order["cedar"])
		}
		if t.Failed() {
			return
		}
	}
}

// testNoRights has a server that may ask for the names, with an account that may not ask for the
// places.
func testNoRights(t *testing.T, c *cluster, kubeconfig string) {
	namespace := c.createNamespace(t, "stranger")
	_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "stranger"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := c.createHeadless(t, "netmask")
	h.twoEverywhere(t)
	s := startServer(t, corefile(kubeconfig, c.kubeconfig(t, namespace, "stranger")))

	// By netmask: its own subnet, then what shares its class A network, then the rest.
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA,
		tiers{two(ash), two(date), append(two(birch), two(cedar)...)})
	eventually(t, "the complaint in the log", func() error {
		for _, line := range strings.Split(s.log.String(), "\n") {
			if strings.Contains(line, "plugin/ordering") && strings.Contains(line, "forbidden") && strings.Contains(line, "nodes") {
				return nil
			}
		}
		return errors.New("nothing about forbidden nodes from plugin/ordering:\n" + s.log.tail())
	})
	if err := s.readiness(); err == nil {
		t.Error("ready without having seen the cluster")
	} else if !strings.Contains(err.Error(), "ordering") {
		t.Errorf("it does not say that it is ordering that is not ready: %v", err)
	}

	grant(t, c, namespace, "stranger")
	s.waitReady(t)
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, order["ash"])
}

// grant binds a ServiceAccount to the role that the manifests ship.
func grant(t *testing.T, c *cluster, namespace, serviceAccount string) {
	t.Helper()
	binding, err := c.client.RbacV1().ClusterRoleBindings().Get(t.Context(), "system:coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding.ObjectMeta = metav1.ObjectMeta{GenerateName: "coredns-"}
	binding.Subjects[0].Namespace, binding.Subjects[0].Name = namespace, serviceAccount
	if _, err := c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
