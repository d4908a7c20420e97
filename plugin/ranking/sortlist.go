package ranking

import (
	"net/netip"

	"github.com/coredns-ordering/ordering/internal/ipaddr"

	"github.com/gaissmai/bart"
)

// A Statement is one statement of a sort list as BIND has it: the clients that it is for and the
// networks that they prefer (BIND 9.18 Administrator Reference Manual, "The sortlist Statement").
type Statement struct {
	Clients    []netip.Prefix
	Preference []Word // the first is preferred most
	Line       int    // of the configuration, for Reason
	File       string // that Line is in; "": the one where the reader looks for it anyway
}

// A Word is one word of a preference. Every address in one of its networks has the same rank.
type Word struct {
	Networks []netip.Prefix
	Negated  bool // after all addresses that are not listed
}

// A sortlist finds the preference of a client: that of the first statement that holds it. It is
// immutable.
type sortlist struct {
	clients     *bart.Table[int] // network → the first statement that holds it
	preferences []*preference    // by statement

	boundaries4, boundaries6 boundaries // of clients, by family
}

// newSortlist returns the sort list of these statements. It keeps none of its argument.
func newSortlist(statements []Statement) *sortlist {
	clients := make([][]netip.Prefix, len(statements))
	l := &sortlist{preferences: make([]*preference, len(statements))}
	for i, st := range statements {
		clients[i] = st.Clients
		l.preferences[i] = newPreference(st.Preference)
		l.preferences[i].line, l.preferences[i].file = st.Line, st.File
	}
	l.clients = firstMatch(clients)
	l.boundaries4, l.boundaries6 = newBoundaries(l.clients)
	return l
}

// find returns the preference of the first statement that holds client; nil if none does.
func (l *sortlist) find(client netip.Addr) *preference {
	if i, ok := l.clients.Lookup(client); ok {
		return l.preferences[i]
	}
	return nil
}

// scope returns the length of the shortest prefix around client, which is IPv4 or not, in which
// find returns the same for every address.
func (l *sortlist) scope(client ipaddr.Addr, ip4 bool) int {
	if ip4 {
		return max(0, l.boundaries4.scope(client)-ipaddr.Offset4)
	}
	return l.boundaries6.scope(client)
}

// A preference gives addresses their rank: first the listed ones in the order of the words, then
// those that are not listed, then the negated ones, of which the last word's come first.
type preference struct {
	words   *bart.Table[int] // network → the first word that holds it
	negated []bool           // by word
	line    int              // of the statement
	file    string           // that line is in, as in Statement
}

func newPreference(words []Word) *preference {
	p := &preference{negated: make([]bool, len(words))}
	networks := make([][]netip.Prefix, len(words))
	for i, w := range words {
		networks[i], p.negated[i] = w.Networks, w.Negated
	}
	p.words = firstMatch(networks)
	return p
}

// ranks returns how many ranks p tells apart.
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

// word returns the word that gives its addresses this rank; listed is false for the rank of those
// that are in no word.
func (p *preference) word(rank uint32) (word int, listed bool) {
	n := len(p.negated)
	switch r := int(rank); {
	case r < n:
		return r, true
	case r > n:
		return 2*n - r, true
	}
	return 0, false
}

// firstMatch returns a table whose longest match for an address is the index of the first list
// that contains it. So a look-up costs the same however many lists there are.
func firstMatch(lists [][]netip.Prefix) *bart.Table[int] {
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
