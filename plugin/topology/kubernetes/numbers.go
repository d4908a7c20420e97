package kubernetes

import (
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// Numbers that are not a node's.
const (
	noPlace uint32 = iota // of an address that has no entry
	nowhere               // of an address whose place is not known, whatever the networks say
	firstNumber
)

// numbers gives nodes and other locations numbers, for topology.Hosts. A node keeps its number while
// it exists and while Pods name it, even if its location changes. The zero numbers is not ready:
// newNumbers makes one. It is not safe for concurrent use.
type numbers struct {
	nodes     map[string]uint32 // by name
	pods      []int             // by number, how many Pods name the node
	free      []uint32          // numbers of nodes that are gone
	paths     map[string]uint32 // by the path of a location that is not a node's
	locations []*topology.Location

	shared    int                 // how many of locations are published, and must not change
	published *topology.Locations // of all locations; nil if they have changed
}

func newNumbers() *numbers {
	return &numbers{
		nodes: map[string]uint32{}, paths: map[string]uint32{},
		pods:      make([]int, firstNumber),
		locations: make([]*topology.Location, firstNumber),
	}
}

// node returns the number of a node, a new one if it has none.
func (n *numbers) node(name string) uint32 {
	if number, found := n.nodes[name]; found {
		return number
	}
	var number uint32
	if last := len(n.free) - 1; last >= 0 {
		number, n.free = n.free[last], n.free[:last]
	} else {
		number = n.add()
	}
	n.nodes[name] = number
	return number
}

// of returns the number of a location; nowhere for nil.
func (n *numbers) of(location *topology.Location) uint32 {
	if location == nil {
		return nowhere
	}
	path := location.String()
	if number, found := n.nodes[path[strings.LastIndexByte(path, '/')+1:]]; found && n.locations[number].String() == path {
		return number
	}
	number, found := n.paths[path]
	if !found {
		number = n.add()
		n.paths[path] = number
		n.locate(number, location)
	}
	return number
}

func (n *numbers) add() uint32 {
	n.pods = append(n.pods, 0)
	// This writes behind the end of the published locations, which stay as they are.
	n.locations, n.published = append(n.locations, nil), nil
	return uint32(len(n.locations) - 1)
}

// locate sets the location of a number; nil for one that is not known.
func (n *numbers) locate(number uint32, location *topology.Location) {
	if int(number) < n.shared {
		n.locations, n.shared = slices.Clone(n.locations), 0
	}
	n.locations[number], n.published = location, nil
}

// use notes that one Pod more, or one fewer, names the node of this number.
func (n *numbers) use(number uint32, more int) { n.pods[number] += more }

// release frees the numbers of the nodes that have no location and that no Pod names. No entry may
// have one of these numbers any more.
func (n *numbers) release() {
	for name, number := range n.nodes {
		if n.locations[number] == nil && n.pods[number] == 0 {
			delete(n.nodes, name)
			n.free = append(n.free, number)
		}
	}
}

// publish returns the locations by number.
func (n *numbers) publish() *topology.Locations {
	if n.published == nil {
		n.published, n.shared = topology.NewLocations(n.locations), len(n.locations)
	}
	return n.published
}
