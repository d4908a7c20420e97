package differential

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// A sortList is a sort list that can be written in the syntax of each server.
type sortList []statement

// A statement says which addresses its clients prefer. Without words, they prefer the networks in
// clients.
type statement struct {
	clients networks
	words   []word
	short   bool // write it in the shortest form that BIND has
}

// A word is one rank.
type word struct {
	networks networks
	negated  bool
}

// networks is a list of networks. An empty list contains every address.
type networks []netip.Prefix

func (n networks) contains(a netip.Addr) bool {
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return len(n) == 0
}

// corefile returns l as properties of an ordering block.
func (l sortList) corefile() string {
	var b strings.Builder
	for _, st := range l {
		fmt.Fprintf(&b, "sortlist %s", st.clients.corefile())
		for _, w := range st.words {
			b.WriteString(" ")
			if w.negated {
				b.WriteString("!")
			}
			b.WriteString(w.networks.corefile())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (n networks) corefile() string {
	if len(n) == 0 {
		return "any"
	}
	return n.join(",")
}

func (n networks) join(separator string) string {
	words := make([]string, len(n))
	for i, p := range n {
		words[i] = p.String()
	}
	return strings.Join(words, separator)
}

// named returns l as BIND's sortlist statement, or "" if l is empty.
func (l sortList) named() string {
	if len(l) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("sortlist {\n")
	for _, st := range l {
		switch clients := st.clients.named(); {
		case len(st.words) == 0 && st.short && len(st.clients) < 2:
			fmt.Fprintf(&b, "  %s;\n", clients) // a bare element
		case len(st.words) == 0:
			fmt.Fprintf(&b, "  { %s; };\n", clients)
		case len(st.words) == 1 && st.short && !st.words[0].negated && len(st.words[0].networks) == 1:
			fmt.Fprintf(&b, "  { %s; %s; };\n", clients, st.words[0].networks.named()) // a bare second element
		default:
			fmt.Fprintf(&b, "  { %s; {", clients)
			for _, w := range st.words {
				if w.negated {
					b.WriteString(" !")
				}
				fmt.Fprintf(&b, " %s;", w.networks.named())
			}
			b.WriteString(" }; };\n")
		}
	}
	b.WriteString("};\n")
	return b.String()
}

func (n networks) named() string {
	switch len(n) {
	case 0:
		return "any"
	case 1:
		return n[0].String()
	}
	return "{ " + n.join("; ") + "; }"
}

// lua returns l as calls of addSortList. No client network may be in l twice, and l may contain
// neither negated words nor empty lists of networks.
func (l sortList) lua() string {
	var b strings.Builder
	for _, st := range l {
		words := st.words
		if len(words) == 0 {
			words = []word{{networks: st.clients}}
		}
		for _, client := range st.clients {
			fmt.Fprintf(&b, "addSortList(%q, {", client)
			for _, w := range words {
				fmt.Fprintf(&b, ` {"%s"},`, w.networks.join(`", "`))
			}
			b.WriteString(" })\n")
		}
	}
	return b.String()
}

// A generator makes random sort lists, addresses and clients. They come from so few networks that
// sort lists often match.
type generator struct{ *rand.Rand }

// client returns a random loopback address for a client.
func (g generator) client() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(g.IntN(4)), byte(g.IntN(4)), byte(1 + g.IntN(4))})
}

// clientOf returns a random loopback address in the clients of st, if those have one.
func (g generator) clientOf(st statement) netip.Addr {
	a := g.client().As4()
	if len(st.clients) > 0 {
		p := st.clients[g.IntN(len(st.clients))]
		for i, b := range p.Addr().As4() {
			mask := ^byte(0) << (8 - min(8, max(0, p.Bits()-8*i)))
			a[i] = a[i]&^mask | b&mask
		}
		a[0] = 127
	}
	return netip.AddrFrom4(a)
}

// address returns a random address for a record.
func (g generator) address(ip6 bool) netip.Addr {
	if ip6 {
		a := netip.MustParseAddr("2001:db8::").As16()
		a[5], a[7], a[15] = byte(g.IntN(3)), byte(g.IntN(3)), byte(g.IntN(4))
		return netip.AddrFrom16(a)
	}
	first := []byte{10, 127, 192}[g.IntN(3)]
	return netip.AddrFrom4([4]byte{first, byte(g.IntN(4)), byte(g.IntN(4)), byte(1 + g.IntN(4))})
}

// around returns a random network that contains a.
func (g generator) around(a netip.Addr) netip.Prefix {
	lengths := []int{0, 8, 9, 14, 15, 16, 16, 22, 23, 24, 24, 30, 31, 32}
	if a.Is6() {
		lengths = []int{0, 3, 32, 46, 47, 47, 48, 48, 62, 63, 64, 127, 128}
	}
	p, err := a.Prefix(lengths[g.IntN(len(lengths))])
	if err != nil {
		panic(err)
	}
	return p
}

// someNetworks returns one network or more that contain addresses from draw. Sometimes it returns
// the empty list, which contains every address.
func (g generator) someNetworks(draw func() netip.Addr) networks {
	if g.IntN(25) == 0 {
		return nil
	}
	n := networks{g.around(draw())}
	for g.IntN(3) == 0 {
		n = append(n, g.around(draw()))
	}
	return n
}

// sortList returns a random sort list with every feature that both BIND and ordering have.
func (g generator) sortList() sortList {
	l := make(sortList, g.IntN(5))
	for i := range l {
		st := statement{clients: g.someNetworks(g.client), short: g.IntN(2) == 0}
		for range g.IntN(7) {
			st.words = append(st.words, word{
				networks: g.someNetworks(func() netip.Addr { return g.address(g.IntN(2) == 0) }),
				negated:  g.IntN(4) == 0,
			})
		}
		l[i] = st
	}
	return l
}

// A question is an owner name and its addresses.
type question struct {
	owner     string // below the zone "example."
	addresses []netip.Addr
}

// question returns an owner name with up to 8 different addresses of each family.
func (g generator) question(owner string) question {
	q := question{owner: owner}
	seen := map[netip.Addr]bool{}
	for i := range 16 {
		a := g.address(i%2 == 0)
		if !seen[a] {
			seen[a] = true
			q.addresses = append(q.addresses, a)
		}
	}
	return q
}

// zone returns the zone "example." with the addresses of these questions.
func zone(questions []question) string {
	var b strings.Builder
	b.WriteString("$ORIGIN example.\n$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 300\n@ NS ns\nns A 127.0.0.1\n")
	for _, q := range questions {
		for _, a := range q.addresses {
			rrtype := "A"
			if a.Is6() {
				rrtype = "AAAA"
			}
			fmt.Fprintf(&b, "%s %s %v\n", q.owner, rrtype, a)
		}
	}
	return b.String()
}
