package rrset

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/miekg/dns"
)

// A canonicalSort sorts RRsets in canonical order: by the bytes of their RDATA (RFC 4034, section
// 6.3).
type canonicalSort struct {
	keys  []canonicalKey
	order []uint16
}

// A canonicalKey is a member of an RRset with its address.
type canonicalKey struct {
	addr   ipaddr.Addr
	member uint16
}

// sort returns the indexes of the records of set in canonical order, in memory that is valid until
// the next call. Records with the same RDATA stay as received. If the records are addresses in
// canonical order already, it returns nil.
func (c *canonicalSort) sort(set []dns.RR) []uint16 {
	if !isAddress(set[0]) {
		return c.sortByRdata(set)
	}
	if isCanonical(set) {
		return nil
	}
	c.keys = c.keys[:0]
	for i, rr := range set {
		c.keys = append(c.keys, canonicalKey{addressOf(rr), uint16(i)})
	}
	slices.SortFunc(c.keys, func(a, b canonicalKey) int {
		switch {
		case a.addr.Less(b.addr):
			return -1
		case b.addr.Less(a.addr):
			return 1
		}
		return cmp.Compare(a.member, b.member)
	})
	c.order = resize(c.order, len(set))
	for i, k := range c.keys {
		c.order[i] = k.member
	}
	return c.order
}

// isCanonical reports whether the addresses in set are in canonical order.
func isCanonical(set []dns.RR) bool {
	last := ipaddr.Addr{}
	for _, rr := range set {
		a := addressOf(rr)
		if a.Less(last) {
			return false
		}
		last = a
	}
	return true
}

// sortByRdata does what sort does, for records without an address. It packs each of them, and so
// allocates. Such types are ordered only if a configuration names them.
func (c *canonicalSort) sortByRdata(set []dns.RR) []uint16 {
	rdata := make([]string, len(set)) // in hexadecimal, which has the order of the bytes
	for i, rr := range set {
		var packed dns.RFC3597 // not dns.PackRR, which writes to the header of the record
		// A record that cannot be packed cannot be sent either, so its place does not matter.
		if err := packed.ToRFC3597(rr); err == nil {
			rdata[i] = packed.Rdata
		}
	}
	c.order = ascending(c.order, len(set))
	slices.SortStableFunc(c.order, func(a, b uint16) int { return strings.Compare(rdata[a], rdata[b]) })
	return c.order
}
