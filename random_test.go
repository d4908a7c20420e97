package ordering

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// oneOf returns one of words at random.
func oneOf[T any](rnd *rand.Rand, words ...T) T { return words[rnd.IntN(len(words))] }

// codeSizes are the sizes of RRsets and sections on both sides of every number of records at which
// package rrset takes another branch: a slice of its own (32), a new block (256), and the number of
// its counters (256).
var codeSizes = []int{2, 3, 31, 32, 33, 255, 256, 257}

// maxSize is the size of the largest random section.
const maxSize = 4000

// randomSize returns a number of records: mostly small, sometimes one of codeSizes, and sometimes
// any number up to maxSize.
func randomSize(rnd *rand.Rand) int {
	switch n := rnd.IntN(40); {
	case n == 0:
		return rnd.IntN(maxSize + 1)
	case n < 5:
		return oneOf(rnd, codeSizes...)
	}
	return rnd.IntN(13)
}

// neighbourhood has addresses of every class and of both families. Random addresses share leading
// bits with them, so that random networks contain several of them.
var neighbourhood = []string{
	"10.0.0.1", "10.128.7.9", "127.0.1.1", "128.0.0.0", "172.16.22.4", "191.255.255.255", "192.168.1.27",
	"223.255.255.1", "224.0.0.5", "240.1.2.3", "2001:db8::1", "2001:db8:0:1::7", "fe80::1", "ff02::1", "::1",
}

// randomAddr returns an address that shares a random number of leading bits with an address of the
// neighbourhood.
func randomAddr(rnd *rand.Rand) netip.Addr {
	b := netip.MustParseAddr(oneOf(rnd, neighbourhood...)).AsSlice()
	for bit := rnd.IntN(8*len(b) + 1); bit < 8*len(b); bit++ {
		if rnd.IntN(2) == 0 {
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
	return addrOf(b)
}

// anyAddr returns an address of either family, all equally likely.
func anyAddr(rnd *rand.Rand) netip.Addr {
	b := make([]byte, oneOf(rnd, 4, 16))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return addrOf(b)
}

// addrOf returns the address in b, which has 4 or 16 bytes. It returns another one for an
// IPv4-mapped address, which no client has, and which is the IPv4 address in a network.
func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	if a.Is4In6() {
		return netip.MustParseAddr("2001:db8::2")
	}
	return a
}

// randomAddrs returns a function that returns the addresses of one section. They are in the
// neighbourhood, anywhere, one after the other, or they differ in a few bytes only.
func randomAddrs(rnd *rand.Rand) func() netip.Addr {
	next := randomAddr(rnd)
	length := len(next.AsSlice())
	first, second := rnd.IntN(length), rnd.IntN(length)
	switch rnd.IntN(5) {
	case 0:
		return func() netip.Addr { return anyAddr(rnd) }
	case 1:
		return func() netip.Addr {
			if next = next.Next(); !next.IsValid() {
				next = randomAddr(rnd)
			}
			return next
		}
	case 2, 3:
		return func() netip.Addr {
			b := next.AsSlice()
			b[first] = byte(rnd.Uint32())
			if rnd.IntN(2) == 0 {
				b[second] = byte(rnd.Uint32())
			}
			return addrOf(b)
		}
	}
	return func() netip.Addr { return randomAddr(rnd) }
}

// inside returns an address of a network: one of the neighbourhood, or the first or last address, or
// any.
func inside(rnd *rand.Rand, n netip.Prefix) netip.Addr {
	if a := randomAddr(rnd); n.Contains(a) {
		return a
	}
	b := n.Addr().AsSlice()
	fill := oneOf(rnd, "zeros", "ones", "any")
	for bit := n.Bits(); bit < 8*len(b); bit++ {
		if fill == "ones" || fill == "any" && rnd.IntN(2) == 0 {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// randomNetwork returns a network around an address of the neighbourhood, or now and then anywhere.
func randomNetwork(rnd *rand.Rand) netip.Prefix {
	a := randomAddr(rnd)
	if rnd.IntN(8) == 0 {
		a = anyAddr(rnd)
	}
	return netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1)).Masked()
}

// randomNetworks returns a word of a sort list.
func randomNetworks(rnd *rand.Rand) string {
	if rnd.IntN(10) == 0 {
		return "any"
	}
	words := make([]string, 1+rnd.IntN(3))
	for i := range words {
		words[i] = randomNetwork(rnd).String()
		if rnd.IntN(4) == 0 {
			words[i] = randomAddr(rnd).String()
		}
	}
	return strings.Join(words, ",")
}

// randomMask returns a mask in any notation.
func randomMask(rnd *rand.Rand) mask {
	n := rnd.IntN(33)
	notations := []string{fmt.Sprint("/", n), net.IP(net.CIDRMask(n, 32)).String()}
	if n&(n+1) != 0 { // the others are refused, because they can be DWORDs as well
		notations = append(notations, fmt.Sprint(n))
	}
	if n > 0 {
		hostBits := uint64(1)<<(32-n) - 1
		notations = append(notations, fmt.Sprintf("0x%08x", hostBits), fmt.Sprintf("0X%X", hostBits))
	}
	return mask{oneOf(rnd, notations...), n}
}

// randomConfig returns a configuration with a few of everything.
func randomConfig(rnd *rand.Rand) *config {
	c := &config{
		blind:     rnd.IntN(8) == 0,
		classless: rnd.IntN(3) == 0,
		turning:   oneOf(rnd, "on", "on", "off"),
		base:      oneOf(rnd, "auto", "received", "canonical"),
	}
	for range rnd.IntN(4) {
		if m := randomMask(rnd); !slices.ContainsFunc(c.masks, func(n mask) bool { return n.length == m.length }) {
			c.masks = append(c.masks, m)
		}
	}
	for range rnd.IntN(4) {
		if n := rnd.IntN(129); !slices.Contains(c.masks6, n) {
			c.masks6 = append(c.masks6, n)
		}
	}
	if rnd.IntN(2) == 0 {
		for range 1 + rnd.IntN(4) {
			statement := []string{randomNetworks(rnd)}
			for range rnd.IntN(5) {
				statement = append(statement, oneOf(rnd, "", "", "!")+randomNetworks(rnd))
			}
			c.sortlist = append(c.sortlist, statement)
		}
	}
	if rnd.IntN(2) == 0 {
		locations := []string{"r0/z0/n0", "r0/z0/n1", "r0/z1", "r0/z1/n2", "r1/z2/n3", "r1", "r1/z0/n0", "r2/z3"}
		c.topology = randomTopology(rnd, 1+rnd.IntN(8), locations)
	}
	return c
}

// randomTopology returns up to n networks, each once, with one of these locations each.
func randomTopology(rnd *rand.Rand, n int, locations []string) (lines []string) {
	networks := map[netip.Prefix]bool{}
	for range n {
		network := randomNetwork(rnd)
		if !networks[network] {
			networks[network] = true
			lines = append(lines, fmt.Sprint(network, " ", oneOf(rnd, locations...)))
		}
	}
	return lines
}

// deepConfig returns a configuration with a sort list of so many words, with locations of up to 8
// labels, and with a mask of every length. With words words it has (2·words+1)·9·33 tiers or more.
func deepConfig(rnd *rand.Rand, words int) *config {
	c := &config{turning: "on", base: oneOf(rnd, "received", "canonical"), sortlist: [][]string{{"any"}}}
	for range words {
		word := oneOf(rnd, "", "!") + randomNetworks(rnd)
		for strings.Contains(word, "any") || strings.Contains(word, "/0") {
			word = randomNetwork(rnd).String()
		}
		c.sortlist[0] = append(c.sortlist[0], word)
	}
	deepest := "a/b/c/d/e/f/g/h"
	locations := []string{deepest}
	for i := 1; i < len(deepest); i += 2 {
		locations = append(locations, deepest[:i], deepest[:i]+"/x")
	}
	c.topology = randomTopology(rnd, 200, locations[:len(locations)-1])
	for n := range 33 {
		c.masks = append(c.masks, mask{fmt.Sprint("/", n), n})
	}
	for n := range 129 {
		c.masks6 = append(c.masks6, n)
	}
	return c
}

// randomSection returns n records of RRsets whose records alternate: owners in mixed case, two
// classes, and types with an address and without. Some records are of types that are never ordered.
func randomSection(rnd *rand.Rand, n int) []dns.RR {
	in := make([]dns.RR, n)
	owners := []string{"a.example.org.", "A.Example.org.", "b.example.org.", "c.example.org."}[:1+rnd.IntN(4)]
	addr, others := randomAddrs(rnd), rnd.IntN(3) > 0
	for i := range in {
		owner := oneOf(rnd, owners...)
		kind := 9
		if others {
			kind = rnd.IntN(10)
		}
		switch kind {
		case 0:
			in[i] = record(fmt.Sprintf("%s 300 IN MX %d m%d.example.org.", owner, rnd.IntN(3), rnd.IntN(3)))
		case 1:
			in[i] = record(oneOf(rnd,
				owner+" 300 IN RRSIG A 8 2 3600 20300101000000 20200101000000 1 example.org. c2ln",
				owner+` 300 IN TXT "text"`,
				"example.org. 300 IN NS ns.example.org."))
		default:
			in[i] = randomAddress(rnd, owner, addr())
		}
	}
	return in
}

// randomAddress returns a record with this address. Half of the A records have 4 bytes, as those
// that were received from a network.
func randomAddress(rnd *rand.Rand, owner string, a netip.Addr) dns.RR {
	rr := address(owner, a)
	if a, ok := rr.(*dns.A); ok && rnd.IntN(2) == 0 {
		a.A = a.A[12:]
	}
	if rnd.IntN(10) == 0 {
		rr.Header().Class = dns.ClassCHAOS
	}
	return rr
}
