package rrset

import (
	"slices"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/miekg/dns"
)

// A TypeSet is a set of RRset types. The zero TypeSet is empty.
type TypeSet struct {
	a, aaaa bool
	rest    []uint16 // types without an address
}

// Types returns the set of these RRset types.
func Types(rrtypes ...uint16) TypeSet {
	var t TypeSet
	for _, rrtype := range rrtypes {
		switch rrtype {
		case dns.TypeA:
			t.a = true
		case dns.TypeAAAA:
			t.aaaa = true
		default:
			t.rest = append(t.rest, rrtype)
		}
	}
	return t
}

// Has reports whether t has an RRset type.
func (t *TypeSet) Has(rrtype uint16) bool {
	switch rrtype {
	case dns.TypeA:
		return t.a
	case dns.TypeAAAA:
		return t.aaaa
	}
	return slices.Contains(t.rest, rrtype)
}

// isAddress reports whether rr is an A or AAAA record. It looks at the Go type, so a record that a
// plugin did not parse (dns.RFC3597) has no address, whatever its type.
func isAddress(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.A, *dns.AAAA:
		return true
	}
	return false
}

// Address returns the address in an A or AAAA record. ok reports whether rr is such a record, and
// ip4 whether it is an A record.
func Address(rr dns.RR) (a ipaddr.Addr, ip4, ok bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return ipaddr.From4Bytes(rr.A), true, true
	case *dns.AAAA:
		return ipaddr.From16Bytes(rr.AAAA), false, true
	}
	return ipaddr.Addr{}, false, false
}

// addressOf returns the address in an A or AAAA record; the zero Addr for another record.
func addressOf(rr dns.RR) ipaddr.Addr {
	a, _, _ := Address(rr)
	return a
}
