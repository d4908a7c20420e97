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

// repairAliases returns out, the answer section in with its addresses in order, so that every chain of aliases stands in
// front of the addresses that it leads to, in chain order: glibc's resolver and others read an answer from front to back and
// fail on an alias that comes late. Chain and addresses share out the places that they hold already; all else stays. qname
// is the question's name, where the first chain starts. out is in, and then not written to, as long as nothing has moved.
func repairAliases(in, out []dns.RR, qname string) []dns.RR {
	if inChainOrder(in, qname) {
		return out
	}
	g := newAliasGraph(in)
	for _, owner := range append([]string{qname}, g.heads()...) {
		out = g.repair(in, out, owner)
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
}

type alias struct {
	place  int
	target string
	passed bool // belongs to a chain already
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

// chain returns the places of the aliases that lead from name on, in chain order, and the name where they end.
func (g *aliasGraph) chain(name string) (places []int, end string) {
	name = strings.ToLower(name)
	for {
		suffix, subtree := g.dnameAbove(name)
		if subtree {
			places = append(places, g.pass(g.dnames, suffix).place)
		}
		switch c, ok := g.cnames[name]; {
		case ok && !c.passed:
			places = append(places, g.pass(g.cnames, name).place)
			name = c.target
		case subtree: // a DNAME whose CNAME was not synthesized, RFC 6672 section 3.1
			name = strings.TrimSuffix(name, suffix) + g.dnames[suffix].target
		default:
			return places, name
		}
	}
}

// dnameAbove returns the owner of the nearest DNAME above name that no chain has passed yet.
func (g *aliasGraph) dnameAbove(name string) (owner string, ok bool) {
	if len(g.dnames) == 0 {
		return "", false
	}
	for off, end := dns.NextLabel(name, 0); !end; off, end = dns.NextLabel(name, off) {
		if d, ok := g.dnames[name[off:]]; ok && !d.passed {
			return name[off:], true
		}
	}
	return "", false
}

// pass marks the alias of owner as part of a chain, so that a loop of aliases ends.
func (g *aliasGraph) pass(aliases map[string]alias, owner string) alias {
	a := aliases[owner]
	a.passed = true
	aliases[owner] = a
	return a
}

// repair returns out with the chain that starts at name in front of the addresses it leads to.
func (g *aliasGraph) repair(in, out []dns.RR, name string) []dns.RR {
	chain, end := g.chain(name)
	addresses := g.addresses[end]
	if len(chain) == 0 || len(addresses) == 0 {
		return out
	}
	order := slices.Concat(chain, addresses)
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
