package kubernetes

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testThousandEndpoints(t *testing.T, c *cluster, s *server) {
	const perNode = 250
	h := c.createHeadless(t, "thousand")
	var want tiers
	for _, p := range allNodes {
		var tier []string
		for n := range perNode {
			tier = append(tier, p.pod(n+1))
		}
		want = append(want, tier)
	}
	runAll(t, h, want)
	s.expect(t, ash.pod(253), h.fullName(), dns.TypeA, want)

	t.Run("in several slices", func(t *testing.T) { severalSlices(t, c, h, 4*perNode) })
	t.Run("a truncated answer has the nearest", func(t *testing.T) { truncated(t, s, h, ash) })
	t.Run("answer_limit", func(t *testing.T) { limited(t, c, h, want) })
}

// runAll creates a pod for each address. Tier i is on node i of allNodes.
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
				if err := h.tryRunPod(t.Context(), allNodes[i].name, address); err != nil {
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

// severalSlices checks that the endpoints are in several slices, as this test assumes.
func severalSlices(t *testing.T, c *cluster, h headless, endpoints int) {
	list, err := c.client.DiscoveryV1().EndpointSlices(h.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) < endpoints/perSlice {
		t.Errorf("%d slices for %d endpoints", len(list.Items), endpoints)
	}
}

// truncated checks that a truncated answer has only addresses on the client's node.
func truncated(t *testing.T, s *server, h headless, near testNode) {
	query := question(h.fullName(), dns.TypeA)
	query.SetEdns0(1232, false)
	answer, err := s.from(near.pod(253)).ask("udp", query)
	if err != nil {
		t.Fatal(err)
	}
	got := addresses(answer)
	if !answer.Truncated || len(got) == 0 {
		t.Fatalf("TC %v and %d addresses, want TC and at least one address", answer.Truncated, len(got))
	}
	subnet := netip.MustParsePrefix(near.networks[0])
	for _, address := range got {
		if !subnet.Contains(address) {
			t.Errorf("%v is not on %s, but %d nearer ones were cut", address, near.name, 250-len(got))
		}
	}
}

// limited checks an answer with answer_limit: addresses on the client's node, then one of the next
// tier.
func limited(t *testing.T, c *cluster, h headless, want tiers) {
	const limit = 8
	kubeconfig := c.kubeconfig(t, "kube-system", "coredns-ordering")
	s := startServer(t, corefile(kubeconfig, kubeconfig, fmt.Sprint("answer_limit ", limit)))
	s.waitReady(t)

	own, zone := setOf(want[0]), setOf(want[1])
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
			return fmt.Errorf("%v, the last, is not in the next tier", got[limit-1])
		}
		return nil
	})
}

func setOf(all []string) map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for _, address := range parse(all...) {
		set[address] = true
	}
	return set
}
