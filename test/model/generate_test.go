package model

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// A testCase is what one seed makes: a Corefile with its zones and topology files, and the clients
// that ask.
type testCase struct {
	seed    uint64
	rnd     *rand.Rand
	blocks  []*block
	clients []netip.Addr // with their near and far addresses, all else is drawn from around them
}

// A block is a server block for one zone.
type block struct {
	zone     string
	source   source
	policies map[string]*contract.Policy // by the ZONES of the directive
	records  []string                    // of the zone file
	hosts    []string                    // lines of the hosts plugin
	template []string                    // names of templates that put addresses before their alias
	answers  map[string][]string         // of the templates, by name
	names    []string                    // with addresses
	fitting  []string                    // those whose addresses fit into any datagram
	asked    []question
}

// A source says where the answers of a block come from.
type source struct {
	forward  bool // the reference server is asked, instead of the zone file being read
	shuffles bool // and it shuffles
	cache    bool
}

// A question is what a query asks for.
type question struct {
	name  string
	qtype uint16
}

// sizes are those of RRsets at which something may change in a server: the width of a byte, the
// size of a block of memory, the length from which another way to sort is taken.
var sizes = []int{2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 49, 50, 51, 63, 64, 65, 127, 128, 129}

// largeSizes are more of them. An answer of 4,000 addresses fills a message over TCP.
var largeSizes = []int{254, 255, 256, 257, 258, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 3999, 4000}

// newCase returns the case of a seed.
func newCase(seed uint64) *testCase {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	c := &testCase{seed: seed, rnd: rand.New(rand.NewChaCha8(key))}
	for range 3 + c.rnd.IntN(4) {
		c.clients = append(c.clients, c.anyAddress(c.chance(0.7)))
	}
	for i := range c.clients { // some are neighbours
		if c.chance(0.5) {
			c.clients = append(c.clients, c.near(c.clients[i]))
		}
	}
	for i := range 1 + c.rnd.IntN(3) {
		c.blocks = append(c.blocks, c.newBlock(fmt.Sprintf("z%d.c%d.test.", i, seed)))
	}
	for _, b := range c.blocks {
		c.addAliases(b)
		c.addPolicies(b)
	}
	return c
}

func (c *testCase) chance(p float64) bool { return c.rnd.Float64() < p }

func pick[T any](c *testCase, list []T) T { return list[c.rnd.IntN(len(list))] }

// anyAddress returns a random address of a family.
func (c *testCase) anyAddress(ip4 bool) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(c.rnd.Uint32())
	}
	if ip4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	b[0], b[1] = 0x20, 0x01
	return netip.AddrFrom16(b)
}

// near returns a random address that shares a random number of leading bits with a.
func (c *testCase) near(a netip.Addr) netip.Addr {
	shared := c.rnd.IntN(a.BitLen() + 1)
	b, r := a.AsSlice(), c.anyAddress(a.Is4()).AsSlice()
	for i := shared; i < a.BitLen(); i++ {
		mask := byte(0x80) >> (i % 8)
		b[i/8] = b[i/8]&^mask | r[i/8]&mask
	}
	near, _ := netip.AddrFromSlice(b)
	return near
}

// network returns a random network around a, often one of a usual length.
func (c *testCase) network(a netip.Addr) netip.Prefix {
	length := c.rnd.IntN(a.BitLen() + 1)
	if c.chance(0.6) {
		length = pick(c, []int{8, 12, 16, 20, 24, 28}) * a.BitLen() / 32
	}
	return netip.PrefixFrom(a, length).Masked()
}

// someNetworks returns different networks around the clients and around addresses near them.
func (c *testCase) someNetworks(n int) (all []netip.Prefix) {
	for range n {
		around := pick(c, c.clients)
		if c.chance(0.5) {
			around = c.near(around)
		}
		if net := c.network(around); !slices.Contains(all, net) {
			all = append(all, net)
		}
	}
	return all
}

// size returns how many addresses an RRset has.
func (c *testCase) size(large bool) int {
	switch {
	case large:
		return pick(c, largeSizes)
	case c.chance(0.8):
		return 1 + c.rnd.IntN(7)
	}
	return pick(c, sizes)
}

// addresses returns n different addresses of a family, most of them near clients.
func (c *testCase) addresses(n int, ip4 bool) (all []netip.Addr) {
	var around []netip.Addr
	for _, client := range c.clients {
		if client.Is4() == ip4 {
			around = append(around, client)
		}
	}
	seen := map[netip.Addr]bool{}
	for len(all) < n {
		a := c.anyAddress(ip4)
		if len(around) > 0 && c.chance(0.7) {
			a = c.near(pick(c, around))
		}
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

// newBlock returns a block whose zone has names with addresses, and records of other types.
func (c *testCase) newBlock(zone string) *block {
	b := &block{zone: zone, answers: map[string][]string{}}
	if c.chance(0.3) {
		b.source = source{forward: true, shuffles: c.chance(0.5)}
	}
	b.source.cache = c.chance(0.25)
	b.add("@ SOA ns.%s host.%[1]s 1 7200 1800 86400 60", zone)
	for i := range 2 + c.rnd.IntN(5) {
		name := fmt.Sprintf("n%d.%s", i, zone)
		if c.chance(0.3) {
			name = "sub." + zone
			name = fmt.Sprintf("n%d.%s", i, name)
		}
		c.addHost(b, name, i == 0 && c.chance(0.15))
	}
	small := b.names[1:] // the first one may be too large for the additional section
	if c.chance(0.3) {
		n0, n1 := pick(c, small), pick(c, small)
		b.add("@ NS %s", n0)
		if n1 != n0 {
			b.add("@ NS %s", n1)
		}
		b.ask(zone, dns.TypeNS)
	} else {
		b.add("@ NS ns.%s", zone)
		b.add("ns.%s A 192.0.2.53", zone)
	}
	for i := range c.rnd.IntN(3) {
		name := fmt.Sprintf("m%d.%s", i, zone)
		for j, target := range c.some(small) {
			b.add("%s MX %d %s", name, j%2, target)
		}
		b.ask(name, dns.TypeMX)
		name = fmt.Sprintf("_s._tcp.m%d.%s", i, zone)
		for j, target := range c.some(small) {
			b.add("%s SRV %d 1 %d %s", name, j%2, 80+c.rnd.IntN(3), target)
		}
		b.ask(name, dns.TypeSRV)
	}
	if c.chance(0.3) {
		for i := range c.size(false) {
			b.add("txt.%s TXT %q", zone, fmt.Sprintf("%d of %d", i, c.rnd.IntN(1000)))
			b.add("ptr.%s PTR p%d.%s", zone, c.rnd.IntN(1000)*100+i, zone)
		}
		b.ask("txt."+zone, dns.TypeTXT)
		b.ask("ptr."+zone, dns.TypePTR)
	}
	b.ask("nothing."+zone, dns.TypeA)
	b.ask(b.names[0], dns.TypeCAA)
	if !b.source.forward {
		c.addHosts(b)
		c.addTemplates(b)
	}
	return b
}

// some returns different values of a list, in random order.
func (c *testCase) some(list []string) []string {
	n := 1 + c.rnd.IntN(len(list))
	var all []string
	for _, i := range c.rnd.Perm(len(list))[:n] {
		all = append(all, list[i])
	}
	return all
}

func (b *block) add(format string, args ...any) {
	b.records = append(b.records, fmt.Sprintf(format, args...))
}

func (b *block) ask(name string, qtype uint16) { b.asked = append(b.asked, question{name, qtype}) }

// addHost gives a name A and AAAA records in random order, and sometimes signatures. The plugin
// file of CoreDNS 1.15.0 has a data race where it answers with signatures, with ordering or
// without.
func (c *testCase) addHost(b *block, name string, large bool) {
	b.names = append(b.names, name)
	var lines []string
	fits := true
	for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		n := c.size(large)
		if rrtype == dns.TypeAAAA {
			n = min(n, 2300) // so that they fit into a message
		}
		fits = fits && n <= 6
		for _, a := range c.addresses(n, rrtype == dns.TypeA) {
			lines = append(lines, fmt.Sprintf("%s %s %v", name, dns.TypeToString[rrtype], a))
		}
		b.ask(name, rrtype)
		if c.chance(0.1) && !systemtest.Raced() {
			b.add("%s RRSIG %s 13 4 300 20400101000000 20200101000000 1 %s AAAA",
				name, dns.TypeToString[rrtype], b.zone)
		}
	}
	c.rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	b.records = append(b.records, lines...)
	if fits {
		b.fitting = append(b.fitting, name)
	}
}

// addHosts gives names addresses by the plugin hosts.
func (c *testCase) addHosts(b *block) {
	for i := range c.rnd.IntN(3) {
		name := fmt.Sprintf("h%d.%s", i, b.zone)
		for _, a := range c.addresses(c.size(false), true) {
			b.hosts = append(b.hosts, fmt.Sprintf("%v %s", a, name))
		}
		b.ask(name, dns.TypeA)
	}
}

// addTemplates makes names whose answers have their records in any order, aliases too.
func (c *testCase) addTemplates(b *block) {
	for i := range c.rnd.IntN(3) {
		name, end := fmt.Sprintf("t%d.%s", i, b.zone), fmt.Sprintf("end%d.%s", i, b.zone)
		middle := fmt.Sprintf("middle%d.%s", i, b.zone)
		lines := []string{name + " 60 IN CNAME " + middle, middle + " 60 IN CNAME " + end}
		for _, a := range c.addresses(1+c.rnd.IntN(5), true) {
			lines = append(lines, fmt.Sprintf("%s 60 IN A %v", end, a))
		}
		for _, a := range c.addresses(c.rnd.IntN(3), true) {
			lines = append(lines, fmt.Sprintf("other%s 60 IN A %v", end, a))
		}
		c.rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		b.template = append(b.template, name)
		b.answers[name] = lines
		b.ask(name, dns.TypeA)
	}
}

// addAliases adds aliases to names of this block and of others, and aliases of aliases. For one
// that leads to another block, CoreDNS asks itself, over UDP if the client does. What does not fit
// into a datagram then is lost before ordering sees it, so the addresses of such an alias are few.
func (c *testCase) addAliases(b *block) {
	for i := range c.rnd.IntN(4) {
		target := pick(c, b.names)
		if other := pick(c, c.blocks); len(other.fitting) > 0 && c.chance(0.5) {
			target = pick(c, other.fitting)
		}
		if i > 0 && c.chance(0.4) {
			target = fmt.Sprintf("a%d.%s", i-1, b.zone)
		}
		name := fmt.Sprintf("a%d.%s", i, b.zone)
		b.add("%s CNAME %s", name, target)
		b.ask(name, dns.TypeA)
		b.ask(name, dns.TypeAAAA)
	}
}

// addPolicies gives a block one directive or several.
func (c *testCase) addPolicies(b *block) {
	zones := []string{b.zone}
	if c.chance(0.3) {
		zones = append(zones, "sub."+b.zone)
	}
	if c.chance(0.3) {
		zones = append(zones, pick(c, b.names))
	}
	if len(zones) > 1 && c.chance(0.3) {
		zones = zones[1:] // nothing for the rest of the block
	}
	b.policies = map[string]*contract.Policy{}
	for _, zone := range zones {
		b.policies[zone] = c.newPolicy()
	}
}
