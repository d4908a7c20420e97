package ranking

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/coredns-ordering/ordering/plugin/topology"
)

// A Reason says why an address is in its tier, in more detail than Near: also what decides between
// addresses that have the same Near.
type Reason struct {
	Near Near

	// Line is the line of the sort list statement that holds the client; 0 if none does. Word is
	// the word of its preference that holds the address, counted from 1; 0 if none does.
	Line, Word int
	File       string // that Line is in, as in Statement
	Negated    bool   // the word begins with !
	Last       bool   // the word is negated, and its addresses come after all others

	// Shared is the part that the locations of client and address share, "" for none, and Level the
	// Near that it gives. Location is that of the address; nil if no topology knows it.
	Shared   string
	Level    Near
	Location *topology.Location
	Asked    bool // there is a topology

	// Network is the network of the longest mask that holds client and address, not valid if none
	// does, and Mask the Near that it gives.
	Network netip.Prefix
	Mask    Near
}

// String returns r as "subnet 172.16.16.0/21", "zone us-east-1/us-east-1a", "sortlist line 12 word 3"
// or "elsewhere: location unknown". It leaves out Ties.
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

// Detail returns what String returns behind Near.
func (r Reason) Detail() string {
	all := r.criteria()
	if len(all) == 0 {
		return r.nothing()
	}
	return strings.TrimPrefix(all[0], r.Near.String()+" ")
}

// Ties returns what decides between addresses with the same String: "subnet 10.1.1.0/24" for one
// whose Near is NearZone; "" if that is nothing.
func (r Reason) Ties() string {
	all := r.criteria()
	return strings.Join(all[min(1, len(all)):], ", ")
}

// criteria returns all that puts the address in its tier, the most important first.
func (r Reason) criteria() (all []string) {
	add := func(near Near, format string, args ...any) {
		all = append(all, fmt.Sprintf("%v %s", near, fmt.Sprintf(format, args...)))
	}
	switch {
	case r.Last:
		add(NearSortlist, "%s word !%d: always last", r.line(), r.Word)
	case r.Negated:
		add(NearSortlist, "%s word !%d: after all that is not negated", r.line(), r.Word)
	case r.Word > 0:
		add(NearSortlist, "%s word %d", r.line(), r.Word)
	}
	if r.Shared != "" {
		add(r.Level, "%s", r.Shared)
	}
	if r.Network.IsValid() {
		add(r.Mask, "%v", r.Network)
	}
	return all
}

// nothing says why nothing puts the address in front, "" if there is nothing to say.
func (r Reason) nothing() string {
	switch {
	case r.Near == NearUnknown:
		return "location of the client unknown"
	case r.Asked && r.Location == nil:
		return "location unknown"
	case r.Asked:
		return "at " + r.Location.String()
	case r.Line > 0:
		return "not in sortlist " + r.line()
	}
	return ""
}

// line returns "line 12" or "lists.inc line 12".
func (r Reason) line() string {
	return strings.TrimPrefix(fmt.Sprintf("%s line %d", r.File, r.Line), " ")
}
