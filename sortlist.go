package ordering

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// A sortlist is BIND's: statements of which the first that holds the client says which addresses it prefers (BIND 9.18
// Administrator Reference Manual, "The sortlist Statement"). It is immutable.
type sortlist struct {
	clients    *bart.Table[int] // network → the first statement that holds it
	statements []*preference
}

// A statement is one sortlist line of the Corefile.
type statement struct {
	clients []netip.Prefix
	words   []word
}

// A word of a preference is one rank: an address in any of its networks has it.
type word struct {
	networks []netip.Prefix
	negated  bool // after everything that is not listed
}

// A preference gives addresses their rank: the listed in the order of the words, then what no word holds, then the negated,
// the earlier in the list the later.
type preference struct {
	words   *bart.Table[int] // network → the first word that holds it
	negated []bool           // by word
}

// newSortlist returns the sort list of these statements, in Corefile order. It keeps none of its argument.
func newSortlist(statements []statement) *sortlist {
	clients := make([][]netip.Prefix, len(statements))
	l := &sortlist{statements: make([]*preference, len(statements))}
	for i, st := range statements {
		clients[i] = st.clients
		l.statements[i] = newPreference(st)
	}
	l.clients = firstHolders(clients)
	return l
}

func newPreference(st statement) *preference {
	p := &preference{negated: make([]bool, len(st.words))}
	networks := make([][]netip.Prefix, len(st.words))
	for i, w := range st.words {
		networks[i], p.negated[i] = w.networks, w.negated
	}
	p.words = firstHolders(networks)
	return p
}

// firstHolders returns a table that finds for an address the first of the lists with a network that holds it. What the
// longest prefix says in it is what a search from front to back would find, so that a look-up costs the same however many
// lists there are.
func firstHolders(lists [][]netip.Prefix) *bart.Table[int] {
	named := new(bart.Table[int]) // network → the first list that names it
	for i, networks := range lists {
		for _, n := range networks {
			if _, ok := named.Get(n); !ok {
				named.Insert(n, i)
			}
		}
	}
	first := new(bart.Table[int])
	for n, i := range named.All() {
		for _, wider := range named.Supernets(n) {
			i = min(i, wider)
		}
		first.Insert(n, i)
	}
	return first
}

// find returns the preference of the first statement that holds client; nil if none does.
func (l *sortlist) find(client netip.Addr) *preference {
	if i, ok := l.clients.Lookup(client); ok {
		return l.statements[i]
	}
	return nil
}

// scope returns the shortest prefix length around client that one statement decides for whole.
func (l *sortlist) scope(client netip.Addr) int {
	for bits := range client.BitLen() {
		if !finer(l.clients, netip.PrefixFrom(client, bits).Masked()) {
			return bits
		}
	}
	return client.BitLen()
}

// finer reports whether t has a prefix inside n that is longer than n.
func finer(t *bart.Table[int], n netip.Prefix) bool {
	for p := range t.Subnets(n) {
		if p.Bits() > n.Bits() {
			return true
		}
	}
	return false
}

// ranks returns how many ranks p tells apart, that of what is not listed included.
func (p *preference) ranks() int { return 2*len(p.negated) + 1 }

// rank returns the rank of an address; 0 is the first.
func (p *preference) rank(a netip.Addr) uint32 {
	n := len(p.negated)
	w, ok := p.words.Lookup(a)
	switch {
	case !ok:
		return uint32(n)
	case p.negated[w]:
		return uint32(2*n - w)
	}
	return uint32(w)
}
