package kubernetes

import (
	"testing"

	"github.com/miekg/dns"
)

func testScale(t *testing.T, c *cluster, s *server) {
	h := c.createHeadless(t, "scale")
	h.runPod(t, "cedar", cedar.pod(30))
	h.runPod(t, "date", date.pod(30))
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(30)}, {date.pod(30)}})

	h.runPod(t, "ash", ash.pod(30))
	h.runPod(t, "birch", "100.66.0.1")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA,
		tiers{{ash.pod(30)}, {"100.66.0.1"}, {cedar.pod(30)}, {date.pod(30)}})

	h.deletePods(t, "ash")
	h.deletePods(t, "cedar")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{"100.66.0.1"}, {date.pod(30)}})

	// The address is used again, by a pod on another node.
	h.deletePods(t, "birch")
	h.runPod(t, "date", "100.66.0.1")
	h.runPod(t, "cedar", cedar.pod(31))
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(31)}, {"100.66.0.1", date.pod(30)}})
}

func testRelabel(t *testing.T, c *cluster, s *server) {
	elm := testNode{"elm", "south-1", "south", []string{"172.21.5.0/24", "fd00:221:5:5::/64"}, "192.0.2.15", nil}
	c.createNode(t, elm)
	h := c.createHeadless(t, "relabel")
	const outside = "100.67.0.1" // in no pod network; its slice names the node
	h.runPod(t, "elm", elm.pod(10))
	h.runPod(t, "elm", outside)
	h.runPod(t, "cedar", cedar.pod(10))

	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{cedar.pod(10)}, {elm.pod(10), outside}})
	c.relabel(t, "elm", "north-1", "north")
	s.expect(t, ash.pod(200), h.fullName(), dns.TypeA, tiers{{elm.pod(10), outside}, {cedar.pod(10)}})
	s.expect(t, elm.pod(200), h.fullName(), dns.TypeA, tiers{{elm.pod(10), outside}, {cedar.pod(10)}})
}

// testNewNode adds a node and a pod on it while the server runs.
func testNewNode(t *testing.T, c *cluster, s *server) {
	fir := testNode{"fir", "north-2", "north", []string{"172.22.6.0/24", "fd00:222:6:6::/64"}, "192.0.2.16", nil}
	h := c.createHeadless(t, "newcomer")
	h.runPod(t, "date", date.pod(10))
	h.runPod(t, "ash", ash.pod(10))
	s.expect(t, date.pod(200), h.fullName(), dns.TypeA, tiers{{date.pod(10)}, {ash.pod(10)}})

	c.createNode(t, fir)
	h.runPod(t, "fir", fir.pod(10))
	s.expect(t, cedar.pod(200), h.fullName(), dns.TypeA, tiers{{fir.pod(10)}, {ash.pod(10)}, {date.pod(10)}})
	s.expect(t, fir.pod(200), h.fullName(), dns.TypeA, tiers{{fir.pod(10)}, {ash.pod(10)}, {date.pod(10)}})
}

// testUnlabelled uses nodes without region and zone labels. Then only addresses on the same node
// are near.
func testUnlabelled(t *testing.T, c *cluster, s *server) {
	gum := testNode{name: "gum", networks: []string{"172.23.7.0/24", "fd00:223:7:7::/64"}, address: "192.0.2.17"}
	hazel := testNode{name: "hazel", networks: []string{"172.24.8.0/24", "fd00:224:8:8::/64"}, address: "192.0.2.18"}
	c.createNode(t, gum)
	c.createNode(t, hazel)
	h := c.createHeadless(t, "unlabelled")
	const onGum, onHazel = "100.68.0.1", "100.68.0.2"
	h.runPod(t, "hazel", onHazel)
	h.runPod(t, "ash", ash.pod(40))
	h.runPod(t, "gum", onGum)
	s.expect(t, gum.pod(200), h.fullName(), dns.TypeA, tiers{{onGum}, {onHazel, ash.pod(40)}})
	s.expect(t, hazel.pod(200), h.fullName(), dns.TypeA, tiers{{onHazel}, {onGum, ash.pod(40)}})
}
