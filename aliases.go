package ordering

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

// isAddress reports whether rr is an A or AAAA record.
func isAddress(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.A, *dns.AAAA:
		return true
	}
	return false
}

// repairAliases returns out, the answer section in with its addresses in order, so that every alias stands in front of the
// addresses that it leads to, in chain order: glibc's resolver and others read an answer from front to back and fail on an
// alias that comes late. Aliases and addresses share out the places that they hold already; all else stays. qname is the
// question's name, where the first chain starts. out is in, and then not written to, as long as nothing has moved.
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
		if !reached[end] { // a thousand aliases may lead to one name with a thousand addresses
			reached[end] = true
			addresses = append(addresses, g.addresses[end]...)
		}
	}
	slices.Sort(addresses)
	return rearranged(in, out, append(order, addresses...))
}

// rearranged returns out with the records at the places in order moved among these places, into that order.
func rearranged(in, out []dns.RR, order []int) []dns.RR {
	places := slices.Sorted(slices.Values(order))
	if slices.Equal(order, places) {
		return out
	}
	if &out[0] == &in[0] {
		out = slices.Clone(in)
	}
	records := make([]dns.RR, len(order))
	for i, place := range order {
		records[i] = out[place]
	}
	for i, place := range places {
		out[place] = records[i]
	}
	return out
}

// inChainOrder reports whether the aliases of answer are one chain from qname, in order and in front of all addresses.
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

// An aliasGraph is what an answer says about where names lead. Names are in lower case; places are indexes of the answer.
type aliasGraph struct {
	cnames, dnames map[string]alias
	addresses      map[string][]int // owner → places
	owners         []string         // of the aliases, in the order of the answer
	ends           []string         // of the chains so far
}

type alias struct {
	place  int
	target string
	chain  int // that it belongs to, counted from 1; 0 for none yet
}

func newAliasGraph(answer []dns.RR) *aliasGraph {
	g := &aliasGraph{cnames: map[string]alias{}, dnames: map[string]alias{}, addresses: map[string][]int{}}
	for i, rr := range answer {
		owner := strings.ToLower(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.A, *dns.AAAA:
			g.addresses[owner] = append(g.addresses[owner], i)
		case *dns.CNAME:
			g.add(g.cnames, owner, alias{place: i, target: strings.ToLower(rr.Target)})
		case *dns.DNAME:
			g.add(g.dnames, owner, alias{place: i, target: strings.ToLower(rr.Target)})
		}
	}
	return g
}

func (g *aliasGraph) add(aliases map[string]alias, owner string, a alias) {
	if _, twice := aliases[owner]; !twice { // a second alias of one owner is against RFC 2181, section 10.1: left alone
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

// chain returns the places of the aliases that lead from name on, in chain order, up to where an earlier chain goes on, and
// the name where they end.
func (g *aliasGraph) chain(name string) (places []int, end string) {
	places, end = g.follow(strings.ToLower(name), len(g.ends)+1)
	g.ends = append(g.ends, end)
	return places, end
}

func (g *aliasGraph) follow(name string, number int) (places []int, end string) {
	for {
		suffix, subtree := g.dnameAbove(name)
		if subtree {
			places = append(places, join(g.dnames, suffix, number))
		}
		switch c, ok := g.cnames[name]; {
		case ok && c.chain == 0:
			places = append(places, join(g.cnames, name, number))
			name = c.target
		case ok && c.chain < number:
			return places, g.ends[c.chain-1]
		case subtree: // a DNAME whose CNAME was not synthesized, RFC 6672 section 3.1
			name = strings.TrimSuffix(name, suffix) + strings.TrimPrefix(g.dnames[suffix].target, ".")
			if _, ok := dns.IsDomainName(name); !ok {
				return places, "" // longer than names may be, RFC 6672 section 2.2: it leads nowhere
			}
		default:
			return places, name
		}
	}
}

// dnameAbove returns the owner of the nearest DNAME above name that belongs to no chain yet.
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

// join makes the alias of owner part of a chain, so that a loop of aliases ends, and returns its place.
func join(aliases map[string]alias, owner string, chain int) int {
	a := aliases[owner]
	a.chain = chain
	aliases[owner] = a
	return a.place
}
