package rrset

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// isAlias reports whether rr leads from its owner to another name: CNAME (RFC 1034) or DNAME (RFC 6672).
func isAlias(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.CNAME, *dns.DNAME:
		return true
	}
	return false
}

// repairAliases returns out with every alias in front of the addresses that it leads to, in chain
// order. glibc's resolver and others read an answer from front to back and fail on an alias that
// comes late. out is the answer section in with its addresses in order, or in itself, which is not
// written to. Aliases and addresses move only among the indexes that they have; all other records
// stay. qname is the name of the question, where the first chain starts.
func repairAliases(in, out []dns.RR, qname string) []dns.RR {
	if inChainOrder(in, qname) {
		return out
	}
	g, reached := newAliasGraph(in), map[string]bool{}
	var order, addresses []int
	for _, owner := range append([]string{qname}, g.heads()...) {
		chain, end := g.chain(owner)
		if len(chain) == 0 || len(g.addresses[end]) == 0 {
			continue
		}
		order = append(order, chain...)
		if !reached[end] { // once, as a thousand aliases may lead to one name with a thousand addresses
			reached[end] = true
			addresses = append(addresses, g.addresses[end]...)
		}
	}
	slices.Sort(addresses)
	return reorder(in, out, append(order, addresses...))
}

// reorder returns out with the records at these indexes moved among them, into the order of the
// indexes. It copies out if that is in.
func reorder(in, out []dns.RR, indexes []int) []dns.RR {
	ascending := slices.Sorted(slices.Values(indexes))
	if slices.Equal(indexes, ascending) {
		return out
	}
	if &out[0] == &in[0] {
		out = slices.Clone(in)
	}
	records := make([]dns.RR, len(indexes))
	for i, index := range indexes {
		records[i] = out[index]
	}
	for i, index := range ascending {
		out[index] = records[i]
	}
	return out
}

// inChainOrder reports whether the aliases of answer are one chain from qname, in order and in front
// of all addresses.
func inChainOrder(answer []dns.RR, qname string) bool {
	address := false
	for _, rr := range answer {
		switch rr := rr.(type) {
		case *dns.A, *dns.AAAA:
			address = true
		case *dns.CNAME:
			if address || !strings.EqualFold(rr.Hdr.Name, qname) {
				return false
			}
			qname = rr.Target
		case *dns.DNAME:
			if address || !dns.IsSubDomain(rr.Hdr.Name, qname) {
				return false
			}
		}
	}
	return true
}

// An aliasGraph says where the names of an answer lead. Names are in lower case.
type aliasGraph struct {
	cnames, dnames map[string]alias // by owner
	addresses      map[string][]int // owner → indexes in the answer
	owners         []string         // of the aliases, in the order of the answer
	ends           []string         // the name where each chain so far ends
}

type alias struct {
	index  int // in the answer
	target string
	chain  int // the chain that it belongs to, counted from 1; 0: none yet
}

func newAliasGraph(answer []dns.RR) *aliasGraph {
	g := &aliasGraph{cnames: map[string]alias{}, dnames: map[string]alias{}, addresses: map[string][]int{}}
	for i, rr := range answer {
		if rr == nil {
			continue
		}
		owner := strings.ToLower(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.A, *dns.AAAA:
			g.addresses[owner] = append(g.addresses[owner], i)
		case *dns.CNAME:
			g.add(g.cnames, owner, alias{index: i, target: strings.ToLower(rr.Target)})
		case *dns.DNAME:
			g.add(g.dnames, owner, alias{index: i, target: strings.ToLower(rr.Target)})
		}
	}
	return g
}

func (g *aliasGraph) add(aliases map[string]alias, owner string, a alias) {
	if _, twice := aliases[owner]; !twice { // RFC 2181, section 10.1, forbids a second one: it stays where it is
		aliases[owner] = a
		g.owners = append(g.owners, owner)
	}
}

// heads returns the owners of aliases that no other alias leads to.
func (g *aliasGraph) heads() []string {
	targets := map[string]bool{}
	for _, a := range g.cnames {
		targets[a.target] = true
	}
	return slices.DeleteFunc(slices.Clone(g.owners), func(owner string) bool { return targets[owner] })
}

// chain returns the indexes of the aliases that lead on from name, in chain order, and the name
// where they end. It leaves out those that an earlier chain has.
func (g *aliasGraph) chain(name string) (indexes []int, end string) {
	indexes, end = g.follow(strings.ToLower(name), len(g.ends)+1)
	g.ends = append(g.ends, end)
	return indexes, end
}

func (g *aliasGraph) follow(name string, number int) (indexes []int, end string) {
	for {
		suffix, subtree := g.dnameAbove(name)
		if subtree {
			indexes = append(indexes, join(g.dnames, suffix, number))
		}
		switch c, ok := g.cnames[name]; {
		case ok && c.chain == 0:
			indexes = append(indexes, join(g.cnames, name, number))
			name = c.target
		case ok && c.chain < number:
			return indexes, g.ends[c.chain-1]
		case subtree: // a DNAME whose CNAME was not synthesized (RFC 6672, section 3.1)
			name = strings.TrimSuffix(name, suffix) + strings.TrimPrefix(g.dnames[suffix].target, ".")
			if _, ok := dns.IsDomainName(name); !ok {
				return indexes, "" // too long for a name (RFC 6672, section 2.2): the chain leads to no address
			}
		default:
			return indexes, name
		}
	}
}

// dnameAbove returns the owner of the nearest DNAME above name that no chain has yet.
func (g *aliasGraph) dnameAbove(name string) (owner string, ok bool) {
	if len(g.dnames) == 0 {
		return "", false
	}
	for off, end := dns.NextLabel(name, 0); !end; off, end = dns.NextLabel(name, off) {
		if d, ok := g.dnames[name[off:]]; ok && d.chain == 0 {
			return name[off:], true
		}
	}
	return "", false
}

// join makes the alias of owner part of a chain, so that a loop of aliases ends, and returns its
// index.
func join(aliases map[string]alias, owner string, chain int) int {
	a := aliases[owner]
	a.chain = chain
	aliases[owner] = a
	return a.index
}
