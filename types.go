package ordering

import (
	"slices"

	"github.com/miekg/dns"
)

// A typeSet is the RRset types that are ordered.
type typeSet struct {
	a, aaaa bool
	rest    []uint16 // types without an address
}

// add adds an RRset type, and reports whether it was not there before.
func (t *typeSet) add(rrtype uint16) bool {
	switch {
	case rrtype == dns.TypeA && !t.a:
		t.a = true
	case rrtype == dns.TypeAAAA && !t.aaaa:
		t.aaaa = true
	case rrtype != dns.TypeA && rrtype != dns.TypeAAAA && !slices.Contains(t.rest, rrtype):
		t.rest = append(t.rest, rrtype)
	default:
		return false
	}
	return true
}

// has reports whether t has an RRset type.
func (t *typeSet) has(rrtype uint16) bool {
	switch rrtype {
	case dns.TypeA:
		return t.a
	case dns.TypeAAAA:
		return t.aaaa
	}
	return slices.Contains(t.rest, rrtype)
}
