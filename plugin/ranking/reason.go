package ranking

import (
	"fmt"
	"net/netip"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// A Reason says why an address is in its tier, in more detail than Near.
type Reason struct {
	Near Near

	// Network is the network of the mask that Near names, which holds client and address. It is not
	// valid where Near is neither NearNetwork nor NearSubnet.
	Network netip.Prefix

	// Shared is the part that the locations of client and address share, "" for none. Location is
	// that of the address; nil if there is no topology or it does not know the address.
	Shared   string
	Location *topology.Location
	Asked    bool // there is a topology

	// Line and Word are the place in the sort list that decided: the line of the statement, 0 if none
	// holds the client, and its word, counted from 1 behind the clients, 0 if none holds the address.
	Line, Word int
	Negated    bool // the word begins with !
	Last       bool // no address that is in the statement comes later
}

// String returns the Near of r and its Detail.
func (r Reason) String() string {
	detail := r.Detail()
	switch {
	case detail == "":
		return r.Near.String()
	case r.Near <= NearElsewhere:
		return fmt.Sprintf("%v: %s", r.Near, detail)
	}
	return fmt.Sprintf("%v %s", r.Near, detail)
}

// Detail returns what r says besides Near, "" if that is all.
func (r Reason) Detail() string {
	switch {
	case r.Negated && r.Last:
		return fmt.Sprintf("sortlist line %d word !%d: always last", r.Line, r.Word)
	case r.Negated:
		return fmt.Sprintf("sortlist line %d word !%d: after all that is not negated", r.Line, r.Word)
	case r.Near == NearSortlist:
		return fmt.Sprintf("line %d word %d", r.Line, r.Word)
	case r.Network.IsValid():
		return r.Network.String()
	case r.Shared != "":
		return r.Shared
	case r.Near == NearUnknown:
		return "location of the client unknown"
	case r.Asked && r.Location == nil:
		return "location unknown"
	case r.Asked:
		return "at " + r.Location.String()
	case r.Line > 0:
		return fmt.Sprintf("not in sortlist line %d", r.Line)
	}
	return ""
}
