package kubernetes

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var parseAddr = netip.MustParseAddr

func changed(p *v1.Pod, change func(*v1.Pod)) *v1.Pod {
	change(p)
	return p
}

// TestPlaceOfPods has Pods of every kind, and watches them from the beginning.
func TestPlaceOfPods(t *testing.T) {
	for name, old := range versions {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer(t)
			s.old = old
			checkPlaceOfPods(t, s)
		})
	}
}

func checkPlaceOfPods(t *testing.T, s *apiServer) {
	t.Helper()
	s.put(node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24", "192.0.2.2"))
	s.put(node("fargate-10-9-0-1", "r1", "z2", "10.9.0.1"))
	s.put(
		aPod("plain", "n1", 1, "10.8.0.1", "fd00::1"),
		aPod("in-the-podCIDR-of-another", "n1", 1, "10.2.0.7"),
		aPod("six", "n2", 1, "fd00::2"),
		changed(aPod("host", "n2", 1, "192.0.2.2", "192.0.2.77"), func(p *v1.Pod) { p.Spec.HostNetwork = true }),
		aPod("unscheduled", "", 1, "10.8.0.8"),
		changed(aPod("done", "n1", 1, "10.8.0.3"), func(p *v1.Pod) { p.Status.Phase = v1.PodSucceeded }),
		changed(aPod("failed", "n1", 1, "10.8.0.4"), func(p *v1.Pod) { p.Status.Phase = v1.PodFailed }),
		changed(aPod("old", "n1", 1), func(p *v1.Pod) { p.Status.PodIP = "10.8.0.5" }),
		aPod("nowhere", "gone", 1, "10.1.0.9"),
		aPod("fargate", "fargate-10-9-0-1", 1, "10.9.0.1"),
		aPod("late", "n2", 1, "192.0.2.1"), // the address of a node that is gone
	)
	c := s.clusterWith(t, PodsOn)
	start(t, c)
	topologytest.Eventually(t, "ready", c.Ready)
	checkPlaces(t, c.Table(), map[string]string{
		"10.8.0.1": "r1/z1/n1", "fd00::1": "r1/z1/n1", "10.2.0.7": "r1/z1/n1", "fd00::2": "r1/z2/n2",
		"192.0.2.2": "r1/z2/n2", "10.8.0.3": "", "10.8.0.4": "", "10.8.0.5": "r1/z1/n1", "10.1.0.9": "",
		"10.1.0.77": "", "10.9.0.1": "r1/z2/fargate-10-9-0-1", "192.0.2.1": "r1",
		"192.0.2.77": "", "10.8.0.8": "",
	})
	if s.asksFor("endpointslices", "") {
		t.Error("asks for all slices")
	}
	steps := []struct {
		what   string
		do     func()
		places map[string]string
	}{
		{"a pod that moves", func() { s.remove(aPod("plain", "", 0)); s.put(aPod("plain", "n2", 2, "10.8.0.1")) },
			map[string]string{"10.8.0.1": "r1/z2/n2", "fd00::1": ""}},
		{"a new sandbox with another address", func() { s.put(aPod("six", "n2", 1, "fd00::3")) },
			map[string]string{"fd00::2": "", "fd00::3": "r1/z2/n2"}},
		{"a pod that finishes",
			func() {
				s.put(changed(aPod("old", "n1", 1, "10.8.0.5"), func(p *v1.Pod) { p.Status.Phase = v1.PodSucceeded }))
			},
			map[string]string{"10.8.0.5": ""}},
		{"the node of a pod comes", func() { s.put(node("gone", "r1", "z1")) }, map[string]string{"10.1.0.9": "r1/z1/gone"}},
		{"another zone", func() { s.put(node("gone", "r1", "z2")) }, map[string]string{"10.1.0.9": "r1/z2/gone"}},
		{"the node goes", func() { s.remove(node("gone", "", "")) }, map[string]string{"10.1.0.9": ""}},
		{"the node comes again", func() { s.put(node("gone", "r2", "z3")) }, map[string]string{"10.1.0.9": "r2/z3/gone"}},
		{"a node that is gone", func() { s.remove(node("n1", "", "")) },
			map[string]string{"192.0.2.1": "r1/z2/n2", "10.2.0.7": ""}},
	}
	for _, step := range steps {
		step.do()
		for addr, place := range step.places {
			topologytest.Eventually(t, step.what+": "+addr+" in "+place, located(c, addr, place))
		}
	}
}

// TestAddressOfTwoPods has an address that a Pod gets before another one has given it back.
func TestAddressOfTwoPods(t *testing.T) {
	const addr = "10.8.0.1"
	ending := func(p *v1.Pod) { p.DeletionTimestamp = new(metav1.Now()) }
	pending := func(p *v1.Pod) { p.Status.Phase = v1.PodPending }
	unstarted := func(p *v1.Pod) { p.Status.StartTime = nil }
	old, young := aPod("old", "n1", 10, addr), aPod("young", "n2", 9, addr)
	for _, test := range []struct {
		name       string
		old, young *v1.Pod
		want       string
	}{
		{"older", aPod("old", "n1", 8, addr), young, "r1/z2/n2"},
		{"newer", old, young, "r1/z1/n1"},
		{"newer, but terminating", changed(old.DeepCopy(), ending), young, "r1/z2/n2"},
		{"newer, but not running", changed(old.DeepCopy(), pending), young, "r1/z2/n2"},
		{"terminating, the other not running", changed(old.DeepCopy(), ending), changed(young.DeepCopy(), pending), "r1/z2/n2"},
		{"not running, the other terminating", changed(old.DeepCopy(), pending), changed(young.DeepCopy(), ending), "r1/z1/n1"},
		{"with no time", changed(old.DeepCopy(), unstarted), young, "r1/z2/n2"},
		{"as old, elsewhere", aPod("old", "n1", 9, addr), young, ""},
		{"as old, on the same node", aPod("old", "n2", 9, addr), young, "r1/z2/n2"},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, first), func(t *testing.T) {
				p := newPlaces(PodsOn, "")
				read(p, node("n1", "r1", "z1", "10.8.0.0/24"), node("n2", "r1", "z2"))
				old, now := trimmed[podInfo](test.old), trimmed[podInfo](test.young)
				all := []*podInfo{old, now}
				if !first {
					all = []*podInfo{now, old}
				}
				for _, info := range all {
					p.pods.set(info)
				}
				at := func() string { return p.table().Find(parseAddr(addr)).String() }
				if got := at(); got != test.want {
					t.Errorf("in %q, want %q", got, test.want)
				}
				p.pods.remove(old)
				if got := at(); got != "r1/z2/n2" {
					t.Errorf("in %q after the other one has gone", got)
				}
				p.pods.remove(now)
				if got := at(); got != "" || p.table().Len() != 0 {
					t.Errorf("in %q after both have gone", got)
				}
			})
		}
	}
}

// TestAddressOfANodeAndAPod has Pods with the address of node n1.
func TestAddressOfANodeAndAPod(t *testing.T) {
	const addr = "192.0.2.1"
	for _, test := range []struct {
		name    string
		pods    []object
		want    string
		entries int
	}{
		{"no Pod", nil, "r1/z1/n1", 1},
		{"on n1, as on Fargate", []object{aPod("a", "n1", 1, addr)}, "r1/z1/n1", 1},
		{"in its zone", []object{aPod("a", "n2", 1, addr)}, "r1/z1", 2},
		{"in another region", []object{aPod("a", "n3", 1, addr)}, "", 2},
		{"on a node that is not known", []object{aPod("a", "gone", 1, addr)}, "r1/z1/n1", 1},
		{"on several nodes", []object{aPod("a", "n1", 1, addr), aPod("b", "n2", 1, addr)}, "r1/z1/n1", 1},
	} {
		table := indexed(PodsOn, append(test.pods, node("n1", "r1", "z1", addr), node("n2", "r1", "z1"), node("n3", "r3", "z3"))...)
		if got := table.Find(parseAddr(addr)).String(); got != test.want || table.Len() != test.entries {
			t.Errorf("%s: in %q with %d entries, want %q with %d", test.name, got, table.Len(), test.want, test.entries)
		}
	}
}

// TestAddressesOfAPod has one Pod, whose addresses change.
func TestAddressesOfAPod(t *testing.T) {
	p := newPlaces(PodsOn, "")
	read(p, node("n1", "r1", "z1"))
	for _, addresses := range [][]string{
		{"10.8.0.1"}, {"10.8.0.1", "fd00::1"}, {"fd00::1"}, {}, {"::ffff:10.8.0.2", "fd00::2"}, {}, {"10.8.0.1"},
	} {
		p.pods.set(trimmed[podInfo](aPod("a", "n1", 1, addresses...)))
		table := p.table()
		for _, addr := range addresses {
			if got := table.Find(parseAddr(addr)).String(); got != "r1/z1/n1" {
				t.Errorf("with %v, %s is in %q", addresses, addr, got)
			}
		}
		if table.Len() != len(addresses) {
			t.Errorf("with %v there are %d entries", addresses, table.Len())
		}
		if len(addresses) == 0 && len(p.pods.byKey) > 0 {
			t.Error("keeps a Pod without an address")
		}
	}
}

func TestPodsOfOneNameInTwoNamespaces(t *testing.T) {
	there := aPod("a", "n2", 1, "10.8.0.2")
	there.Namespace = "other"
	checkPlaces(t, indexed(PodsOn, node("n1", "r1", "z1"), node("n2", "r1", "z2"), aPod("a", "n1", 1, "10.8.0.1"), there),
		map[string]string{"10.8.0.1": "r1/z1/n1", "10.8.0.2": "r1/z2/n2"})
}
