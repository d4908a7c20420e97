package kubernetes

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// objects are the objects of a cluster, by kind and name. It gives p each change.
type objects struct {
	p   *places
	all map[string]object
}

func (o objects) key(x object) string { return kindOf(x) + "/" + x.GetName() }

func (o objects) put(x object) {
	o.all[o.key(x)] = x
	switch x := x.(type) {
	case *v1.Node:
		o.p.nodes.set(trimmed[nodeInfo](x))
	case *v1.Pod:
		o.p.pods.set(trimmed[podInfo](x))
	case *discovery.EndpointSlice:
		o.p.slices.set(trimmed[sliceInfo](x))
	}
}

func (o objects) remove(x object) {
	delete(o.all, o.key(x))
	switch x := x.(type) {
	case *v1.Node:
		o.p.nodes.remove(trimmed[nodeInfo](x))
	case *v1.Pod:
		o.p.pods.remove(trimmed[podInfo](x))
	case *discovery.EndpointSlice:
		o.p.slices.remove(trimmed[sliceInfo](x))
	}
}

// TestChangesAgainstAllOfThem changes objects at random, and compares the table with one that is made
// anew.
func TestChangesAgainstAllOfThem(t *testing.T) {
	for _, option := range []Pods{PodsOn, PodsOff} {
		t.Run(fmt.Sprint(option), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(31, 32))
			host := func() string { return fmt.Sprintf("10.8.0.%d", rnd.IntN(40)) }
			newNode := func() object {
				n := node(fmt.Sprintf("n%d", rnd.IntN(6)), oneOf(rnd, "r1", "r2", ""), oneOf(rnd, "z0", "z1", "z2", ""), host())
				if rnd.IntN(2) == 0 {
					n.Spec.PodCIDRs = []string{fmt.Sprintf("10.8.0.%d/29", 8*rnd.IntN(5))}
				}
				return n
			}
			newPod := func() object {
				return aPod(fmt.Sprintf("p%d", rnd.IntN(30)), fmt.Sprintf("n%d", rnd.IntN(8)), int64(rnd.IntN(4)),
					host(), fmt.Sprintf("fd00::%d", rnd.IntN(9)))
			}
			writers := []string{"", "mesh", ownSlices}
			newSlice := func() object {
				return managed(oneOf(rnd, writers...), endpointSlice(fmt.Sprintf("s%d", rnd.IntN(5)),
					fmt.Sprintf("%s n%d z%d", host(), rnd.IntN(7), rnd.IntN(4)),
					fmt.Sprintf("%s n%d -", host(), rnd.IntN(7)),
					fmt.Sprintf("%s - z%d", host(), rnd.IntN(4))))
			}
			if option == PodsOn {
				writers = writers[:2]
			} else {
				newPod = newSlice
			}
			p := newPlaces(option, "")
			read(p)
			o := objects{p, map[string]object{}}
			for round := range 400 {
				for range 1 + rnd.IntN(5) {
					switch rnd.IntN(9) {
					case 0:
						o.put(newNode())
					case 1:
						o.remove(newNode())
					case 2, 3:
						o.remove(newPod())
					case 4:
						o.put(newSlice())
					case 5:
						o.remove(newSlice())
					default:
						o.put(newPod())
					}
				}
				if rnd.IntN(10) == 0 { // all lists again, with other objects than before
					for range 5 {
						delete(o.all, o.key(oneOf(rnd, newNode, newPod, newSlice)()))
						x := oneOf(rnd, newNode, newPod, newSlice)()
						o.all[o.key(x)] = x
					}
					read(p, slices.Collect(maps.Values(o.all))...)
				}
				if rnd.IntN(3) == 0 {
					continue // several changes for one table
				}
				got, want := p.table(), indexed(option, slices.Collect(maps.Values(o.all))...)
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
			}
		})
	}
}

// TestNothingIsKeptOfWhatIsGone has nodes that are replaced by others all the time, as an autoscaler
// does, with a Pod and an endpoint on each.
func TestNothingIsKeptOfWhatIsGone(t *testing.T) {
	p := newPlaces(PodsOn, "")
	read(p)
	o := objects{p, map[string]object{}}
	o.put(node("n", "r1", "z1"))
	most := 0
	for i := range 50 {
		name, zone := fmt.Sprintf("n%d", i), fmt.Sprintf("z%d", i%2)
		there := []object{
			node(name, "r1", zone, "192.0.2.1"),
			aPod("a", name, 1, "10.8.0.1"), aPod("a", name, 3, "10.8.0.1"), aPod("b", name, 1, "10.8.0.1", "fd00::1"), aPod("c", "n", 2, "10.8.0.1"),
			changed(aPod("host", name, 1, "192.0.2.9"), func(p *v1.Pod) { p.Spec.HostNetwork = true }),
			managed("", endpointSlice("hand", "172.16.0.1 "+name+" "+zone, "172.16.0.2 - "+zone, "172.16.0.3 - z9")),
			managed("mesh", endpointSlice("mesh", "172.16.0.2 - "+zone)),
		}
		for _, x := range there {
			o.put(x)
		}
		checkPlaces(t, p.table(), map[string]string{
			"fd00::1": "r1/" + zone + "/" + name, "172.16.0.1": "r1/" + zone + "/" + name, "172.16.0.2": "r1/" + zone, "172.16.0.3": "-/z9",
		})
		if i%2 == 0 {
			slices.Reverse(there)
		}
		for _, x := range there {
			o.remove(x)
		}
		if n := p.table().Len(); n != 0 {
			t.Fatalf("%d entries without Pods and endpoints", n)
		}
		switch n := len(p.numbers.locations); {
		case i == 0:
			most = n + 1 // the other zone comes
		case n != most:
			t.Fatalf("%d numbers for locations after %d nodes, want %d", n, i+1, most)
		}
	}
	hand := managed("", endpointSlice("hand", "172.16.0.1 - z1"))
	o.put(hand)
	p.table()
	o.remove(hand)
	p.table()
	for what, n := range map[string]int{
		"Pods": len(p.pods.byKey), "addresses of Pods": len(p.pods.first), "addresses of several Pods": len(p.pods.others),
		"slices": len(p.slices.slices), "endpoints": len(p.slices.claims), "changes": len(p.changed),
	} {
		if n != 0 {
			t.Errorf("%d %s are kept", n, what)
		}
	}
}

// TestTablesDoNotChange looks at a table after the cluster has changed and other tables were made.
func TestTablesDoNotChange(t *testing.T) {
	p := newPlaces(PodsOn, "")
	read(p, node("n1", "r1", "z1", "192.0.2.1"), node("n2", "r1", "z2"), aPod("a", "n1", 1, "10.8.0.1"), aPod("b", "n2", 1, "10.8.0.2"),
		managed("", endpointSlice("hand", "172.16.0.1 - z7")))
	o := objects{p, map[string]object{}}
	old := p.table()
	want := map[string]string{
		"192.0.2.1": "r1/z1/n1", "10.8.0.1": "r1/z1/n1", "10.8.0.2": "r1/z2/n2", "172.16.0.1": "-/z7", "10.8.0.3": "",
	}
	for _, change := range []func(){
		func() { o.put(node("n1", "r1", "z3", "192.0.2.1")) },
		func() { o.put(aPod("c", "n1", 1, "10.8.0.3")) },
		func() { o.put(managed("", endpointSlice("more", "172.16.0.2 - z8"))) },
		func() { o.put(node("n2", "r2", "z4")) },
		func() { o.remove(aPod("a", "n1", 1)) },
		func() { o.remove(aPod("c", "n1", 1)) },
		func() { o.remove(node("n1", "", "")) },
		func() { o.put(node("n3", "r3", "z3")) }, // gets the number of n1
	} {
		change()
		p.table()
		checkPlaces(t, old, want)
	}
}

// TestUpdatesThatChangeNothing has objects that come again, as they do with each heartbeat of a node
// and after each list. No table has to be made for them.
func TestUpdatesThatChangeNothing(t *testing.T) {
	all := func() []object {
		return []object{
			node("n1", "r1", "z1", "10.1.0.0/24", "fd00:1::/64", "192.0.2.1", "192.0.2.2"), node("n2", "r1", "z2", "10.2.0.0/24"),
			aPod("a", "n1", 1, "10.8.0.1"), managed("", endpointSlice("hand", "172.16.0.1 - z1")),
		}
	}
	for _, option := range []Pods{PodsOn, PodsOff} {
		p := newPlaces(option, "")
		read(p, all()...)
		p.table()
		o := objects{p, map[string]object{}}
		nothing := append(all(),
			node("n1", "r1", "z1", "fd00:1::/64", "10.1.0.0/24", "10.1.0.0/24", "192.0.2.2", "192.0.2.1", "192.0.2.1"))
		if option == PodsOff {
			nothing = slices.DeleteFunc(nothing, func(x object) bool { return kindOf(x) == "pods" })
		}
		for _, x := range nothing {
			if o.put(x); !p.upToDate() {
				t.Errorf("with pods %v, the same %s changes something", option, o.key(x))
			}
			p.table()
		}
		for _, x := range []object{
			node("n1", "r2", "z1", "10.1.0.0/24", "fd00:1::/64", "192.0.2.1", "192.0.2.2"),
			node("n1", "r2", "z1", "10.1.0.0/24", "192.0.2.1", "192.0.2.2"),
			managed("", endpointSlice("hand", "172.16.0.1 - z2")),
		} {
			if o.put(x); p.upToDate() {
				t.Errorf("with pods %v, another %s changes nothing", option, o.key(x))
			}
			p.table()
		}
	}
}

// TestEventsBeforeTheFirstList has objects that come one by one, and no list.
func TestEventsBeforeTheFirstList(t *testing.T) {
	for _, option := range []Pods{PodsOn, PodsOff} {
		p := newPlaces(option, "")
		o := objects{p, map[string]object{}}
		o.put(node("n1", "r1", "z1", "192.0.2.1"))
		o.put(aPod("a", "n1", 1, "10.8.0.1"))
		o.put(managed("", endpointSlice("hand", "172.16.0.1 - z1")))
		checkPlaces(t, p.table(), map[string]string{"192.0.2.1": "r1/z1/n1", "10.8.0.1": "r1/z1/n1", "172.16.0.1": "r1/z1"})
	}
}
