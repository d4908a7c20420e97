package kubernetes

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testAPIServerUnreachable(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "away")
	h.runTwoPodsPerNode(t)
	s.expect(t, birch.pod(200), h.fullName(), dns.TypeA, wantOrder["birch"])

	kubeconfig := c.kubeconfig(t, "kube-system", "coredns-ordering")
	c.stop()
	if err := c.expectNoAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, p := range allNodes {
			s.expectNow(t, p.pod(200), h.fullName(), dns.TypeA, wantOrder[p.name])
		}
	}
	fresh := startWithoutAPIServer(t, kubeconfig)
	if err := c.startAPIServer(); err != nil {
		t.Fatal(err)
	}
	fresh.waitReady(t)
	fresh.expect(t, ash.pod(200), "db.test", dns.TypeA, tiers{{birch.pod(10)}, {cedar.pod(10)}, {date.pod(10)}})

	// The server must know the old objects and learn of new changes.
	h.runPod(t, "birch", birch.pod(12))
	h.deletePods(t, "cedar")
	c.relabel(t, "date", "north-2", "north")
	defer c.relabel(t, "date", date.zone, date.region)
	s.expect(t, birch.pod(200), h.fullName(), dns.TypeA,
		tiers{append(twoPods(birch), birch.pod(12)), twoPods(ash), twoPods(date)})
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA,
		tiers{twoPods(date), append(append(twoPods(birch), birch.pod(12)), twoPods(ash)...)})
}

// startWithoutAPIServer starts a server while the API server is unreachable. Until the server has a
// topology it orders by netmask. Its names come from the hosts plugin.
func startWithoutAPIServer(t *testing.T, kubeconfig string) *server {
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
	s.expectNotReady(t)
	return s
}

// testReload sends queries without pause while the server reloads its Corefile. The new instance
// must know the locations before it answers.
func testReload(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "reload")
	h.runTwoPodsPerNode(t)
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, wantOrder["cedar"])

	const rounds = 5
	for round := range rounds {
		if err := s.process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		for !t.Failed() && strings.Count(s.log.String(), "Reloading complete") <= round {
			s.expectNow(t, cedar.pod(200), h.fullName(), dns.TypeA, wantOrder["cedar"])
		}
		for range 100 {
			s.expectNow(t, cedar.pod(200), h.fullName(), dns.TypeA, wantOrder["cedar"])
		}
		if t.Failed() {
			return
		}
	}
}

// testNoRights gives the topology of a server an account without rights, while its kubernetes
// plugin has one with rights.
func testNoRights(t *testing.T, c *cluster, kubeconfig string) {
	namespace := c.createNamespace(t, "stranger")
	_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "stranger"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := c.createHeadless(t, "netmask")
	h.runTwoPodsPerNode(t)
	s := startServer(t, corefile(kubeconfig, c.kubeconfig(t, namespace, "stranger")))

	// By netmask: the client's own subnet, then its class A network, then the rest.
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA,
		tiers{twoPods(ash), twoPods(date), append(twoPods(birch), twoPods(cedar)...)})
	eventually(t, "the error in the log", func() error {
		for _, line := range strings.Split(s.log.String(), "\n") {
			if strings.Contains(line, "plugin/ordering") && strings.Contains(line, "forbidden") &&
				strings.Contains(line, "nodes") {
				return nil
			}
		}
		return errors.New("no error about forbidden nodes from plugin/ordering:\n" + s.log.tail())
	})
	s.expectNotReady(t)

	grant(t, c, namespace, "stranger")
	s.waitReady(t)
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, wantOrder["ash"])
}

// expectNotReady expects that ordering is not ready, unless the server says that it no longer waits for
// the cluster. It waits for half a minute, which may be over on a busy machine.
func (s *server) expectNotReady(t *testing.T) {
	t.Helper()
	if err := s.readiness(); err == nil {
		if !strings.Contains(s.log.String(), "could not be read completely") {
			t.Error("the server is ready before it has read the cluster, and does not say why")
		}
	} else if !strings.Contains(err.Error(), "ordering") {
		t.Errorf("the response does not name ordering as not ready: %v", err)
	}
}

// grant binds a ServiceAccount to the ClusterRole in the manifests.
func grant(t *testing.T, c *cluster, namespace, serviceAccount string) {
	t.Helper()
	binding, err := c.client.RbacV1().ClusterRoleBindings().Get(t.Context(), "coredns-ordering", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding.ObjectMeta = metav1.ObjectMeta{GenerateName: "coredns-"}
	binding.Subjects[0].Namespace, binding.Subjects[0].Name = namespace, serviceAccount
	if _, err := c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
