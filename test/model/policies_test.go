package model

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// newPolicy returns a policy in which some properties have random values.
func (c *testCase) newPolicy() *contract.Policy {
	p := contract.Default()
	if c.chance(0.15) {
		return p
	}
	p.LocalNetPriority = !c.chance(0.15)
	if c.chance(0.4) {
		p.Netmask = c.lengths(32)
	}
	p.Classful = !c.chance(0.3)
	if c.chance(0.1) {
		p.Netmask, p.Classful = nil, true
	}
	if c.chance(0.4) {
		p.Netmask6 = c.lengths(128)
	}
	if c.chance(0.35) {
		p.RoundRobin = pick(c, []string{contract.Off, contract.Random, contract.Sticky})
	}
	p.RandomFirstTurn = c.chance(0.2) && p.RoundRobin == contract.On
	if c.chance(0.3) {
		p.BaseOrder = pick(c, []string{contract.Received, contract.Canonical})
	}
	if c.chance(0.2) {
		p.Types = c.types()
	}
	if c.chance(0.3) {
		p.Sortlist = c.sortlist()
	}
	if c.chance(0.3) {
		p.Topology = c.topology()
	}
	if c.chance(0.3) {
		for _, n := range c.someNetworks(1 + c.rnd.IntN(5)) {
			weight := pick(c, []int{0, 0, 1, 2, 2, 3, 4, 7, 20, 255})
			p.Weights = append(p.Weights, contract.Weight{Network: n, N: weight})
		}
	}
	if c.chance(0.25) {
		p.AnswerLimit = pick(c, []int{1, 2, 3, 4, 5, 8, 20, 1000})
	}
	if c.chance(0.4) {
		for range 1 + c.rnd.IntN(3) {
			if n := c.network(pick(c, c.clients)); !slices.Contains(p.ECS, n) {
				p.ECS = append(p.ECS, n)
			}
		}
	}
	return p
}

// lengths returns different lengths of masks, in any order.
func (c *testCase) lengths(most int) []int {
	n := 1 + c.rnd.IntN(4)
	if c.chance(0.05) {
		n = most
	}
	all := c.rnd.Perm(most)[:n]
	for i := range all {
		all[i]++
	}
	return all
}

// types returns different types.
func (c *testCase) types() []uint16 {
	all := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeSRV, dns.TypeNS, dns.TypeTXT, dns.TypePTR}
	c.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+c.rnd.IntN(len(all))]
}

// sortlist returns the statements of a sort list. Some have more words than a byte can count.
func (c *testCase) sortlist() (all []contract.Statement) {
	for range 1 + c.rnd.IntN(4) {
		var s contract.Statement
		s.Clients = c.someNetworks(1 + c.rnd.IntN(2))
		words := c.rnd.IntN(5)
		if c.chance(0.1) {
			s.Clients, words = contract.Any, words+1
		}
		if c.chance(0.05) {
			words = pick(c, []int{126, 127, 128, 129, 255, 256, 300})
		}
		for range words {
			w := contract.Word{Networks: c.someNetworks(1 + c.rnd.IntN(2)), Negated: c.chance(0.3)}
			if c.chance(0.05) {
				w.Networks = contract.Any
			}
			s.Words = append(s.Words, w)
		}
		all = append(all, s)
	}
	return all
}

// topology returns the lines of a topology file. Its locations have up to eight labels, and many of
// them begin alike.
func (c *testCase) topology() (all []contract.Place) {
	var labels []string
	for _, n := range c.someNetworks(1 + c.rnd.IntN(30)) {
		labels = slices.Clone(labels[:c.rnd.IntN(len(labels)+1)])
		for more := c.rnd.IntN(4); len(labels) < 8 && (more > 0 || len(labels) == 0); more-- {
			labels = append(labels, fmt.Sprintf("l%d", c.rnd.IntN(2)))
		}
		all = append(all, contract.Place{Network: n, Location: strings.Join(labels, "/")})
	}
	return all
}

// policyFor returns the policy for a name: that of the most specific zone. It is nil if there is
// none.
func (b *block) policyFor(name string) (found *contract.Policy) {
	longest := 0
	for zone, p := range b.policies {
		if dns.IsSubDomain(zone, name) && len(zone) > longest {
			found, longest = p, len(zone)
		}
	}
	return found
}

// blockOf returns the block that a name belongs to; nil if there is none.
func (c *testCase) blockOf(name string) *block {
	for _, b := range c.blocks {
		if dns.IsSubDomain(b.zone, name) {
			return b
		}
	}
	return nil
}

// canonicalBase reports whether turns start from the canonical order in the answer for name, which
// ends with the records of owner. An alias that leads out of the block is followed by another one,
// which makes no promise about the order.
func (b *block) canonicalBase(p *contract.Policy, owner string) bool {
	if p.BaseOrder != contract.Auto {
		return p.BaseOrder == contract.Canonical
	}
	return p.RoundRobin == contract.On && (b.source.forward || !dns.IsSubDomain(b.zone, owner))
}

// unknownBase reports whether the order of the records of owner, as received, is another one each
// time.
func (c *testCase) unknownBase(b *block, owner string) bool {
	other := c.blockOf(owner)
	return b.source.shuffles || other != nil && other.source.shuffles
}

// corefile returns the Corefile of the case. Without ordering it is that of the reference server.
// upstream and shuffler are the addresses that blocks forward to, and directory is where the files
// of the case are.
func (c *testCase) corefile(directory, upstream, shuffler string, ordered bool) string {
	var b strings.Builder
	for i, block := range c.blocks {
		fmt.Fprintf(&b, "%s {\n\tbind 127.0.0.1\n", block.zone)
		if ordered {
			b.WriteString("\tproxyproto {\n\t\tallow 127.0.0.1/32\n\t}\n")
			for j, zone := range slices.Sorted(maps.Keys(block.policies)) {
				lines := block.policies[zone].Lines(fmt.Sprintf("%s/topology%d-%d", directory, i, j))
				fmt.Fprintf(&b, "\tordering %s {\n\t\t%s\n\t}\n", zone, strings.Join(lines, "\n\t\t"))
			}
			if block.source.cache {
				b.WriteString("\tcache\n")
			}
		}
		for _, name := range block.template {
			fmt.Fprintf(&b, "\ttemplate IN A %s {\n", name)
			for _, line := range block.answers[name] {
				fmt.Fprintf(&b, "\t\tanswer %q\n", line)
			}
			b.WriteString("\t}\n")
		}
		if len(block.hosts) > 0 {
			fmt.Fprintf(&b, "\thosts {\n\t\t%s\n\t\tfallthrough\n\t}\n", strings.Join(block.hosts, "\n\t\t"))
		}
		switch {
		case ordered && block.source.forward && block.source.shuffles:
			fmt.Fprintf(&b, "\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n", shuffler)
		case ordered && block.source.forward:
			fmt.Fprintf(&b, "\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n", upstream)
		default:
			fmt.Fprintf(&b, "\tfile %s/zone%d\n}\n", directory, i)
		}
	}
	return b.String()
}

// zoneFile returns the text of the zone file of a block.
func (b *block) zoneFile() string {
	return fmt.Sprintf("$ORIGIN %s\n$TTL 3600\n%s\n", b.zone, strings.Join(b.records, "\n"))
}

// shuffling returns the Corefile of a server that forwards to upstream and shuffles.
func shuffling(upstream string) string {
	return ". {\n\tbind 127.0.0.1\n\tloadbalance\n\tforward . " + upstream + " {\n\t\tforce_tcp\n\t}\n}\n"
}

// unmapped returns the client that a source address stands for.
func unmapped(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
