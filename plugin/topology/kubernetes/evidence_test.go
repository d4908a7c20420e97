package kubernetes

import (
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// TestEvidence says for which objects podCIDRs are believed.
func TestEvidence(t *testing.T) {
	n1 := node("n1", "r1", "z1", "10.1.0.0/24", "fd00:1::/64", "192.0.2.1")
	joining := node("n2", "r1", "z1", "192.0.2.2")
	joining.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionFalse}}
	virtual := joining.DeepCopy()
	virtual.Status.Conditions = []v1.NodeCondition{
		{Type: v1.NodeReady, Status: v1.ConditionTrue}, {Type: v1.NodeMemoryPressure, Status: v1.ConditionFalse},
	}
	tunnelled := n1.DeepCopy()
	tunnelled.Annotations = map[string]string{"projectcalico.org/IPv4VXLANTunnelAddr": "10.8.0.1"}
	names := endpointSlice("names", "10.8.0.1 n1 z1")
	names.AddressType = discovery.AddressTypeFQDN
	for _, test := range []struct {
		name    string
		objects []object
		want    string // in the reason; empty: podCIDRs are believed
	}{
		{"nothing but nodes", []object{n1}, ""},
		{"endpoint in the podCIDR", []object{n1, endpointSlice("web", "10.1.0.7 n1 z1", "fd00:1::7 n1 z1")}, ""},
		{"endpoint on the host network", []object{n1, endpointSlice("web", "192.0.2.1 n1 z1")}, ""},
		{"endpoint elsewhere", []object{n1, endpointSlice("web", "10.8.0.1 n1 z1")}, "endpoint 10.8.0.1 on node n1 is outside"},
		{"endpoint of the other family elsewhere", []object{n1, endpointSlice("web", "fd00:2::1 n1 z1")}, "endpoint fd00:2::1"},
		{"endpoint at the address of a tunnel", []object{tunnelled, endpointSlice("web", "10.8.0.1 n1 z1")}, ""},
		{"endpoint on no node", []object{n1, endpointSlice("web", "10.8.0.1 - z1")}, ""},
		{"endpoint on an unknown node", []object{n1, endpointSlice("web", "10.8.0.1 n7 z1")}, ""},
		{"name", []object{n1, names}, ""},
		{"slice written by hand", []object{n1, managed("", endpointSlice("web", "10.8.0.1 n1 z1"))}, ""},
		{"slice of another controller", []object{n1, managed("mesh", endpointSlice("web", "10.8.0.1 n1 z1"))}, ""},
		{"node without a podCIDR", []object{n1, node("n2", "r1", "z1", "192.0.2.2")}, "node n2 has no podCIDR"},
		{"node that is not ready yet", []object{n1, joining}, ""},
		{"endpoint on it", []object{n1, joining, endpointSlice("web", "10.8.0.1 n2 z1")}, "node n2 has no podCIDR"},
		{"virtual node", []object{n1, virtual}, "node n2 has no podCIDR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlaces(PodsAuto, "")
			read(p, test.objects...)
			p.table()
			if (p.refuted == "") != (test.want == "") || !strings.Contains(p.refuted, test.want) {
				t.Errorf("reason %q, want %q", p.refuted, test.want)
			}
			want := "Pods are watched, and podCIDRs ignored: " + p.refuted
			if p.refuted == "" {
				want = "podCIDRs are believed: every node has one, and no endpoint contradicts them"
			}
			if got := p.way(); got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			place := p.table().Find(parseAddr("10.1.0.99")).String()
			if (place == "r1/z1/n1") != (test.want == "") {
				t.Errorf("an address in a podCIDR is in %q", place)
			}
			for option, want := range map[Pods][2]string{
				PodsOn:  {"", "Pods are watched, and podCIDRs ignored, as the configuration says"},
				PodsOff: {"r1/z1/n1", "podCIDRs are believed, as the configuration says"},
			} {
				p := newPlaces(option, "")
				read(p, test.objects...)
				if got := p.table().Find(parseAddr("10.1.0.99")).String(); got != want[0] {
					t.Errorf("with option %d an address in a podCIDR is in %q, want %q", option, got, want[0])
				}
				if got := p.way(); got != want[1] {
					t.Errorf("with option %d it says %q, want %q", option, got, want[1])
				}
			}
		})
	}
}

// TestEvidenceComesLater has the contradicting object come when podCIDRs have been believed.
func TestEvidenceComesLater(t *testing.T) {
	for name, o := range map[string]object{
		"endpoint":    endpointSlice("api", "10.8.0.1 n1 z1"),
		"node":        node("n2", "r1", "z1", "192.0.2.2"),
		"new podCIDR": node("n1", "r1", "z1", "10.7.0.0/24"), // after the node was deleted, under the same name
	} {
		t.Run(name, func(t *testing.T) {
			text := topologytest.Logged(t)
			s := newAPIServer(t)
			s.put(node("n1", "r1", "z1", "10.1.0.0/24"), endpointSlice("web", "10.1.0.7 n1 z1"))
			s.put(managed("", endpointSlice("hand", "172.16.0.1 - z1")))
			s.put(aPod("job", "n1", 1, "10.8.0.7"), aPod("web", "n1", 1, "10.1.0.7"))
			c := s.cluster(t)
			start(t, c)
			topologytest.Eventually(t, "believed", located(c, "10.1.0.9", "r1/z1/n1"))
			topologytest.Eventually(t, "slice written by hand", located(c, "172.16.0.1", "r1/z1"))
			if s.asksFor("pods", "") {
				t.Error("asks for pods although nothing contradicts the podCIDRs")
			}
			s.put(o)
			topologytest.Eventually(t, "pods", located(c, "10.8.0.7", "r1/z1/n1"))
			topologytest.Eventually(t, "no podCIDRs", located(c, "10.1.0.9", ""))
			topologytest.Eventually(t, "pod in its podCIDR", located(c, "10.1.0.7", "r1/z1/n1"))
			topologytest.Eventually(t, "slice written by hand", located(c, "172.16.0.1", "r1/z1"))
			if !s.asksFor("endpointslices", discovery.LabelManagedBy+"!="+ownSlices) {
				t.Error("asks for no slices of others")
			}
			// The evidence goes, but what it showed stays true for as long as the process runs.
			s.remove(o)
			s.put(node("n1", "r1", "z1", "10.1.0.0/24"), endpointSlice("api", "10.1.0.8 n1 z1"))
			s.put(aPod("more", "n1", 1, "10.8.0.8"))
			topologytest.Eventually(t, "another pod", located(c, "10.8.0.8", "r1/z1/n1"))
			if !located(c, "10.1.0.9", "")() {
				t.Error("podCIDRs are believed again")
			}
			if n := strings.Count(text(), "podCIDRs are believed"); n != 1 {
				t.Errorf("said %d times that podCIDRs are believed, want once:\n%s", n, text())
			}
			if n := strings.Count(text(), "Pods are watched, and podCIDRs ignored: "); n != 1 {
				t.Errorf("said %d times that Pods are watched, want once:\n%s", n, text())
			}
			_, why, watched := strings.Cut(c.Describe(), "; Pods are watched, and podCIDRs ignored: ")
			if !watched || why == "" {
				t.Errorf("describes itself as %q", c.Describe())
			}
			c.Stop()
			again := s.cluster(t)
			start(t, again)
			topologytest.Eventually(t, "ready", again.Ready)
			if !strings.HasSuffix(again.Describe(), why) || !located(again, "10.1.0.9", "")() {
				t.Errorf("after a stop it is %q", again.Describe())
			}
			s.put(endpointSlice("gone", "172.16.0.9 n1 z1")) // there is no such Pod
			off := s.clusterWith(t, PodsOff)
			start(t, off)
			topologytest.Eventually(t, "ready", off.Ready)
			if !located(off, "172.16.0.9", "r1/z1/n1")() || !strings.HasSuffix(off.Describe(), "; podCIDRs are believed, as the configuration says") {
				t.Errorf("with podCIDRs by configuration it is %q", off.Describe())
			}
		})
	}
}

// TestFirstTableAfterEvidence has objects that contradict podCIDRs that were believed. The next table
// is without them.
func TestFirstTableAfterEvidence(t *testing.T) {
	web := endpointSlice("web", "10.1.0.7 n1 z1", "10.1.0.8 n1 z1", "192.0.2.1 n1 z1", "10.1.1.7 n1 z1")
	joining := node("n3", "r1", "z1", "192.0.2.3")
	joining.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionFalse}}
	for name, x := range map[string]object{
		"endpoint":    endpointSlice("api", "10.1.0.9 n1 z1", "10.8.0.1 n1 z1", "10.1.0.10 n1 z1"),
		"node":        node("n2", "r1", "z1", "192.0.2.2"),
		"new podCIDR": node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"),
		"ready node":  node("n3", "r1", "z1", "192.0.2.3"),
	} {
		p := newPlaces(PodsAuto, "")
		read(p, node("n1", "r1", "z1", "10.1.0.0/23", "192.0.2.1"), joining, web)
		checkPlaces(t, p.table(), map[string]string{"10.1.0.99": "r1/z1/n1"})
		objects{p, map[string]object{}}.put(x)
		checkPlaces(t, p.table(), map[string]string{"10.1.0.99": ""})
		if p.refuted == "" || !p.upToDate() {
			t.Errorf("%s: reason %q, up to date %v", name, p.refuted, p.upToDate())
		}
	}
}

// TestEvidenceStepByStep has lists that come one after the other. Each of them can need a new table,
// even one that is empty.
func TestEvidenceStepByStep(t *testing.T) {
	p := newPlaces(PodsAuto, "")
	n1 := trimmed[nodeInfo](node("n1", "r1", "z1", "10.1.0.0/24", "192.0.2.1"))
	hand := trimmed[sliceInfo](managed("", endpointSlice("hand", "192.0.2.2 - z1")))
	for _, step := range []struct {
		what   string
		do     func()
		same   bool // needs no new table
		way    string
		places map[string]string
	}{
		{
			what: "nodes",
			do: func() {
				p.nodes.replace([]*nodeInfo{n1, trimmed[nodeInfo](node("n2", "r1", "z2", "10.2.0.0/24", "192.0.2.2"))})
			},
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "", "10.8.0.1": "", "192.0.2.2": "r1/z2/n2"},
		},
		{
			what:   "slices",
			do:     func() { p.all.replace([]*sliceInfo{hand}) },
			way:    "podCIDRs are believed: every node has one",
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "r1/z1/n1", "10.8.0.1": "", "192.0.2.2": "r1/z2/n2"},
		},
		{
			what:   "evidence",
			do:     func() { p.all.set(trimmed[sliceInfo](endpointSlice("web", "10.8.0.1 n1 z1"))) },
			way:    "Pods are watched",
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "", "10.8.0.1": "r1/z1/n1", "192.0.2.2": "r1/z2/n2"},
		},
		{
			what:   "slices of others",
			do:     func() { p.foreign.replace([]*sliceInfo{hand}) },
			same:   true,
			way:    "Pods are watched",
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "", "10.8.0.1": "r1/z1/n1", "192.0.2.2": "r1/z2/n2"},
		},
		{
			what:   "a node without its address",
			do:     func() { p.nodes.set(trimmed[nodeInfo](node("n2", "r1", "z2", "10.2.0.0/24"))) },
			way:    "Pods are watched",
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "", "10.8.0.1": "r1/z1/n1", "192.0.2.2": "r1/z1"},
		},
		{
			what:   "no Pods",
			do:     func() { p.pods.replace(nil) },
			way:    "Pods are watched",
			places: map[string]string{"192.0.2.1": "r1/z1/n1", "10.1.0.7": "", "10.8.0.1": "", "192.0.2.2": "r1/z1"},
		},
	} {
		if step.do(); p.upToDate() != step.same {
			t.Errorf("%s: up to date is %v before a table is made", step.what, p.upToDate())
		}
		checkPlaces(t, p.table(), step.places)
		if !p.upToDate() {
			t.Errorf("%s: not up to date after a table was made", step.what)
		}
		if got := p.way(); !strings.HasPrefix(got, step.way) || (got == "") != (step.way == "") {
			t.Errorf("%s: it says %q, want %q", step.what, got, step.way)
		}
	}
}

// TestPodsForbidden has an account that must not read Pods. What slices say is better than nothing.
func TestPodsForbidden(t *testing.T) {
	s := newAPIServer(t)
	s.forbidden["pods"] = true
	s.put(node("n1", "r1", "z1", "192.0.2.1"), endpointSlice("web", "10.8.0.1 n1 z1"))
	c := s.cluster(t)
	start(t, c)
	topologytest.Eventually(t, "endpoint", located(c, "10.8.0.1", "r1/z1/n1"))
	topologytest.Eventually(t, "node", located(c, "192.0.2.1", "r1/z1/n1"))
	s.put(endpointSlice("more", "10.8.0.2 n1 z1"))
	topologytest.Eventually(t, "another endpoint", located(c, "10.8.0.2", "r1/z1/n1"))
	if c.Ready() {
		t.Error("ready, although Pods are not known")
	}
}
