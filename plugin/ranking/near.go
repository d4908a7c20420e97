package ranking

import (
	"fmt"
	"slices"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// Near says which criterion puts an address in front of others; if several do, it is the greatest
// of them. An address in a negated word of the sort list is NearElsewhere. A greater Near is not
// always a smaller tier, because a client can prefer a network in a sort list to its own subnet.
// There are few values and they do not depend on the client, so that they can be labels of metrics.
type Near uint8

const (
	NearUnknown   Near = iota // nothing; a topology is asked, and it does not know where the client is
	NearElsewhere             // nothing
	NearNetwork               // a mask that is not the longest, or the classful network
	NearSubnet                // the longest mask
	NearShared1               // the first label of the client's location in a topology
	NearShared2               // the first two labels
	NearShared3
	NearShared4
	NearShared5
	NearShared6
	NearShared7
	NearShared8
	NearRegion   // the labels down to the region, in a topology whose labels have names
	NearZone     // the labels down to the zone
	NearNode     // all labels: both are on one node
	NearSortlist // a word of the sort list, which is not negated
	NearCount    // how many values there are
)

var nearNames = [NearCount]string{
	NearUnknown: "unknown", NearElsewhere: "elsewhere", NearNetwork: "network", NearSubnet: "subnet",
	NearShared1: "shared1", NearShared2: "shared2", NearShared3: "shared3", NearShared4: "shared4",
	NearShared5: "shared5", NearShared6: "shared6", NearShared7: "shared7", NearShared8: "shared8",
	NearRegion: "region", NearZone: "zone", NearNode: "node", NearSortlist: "sortlist",
}

// String returns the name of n, in lower case and without spaces.
func (n Near) String() string {
	if n < NearCount {
		return nearNames[n]
	}
	return fmt.Sprintf("Near(%d)", uint8(n))
}

// nearByLabels is the Near of an address by how many labels its location shares with the client's.
type nearByLabels [topology.MaxLabels + 1]Near

// newNearByLabels returns the nearByLabels of a topology. The labels of a topology.Leveled have the
// names that it gives them; those of any other are numbered.
func newNearByLabels(t topology.Source) *nearByLabels {
	near := &nearByLabels{NearElsewhere}
	for n := range topology.MaxLabels {
		near[n+1] = NearShared1 + Near(n)
	}
	if named, ok := t.(topology.Leveled); ok {
		for i, name := range named.Levels() {
			if n := slices.Index(nearNames[:], name); n >= 0 {
				near[i+1] = Near(n)
			}
		}
	}
	return near
}

// CanBe reports whether an address can be near for some client of r. Of the numbered labels it
// reports those that the topology has now.
func (r *Ranker) CanBe(near Near) bool {
	switch near {
	case NearElsewhere:
		return true
	case NearUnknown:
		return r.topology != nil
	case NearSortlist:
		return r.sortlist != nil
	case NearSubnet, NearNetwork:
		return slices.ContainsFunc(r.masks[:], func(m *masks) bool { return m.canBe(near) })
	}
	return r.topology != nil && slices.Contains(r.levels[1:r.labels()+1], near)
}

// labels returns how many labels the locations of the topology can share.
func (r *Ranker) labels() int {
	named, _ := r.topology.(topology.Leveled)
	if named == nil {
		return r.topology.Table().Depth()
	}
	return max(len(named.Levels()), r.topology.Table().Depth())
}
