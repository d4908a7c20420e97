package kubernetes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestExplainSaysWhatPutsAnAddressWhereItIs(t *testing.T) {
	objects := []object{
		node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24", "192.0.2.2", "192.0.2.9"),
		node("n3", "r1", "z2", "10.3.0.0/24", "192.0.2.9"), node("n4", "r1", "z2", "10.0.0.0/14", "192.0.2.4", "::ffff:192.0.2.8", "fe80::8%eth0"),
		aPod("a", "n1", 1, "10.1.0.7", "fd00::7"), aPod("b", "gone", 1, "10.2.0.7"), aPod("c", "n2", 1, "192.0.2.1"),
		aPod("d", "n1", 1, "10.3.0.7"), aPod("e", "n2", 1, "10.3.0.7"),
		aPod("f", "n1", 1, "192.0.2.4"), aPod("g", "n2", 1, "192.0.2.4"),
		managed("", endpointSlice("hand", "172.16.0.1 n1 z1", "172.16.0.2 - z1")),
		managed("", endpointSlice("other", "172.16.0.2 - z2", "172.16.0.3 - z2")),
		managed("", endpointSlice("third", "172.16.0.3 - -")),
		managed("", endpointSlice("far", "172.16.0.3 - z9", "::ffff:172.16.0.4 - z1", "fe80::4%eth0 - z1")),
	}
	for option, want := range map[Pods]map[string]string{
		PodsOn: {
			"192.0.2.2":  "address of n2",
			"192.0.2.9":  "address of n2 and n3",
			"192.0.2.8":  "address of n4",
			"fe80::8":    "address of n4",
			"192.0.2.1":  "address of n1; pod on n2",
			"192.0.2.4":  "address of n4; pods on several nodes have it",
			"10.1.0.7":   "pod on n1",
			"fd00::7":    "pod on n1",
			"10.2.0.7":   "pod on gone, a node that is not known",
			"10.3.0.7":   "pods on several nodes have it",
			"172.16.0.1": "slice default/hand",
			"172.16.0.2": "slice default/hand and default/other", // they share the region
			"172.16.0.3": "slice default/far and default/other, which does not tell one location",
			"172.16.0.4": "slice default/far",
			"fe80::4":    "slice default/far",
			"10.1.0.8":   "no pod, slice or node has it",
		},
		PodsOff: {
			"192.0.2.1":        "address of n1",
			"10.1.0.7":         "podCIDR 10.1.0.0/24", // and in 10.0.0.0/14
			"10.1.9.9":         "podCIDR 10.0.0.0/14",
			"::ffff:10.1.0.7":  "podCIDR 10.1.0.0/24",
			"172.16.0.1":       "slice default/hand",
			"198.51.100.1":     "no pod, slice or node has it",
			"2001:db8::1":      "no pod, slice or node has it",
			"fe80::1%eth0":     "no pod, slice or node has it",
			"::ffff:192.0.2.2": "address of n2",
		},
	} {
		p := newPlaces(option, "")
		all := objects
		if option == PodsOff {
			all = nil
			for _, o := range objects {
				if kindOf(o) != "pods" {
					all = append(all, o)
				}
			}
		}
		read(p, all...)
		table := p.table()
		for addr, text := range want {
			a := netip.MustParseAddr(addr)
			for range 20 { // in another order of the nodes and slices each time
				if got := explain(p, a.Unmap().WithZone("")); got != text {
					t.Fatalf("with pods %v, %s is explained as %q, want %q", option, addr, got, text)
				}
			}
			unknown := strings.HasPrefix(text, "no pod") || strings.Contains(text, "not") || strings.HasPrefix(text, "pods on several")
			if known := table.Find(a) != nil; known == unknown {
				t.Errorf("with pods %v, %s is known: %v, and explained as %q", option, addr, known, text)
			}
		}
	}
}

func TestClusterDescribesItself(t *testing.T) {
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1", "fe80::1"))
	c := s.cluster(t)
	addr := netip.MustParseAddr("10.1.0.7")
	if got, want := c.Explain(addr), "the cluster is not watched"; got != want {
		t.Errorf("before Start: %q, want %q", got, want)
	}
	topologytest.Must(t, c.Start())
	topologytest.Eventually(t, "synced", c.Synced)
	for addr, want := range map[string]string{
		"10.1.0.7": "podCIDR 10.1.0.0/24", "::ffff:10.1.0.7": "podCIDR 10.1.0.0/24", "fe80::1%eth0": "address of n1",
	} {
		if got := c.Explain(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%v is explained as %q, want %q", addr, got, want)
		}
	}
	want := "1 node, 3 networks and addresses, read from the API just now; " +
		"podCIDRs are believed: every node has one, and no endpoint contradicts them"
	if got := c.Describe(); got != want {
		t.Errorf("it is described as %q, want %q", got, want)
	}
	if got, want := strings.Join(topology.Leveled(c).Levels(), " "), "region zone node"; got != want {
		t.Errorf("the labels are %s, want %s", got, want)
	}
}
