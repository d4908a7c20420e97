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

// header returns the header of rr if it is of a type in t, nil if not. For addresses a type switch costs less than a call
// of Header.
func (t *typeSet) header(rr dns.RR) *dns.RR_Header {
	switch rr := rr.(type) {
	case *dns.A:
		if t.a {
			return &rr.Hdr
		}
	case *dns.AAAA:
		if t.aaaa {
			return &rr.Hdr
		}
	default:
		if t.rest != nil {
			if h := rr.Header(); slices.Contains(t.rest, h.Rrtype) {
				return h
			}
		}
	}
	return nil
}
