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
		for !t.Failed() && strings.Count(s.log.String(), "Reloading complete") <= round {
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
