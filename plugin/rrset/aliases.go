package rrset

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// isAlias reports whether rr leads from its owner to another name: CNAME (RFC 1034) or DNAME (RFC
// 6672).
func isAlias(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.CNAME, *dns.DNAME:
		return true
	}
	return false
}

// repairAliases returns out with every alias in front of the addresses that it leads to, in chain
// order. out is the answer section in with its RRsets in order, or in itself. repairAliases only
// reads in, and writes to out only if out is not in. Aliases and addresses move only among the
// indexes that they have; all other records stay. qname is the name of the question, where the
// first chain begins.
//
// Some resolvers, such as glibc's, read an answer from front to back and fail on an alias that
// comes after its addresses.
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

// reorder returns out with the records at these indexes in the order of the list: the record at the
// first index of the list moves to the lowest index, and so on. If out is in, it returns a copy.
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

// inChainOrder reports whether the aliases of answer are one chain from qname, in order and in
// front of all addresses.
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

// An aliasGraph says where the aliases of an answer lead. Names are in lower case.
type aliasGraph struct {
	cnames, dnames map[string]alias // by owner
	addresses      map[string][]int // owner → indexes in the answer
	owners         []string         // of the aliases, in the order of the answer
	ends           []string         // the name where chain 1 ends, that of chain 2, and so on
}

// An alias is a CNAME or DNAME of an answer. It belongs to one chain: the first that comes to it.
type alias struct {
	index  int // in the answer
	target string
	chain  int // the number of its chain, counted from 1; 0: none yet
}

// newAliasGraph returns the aliasGraph of an answer section.
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

// add adds an alias to g.cnames or g.dnames. If owner has one there already, which RFC 2181,
// section 10.1, forbids, add does nothing, and so the second one keeps its place.
func (g *aliasGraph) add(aliases map[string]alias, owner string, a alias) {
	if _, twice := aliases[owner]; !twice {
		aliases[owner] = a
		g.owners = append(g.owners, owner)
	}
}

// heads returns the owners of the aliases that no CNAME leads to: each begins a chain.
func (g *aliasGraph) heads() []string {
	targets := map[string]bool{}
	for _, a := range g.cnames {
		targets[a.target] = true
	}
	return slices.DeleteFunc(slices.Clone(g.owners), func(owner string) bool { return targets[owner] })
}

// chain makes a new chain of the aliases that lead on from name. It returns their indexes, in chain
// order, without those that an earlier chain has, and the name where the chain ends.
func (g *aliasGraph) chain(name string) (indexes []int, end string) {
	indexes, end = g.follow(strings.ToLower(name), len(g.ends)+1)
	g.ends = append(g.ends, end)
	return indexes, end
}

// follow adds the aliases from name on to the chain with this number, and returns what chain
// returns.
func (g *aliasGraph) follow(name string, number int) (indexes []int, end string) {
	for {
		suffix, subtree := g.dnameAbove(name)
		if subtree {
			indexes = append(indexes, addToChain(number, g.dnames, suffix))
		}
		switch c, ok := g.cnames[name]; {
		case ok && c.chain == 0:
			indexes = append(indexes, addToChain(number, g.cnames, name))
			name = c.target
		case ok && c.chain < number: // an earlier chain goes on from here
			return indexes, g.ends[c.chain-1]
		case subtree: // a DNAME whose CNAME was not synthesized (RFC 6672, section 3.1)
			name = strings.TrimSuffix(name, suffix) + strings.TrimPrefix(g.dnames[suffix].target, ".")
			if _, ok := dns.IsDomainName(name); !ok {
				return indexes, "" // too long for a name (RFC 6672, section 2.2): the chain leads to no address
			}
		default: // no alias, or a loop: a CNAME of this chain
			return indexes, name
		}
	}
}

// dnameAbove returns the owner of the nearest DNAME above name that no chain has yet; false if
// there is none.
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

// addToChain adds the alias of owner to a chain and returns its index. As an alias is in one chain
// only, following a loop of aliases ends.
func addToChain(chain int, aliases map[string]alias, owner string) int {
	a := aliases[owner]
	a.chain = chain
	aliases[owner] = a
	return a.index
}
