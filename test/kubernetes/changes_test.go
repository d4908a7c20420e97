package kubernetes

import (
	"testing"

	"github.com/miekg/dns"
)

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
