package kubernetes

import (
	"fmt"
	"math/rand/v2"
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
	s := newAPIServer(t)
	s.put(node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"), node("n2", "r1", "z2", "10.2.0.0/24", "192.0.2.2"))
	s.put(node("fargate-10-9-0-1", "r1", "z2", "10.9.0.1"))
	s.put(
		aPod("plain", "n1", 1, "10.8.0.1", "fd00::1"),
		aPod("in-the-podCIDR-of-another", "n1", 1, "10.2.0.7"),
		aPod("six", "n2", 1, "fd00::2"),
		changed(aPod("host", "n2", 1, "192.0.2.2"), func(p *v1.Pod) { p.Spec.HostNetwork = true }),
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
	young := aPod("young", "n2", 9, addr)
	for _, test := range []struct {
		name string
		old  *v1.Pod
		want string
	}{
		{"older", aPod("old", "n1", 8, addr), "r1/z2/n2"},
		{"newer", aPod("old", "n1", 10, addr), "r1/z1/n1"},
		{"newer, but terminating", changed(aPod("old", "n1", 10, addr), ending), "r1/z2/n2"},
		{"newer, but not running", changed(aPod("old", "n1", 10, addr), func(p *v1.Pod) { p.Status.Phase = v1.PodPending }), "r1/z2/n2"},
		{"as old, elsewhere", aPod("old", "n1", 9, addr), ""},
		{"as old, on the same node", aPod("old", "n2", 9, addr), "r1/z2/n2"},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, first), func(t *testing.T) {
				p := newPlaces(PodsOn, "")
				read(p, node("n1", "r1", "z1", "10.8.0.0/24"), node("n2", "r1", "z2"))
				old, now := trimmed[podInfo](test.old), trimmed[podInfo](young)
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

// TestPodsAgainstAllOfThem changes Pods and nodes at random, and compares the table with one that is
// made anew.
func TestPodsAgainstAllOfThem(t *testing.T) {
	rnd := rand.New(rand.NewPCG(31, 32))
	p := newPlaces(PodsOn, "")
	nodes, pods, foreign := map[string]object{}, map[string]object{}, map[string]object{}
	read(p)
	for round := range 300 {
		for range 1 + rnd.IntN(5) {
			name := fmt.Sprintf("n%d", rnd.IntN(6))
			n := node(name, "r1", fmt.Sprintf("z%d", rnd.IntN(3)), fmt.Sprintf("10.8.0.%d", rnd.IntN(40)))
			pod := aPod(fmt.Sprintf("p%d", rnd.IntN(30)), fmt.Sprintf("n%d", rnd.IntN(8)), int64(rnd.IntN(4)),
				fmt.Sprintf("10.8.0.%d", rnd.IntN(40)), fmt.Sprintf("fd00::%d", rnd.IntN(9)))
			slice := managed("", endpointSlice(fmt.Sprintf("s%d", rnd.IntN(5)),
				fmt.Sprintf("10.8.0.%d n%d z%d", rnd.IntN(40), rnd.IntN(6), rnd.IntN(4)),
				fmt.Sprintf("10.8.0.%d - z%d", rnd.IntN(40), rnd.IntN(4))))
			switch rnd.IntN(9) {
			case 0:
				p.nodes.set(trimmed[nodeInfo](n))
				nodes[name] = n
			case 1:
				p.nodes.remove(trimmed[nodeInfo](n))
				delete(nodes, name)
			case 2, 3:
				p.pods.remove(trimmed[podInfo](pod))
				delete(pods, pod.Name)
			case 4:
				p.foreign.set(trimmed[sliceInfo](slice))
				foreign[slice.Name] = slice
			case 5:
				p.foreign.remove(trimmed[sliceInfo](slice))
				delete(foreign, slice.Name)
			default:
				p.pods.set(trimmed[podInfo](pod))
				pods[pod.Name] = pod
			}
		}
		if rnd.IntN(3) == 0 {
			continue // several changes for one table
		}
		var all []object
		for _, some := range []map[string]object{nodes, pods, foreign} {
			for _, o := range some {
				all = append(all, o)
			}
		}
		got, want := p.table(), indexed(PodsOn, all...)
		for i := range 40 {
			for _, format := range []string{"10.8.0.%d", "fd00::%d"} {
				addr := parseAddr(fmt.Sprintf(format, i))
				if got, want := got.Find(addr), want.Find(addr); got.String() != want.String() {
					t.Fatalf("round %d: %s is in %q, want %q", round, addr, got, want)
				}
			}
		}
		if got.Len() != want.Len() {
			t.Fatalf("round %d: %d entries, want %d", round, got.Len(), want.Len())
		}
		if n := len(p.numbers.nodes) + len(p.numbers.free); n > 20 {
			t.Fatalf("%d numbers for 8 nodes", n)
		}
	}
}
