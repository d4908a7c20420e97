package ordering

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A config is what a Corefile says. The methods below are the contract read slowly: everything is looked up from front to
// back, again for each address, in the words of the Corefile.
type config struct {
	blind     bool // local_net_priority off
	masks     []mask
	masks6    []int
	classless bool       // classful off
	sortlist  [][]string // CLIENTS PREFERENCE...
	topology  []string   // lines of the table
	weights   []string   // NETWORK N
	turning   string     // round_robin
	base      string     // base_order
	types     []string
	limit     int
}

// A mask is a length and how the Corefile writes it.
type mask struct {
	word   string
	length int
}

// corefile writes c down, and the table of its topology into dir.
func (c *config) corefile(tb testing.TB, dir string) string {
	var b strings.Builder
	line := func(words ...string) { fmt.Fprintf(&b, "\t%s\n", strings.Join(words, " ")) }
	b.WriteString("ordering {\n")
	if c.blind {
		line("local_net_priority off")
	}
	if len(c.masks) > 0 {
		words := []string{"netmask"}
		for _, m := range c.masks {
			words = append(words, m.word)
		}
		line(words...)
	}
	if len(c.masks6) > 0 {
		line("netmask6", strings.Trim(fmt.Sprint(c.masks6), "[]"))
	}
	if c.classless {
		line("classful off")
	}
	for _, s := range c.sortlist {
		line("sortlist", strings.Join(s, " "))
	}
	if len(c.topology) > 0 {
		path := filepath.Join(dir, "table")
		if err := os.WriteFile(path, []byte(strings.Join(c.topology, "\n")+"\n"), 0o644); err != nil {
			tb.Fatal(err)
		}
		line("topology", path)
	}
	for _, w := range c.weights {
		line("weight", w)
	}
	line("round_robin", c.turning)
	line("base_order", c.base)
	if len(c.types) > 0 {
		line("types", strings.Join(c.types, " "))
	}
	if c.limit > 0 {
		line("answer_limit", fmt.Sprint(c.limit))
	}
	b.WriteString("}\n")
	return b.String()
}

// farness says how far a is from client: the greater in the sense of slices.Compare, the farther.
func (c *config) farness(client, a netip.Addr) []int {
	return []int{c.listed(client, a), -c.sharedLabels(client, a), c.maskTier(client, a)}
}

// maskTier counts the masks under which client and a are not neighbours.
func (c *config) maskTier(client, a netip.Addr) int {
	lengths := map[int]bool{}
	switch {
	case !client.IsValid() || c.blind:
	case client.Is6():
		for _, n := range c.masks6 {
			lengths[n] = true
		}
		if len(c.masks6) == 0 {
			lengths[64], lengths[48] = true, true
		}
	default:
		for _, m := range c.masks {
			lengths[m.length] = true
		}
		if len(c.masks) == 0 {
			lengths[24] = true
		}
		if n := classLength(client); n > 0 && !c.classless {
			lengths[n] = true
		}
	}
	tier := 0
	for n := range lengths {
		if !netip.PrefixFrom(client, n).Masked().Contains(a) {
			tier++
		}
	}
	return tier
}

// classLength is the length of the classful network of an IPv4 address, 0 if it has none.
func classLength(client netip.Addr) int {
	networks := map[string]int{"0.0.0.0/1": 8, "128.0.0.0/2": 16, "192.0.0.0/3": 24}
	for network, n := range networks {
		if netip.MustParsePrefix(network).Contains(client) {
			return n
		}
	}
	return 0
}

// listed returns the place that the sort list gives to a.
func (c *config) listed(client, a netip.Addr) int {
	for _, s := range c.sortlist {
		if !anyHolds(s[0], client) {
			continue
		}
		words := s[1:]
		if len(words) == 0 {
			words = s[:1]
		}
		for i, w := range words {
			wanted, negated := strings.CutPrefix(w, "!")
			if anyHolds(wanted, a) {
				if negated {
					return 2*len(words) - i
				}
				return i
			}
		}
		return len(words)
	}
	return 0
}

// anyHolds reports whether one of the networks in list, which have commas between, holds a.
func anyHolds(list string, a netip.Addr) bool {
	for word := range strings.SplitSeq(list, ",") {
		if n, err := netip.ParsePrefix(word); err == nil && n.Contains(a) {
			return true
		}
		if word == "any" && a.IsValid() || word == a.String() {
			return true
		}
	}
	return false
}

// sharedLabels returns how many leading labels the locations of client and a have in common.
func (c *config) sharedLabels(client, a netip.Addr) int {
	here, there := c.location(client), c.location(a)
	n := 0
	for n < len(here) && n < len(there) && here[n] == there[n] {
		n++
	}
	return n
}

// location returns the labels that the longest prefix with a has.
func (c *config) location(a netip.Addr) (labels []string) {
	longest := -1
	a = a.Unmap()
	for _, line := range c.topology {
		network, location, _ := strings.Cut(line, " ")
		if n := netip.MustParsePrefix(network); n.Contains(a) && n.Bits() > longest {
			longest, labels = n.Bits(), strings.Split(location, "/")
		}
	}
	return labels
}

// ordered returns the tiers of an RRset, nearest first, each in the order that it has at this turn.
func (c *config) ordered(rrset []dns.RR, client netip.Addr, turn int, authoritative bool) (tiers [][]dns.RR) {
	rrset = slices.Clone(rrset)
	if c.base == "canonical" || c.base == "auto" && c.turning == "on" && !authoritative {
		slices.SortStableFunc(rrset, func(a, b dns.RR) int { return bytes.Compare(octetsIn(a), octetsIn(b)) })
	}
	far := map[dns.RR][]int{}
	for _, rr := range rrset {
		if a := addressIn(rr); a.IsValid() {
			far[rr] = c.farness(client, a)
		}
	}
	slices.SortStableFunc(rrset, func(a, b dns.RR) int { return slices.Compare(far[a], far[b]) })
	for len(rrset) > 0 {
		m := 1
		for m < len(rrset) && slices.Equal(far[rrset[m]], far[rrset[0]]) {
			m++
		}
		tier := slices.Clone(rrset[:m])
		if c.turning == "on" {
			tier = slices.Concat(tier[turn%m:], tier[:turn%m])
		}
		tiers, rrset = append(tiers, tier), rrset[m:]
	}
	return tiers
}

// kept returns the records of an ordered RRset that answer_limit leaves.
func (c *config) kept(tiers [][]dns.RR) []dns.RR {
	all := slices.Concat(tiers...)
	switch nearest := len(tiers[0]); {
	case c.limit == 0 || len(all) <= c.limit || !addressIn(all[0]).IsValid():
		return all
	case nearest >= c.limit && c.limit > 1 && len(tiers) > 1:
		return append(all[:c.limit-1:c.limit-1], tiers[1][0])
	}
	return all[:c.limit]
}

// section returns what becomes of a section at this turn.
func (c *config) section(in []dns.RR, client netip.Addr, turn int, authoritative bool) (out []dns.RR) {
	slots := map[string][]int{} // RRset → where its records stand
	for i, rr := range in {
		if c.orders(rr) {
			slots[rrsetOf(rr)] = append(slots[rrsetOf(rr)], i)
		}
	}
	to := slices.Clone(in)
	for _, places := range slots {
		var rrset []dns.RR
		for _, i := range places {
			rrset = append(rrset, in[i])
		}
		kept := c.kept(c.ordered(rrset, client, turn, authoritative))
		for i, place := range places {
			to[place] = nil
			if i < len(kept) {
				to[place] = kept[i]
			}
		}
	}
	for _, rr := range to {
		if rr != nil {
			out = append(out, rr)
		}
	}
	return out
}

func (c *config) orders(rr dns.RR) bool {
	types := c.types
	if len(types) == 0 {
		types = []string{"A", "AAAA"}
	}
	return slices.Contains(types, dns.TypeToString[rr.Header().Rrtype])
}

func rrsetOf(rr dns.RR) string {
	h := rr.Header()
	return fmt.Sprint(strings.ToLower(h.Name), h.Class, h.Rrtype)
}

// addressIn returns the address in rr, the zero Addr if it has none.
func addressIn(rr dns.RR) netip.Addr {
	var a netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		a, _ = netip.AddrFromSlice(rr.A)
		a = a.Unmap()
	case *dns.AAAA:
		a, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return a
}

// octetsIn returns the data of rr as it is sent.
func octetsIn(rr dns.RR) []byte {
	if a := addressIn(rr); a.IsValid() {
		return a.AsSlice()
	}
	wire := make([]byte, 1024)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return wire[n-int(rdlength(rr, n)) : n]
}

// rdlength is how many of the n octets that rr packs to are its data: all but owner, type, class, TTL and length.
func rdlength(rr dns.RR, n int) int { return n - len(rr.Header().Name) - 1 - 10 }

// randomConfig returns a configuration of few and small networks, so that addresses of neighbourhood meet in them.
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
		networks := map[string]bool{}
		for range 1 + rnd.IntN(8) {
			network := randomNetwork(rnd).String()
			if !networks[network] {
				networks[network] = true
				path := []string{"r0/z0/n0", "r0/z0/n1", "r0/z1", "r0/z1/n2", "r1/z2/n3", "r1", "r1/z0/n0", "r2/z3"}
				c.topology = append(c.topology, network+" "+oneOf(rnd, path...))
			}
		}
	}
	return c
}

func oneOf[T any](rnd *rand.Rand, words ...T) T { return words[rnd.IntN(len(words))] }

func randomMask(rnd *rand.Rand) mask {
	n := rnd.IntN(33)
	notations := []string{fmt.Sprint("/", n), net.IP(net.CIDRMask(n, 32)).String()}
	if n&(n+1) != 0 { // others are refused, because they can be DWORDs as well
		notations = append(notations, fmt.Sprint(n))
	}
	if n > 0 {
		notations = append(notations, fmt.Sprintf("0x%08x", uint64(1)<<(32-n)-1), fmt.Sprintf("0X%X", uint64(1)<<(32-n)-1))
	}
	return mask{oneOf(rnd, notations...), n}
}

// neighbourhood are addresses of every class and of both families that share beginnings of many lengths.
var neighbourhood = []string{"10.0.0.1", "10.128.7.9", "127.0.1.1", "128.0.0.0", "172.16.22.4", "191.255.255.255", "192.168.1.27",
	"223.255.255.1", "224.0.0.5", "240.1.2.3", "2001:db8::1", "2001:db8:0:1::7", "fe80::1", "::1"}

// randomAddr returns an address that shares a beginning of random length with one of the neighbourhood.
func randomAddr(rnd *rand.Rand) netip.Addr {
	b := netip.MustParseAddr(oneOf(rnd, neighbourhood...)).AsSlice()
	for bit := rnd.IntN(8*len(b) + 1); bit < 8*len(b); bit++ {
		if rnd.IntN(2) == 0 {
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
	a, _ := netip.AddrFromSlice(b)
	if a.Is4In6() || b[0] == 0xff {
		return netip.MustParseAddr("2001:db8::2")
	}
	return a
}

func randomNetwork(rnd *rand.Rand) netip.Prefix {
	a := randomAddr(rnd)
	return netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1)).Masked()
}

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

// randomSection returns records of RRsets that stand interleaved: owners in mixed case, two classes, types with an address
// and without, and among them what is never ordered.
func randomSection(rnd *rand.Rand, most int) []dns.RR {
	in := make([]dns.RR, rnd.IntN(most+1))
	owners := []string{"a.example.org.", "A.Example.org.", "b.example.org.", "c.example.org."}[:1+rnd.IntN(4)]
	for i := range in {
		owner := oneOf(rnd, owners...)
		switch rnd.IntN(10) {
		case 0:
			in[i] = record(fmt.Sprintf("%s 300 IN MX %d m%d.example.org.", owner, rnd.IntN(3), rnd.IntN(3)))
		case 1:
			in[i] = record(oneOf(rnd,
				owner+" 300 IN RRSIG A 8 2 3600 20300101000000 20200101000000 1 example.org. c2ln",
				owner+` 300 IN TXT "text"`,
				"example.org. 300 IN NS ns.example.org."))
		default:
			in[i] = address(owner, randomAddr(rnd))
			if a, ok := in[i].(*dns.A); ok && rnd.IntN(2) == 0 {
				a.A = a.A[12:] // as it comes from the wire
			}
			if rnd.IntN(10) == 0 {
				in[i].Header().Class = dns.ClassCHAOS
			}
		}
	}
	return in
}

// record returns the record that a line of a zone file says.
func record(line string) dns.RR {
	rr, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	return rr
}

// TestTierAgainstOracle compares the ranking with a linear one: equal tiers are equally far, greater tiers are farther.
func TestTierAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for range 800 {
		c := randomConfig(rnd)
		corefile := c.corefile(t, dir)
		p := policyOf(t, corefile)
		for range 8 {
			client := randomAddr(rnd)
			if rnd.IntN(20) == 0 {
				client = netip.Addr{}
			}
			k := rankingOf(p, client)
			addrs := make([]netip.Addr, 10)
			for i := range addrs {
				addrs[i] = randomAddr(rnd)
			}
			for _, a := range addrs {
				tier := tierOf(&k, a)
				if only := len(c.sortlist)+len(c.topology) == 0; only && int(tier) != c.maskTier(client, a) {
					t.Fatalf("%v is in tier %d for %v, and not in tier %d\n%s", a, tier, client, c.maskTier(client, a), corefile)
				}
				if tier >= uint32(k.Tiers()) {
					t.Fatalf("%v is in tier %d of %d for %v\n%s", a, tier, k.Tiers(), client, corefile)
				}
				for _, b := range addrs {
					got := cmp.Compare(tier, tierOf(&k, b))
					if want := slices.Compare(c.farness(client, a), c.farness(client, b)); got != want {
						t.Fatalf("for %v, %v and %v compare as %d and not %d\n%s", client, a, b, got, want, corefile)
					}
				}
			}
		}
	}
}

// TestSectionAgainstOracle compares whole answers, through the handler, with what the contract says of them.
func TestSectionAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	for range 800 {
		c := randomConfig(rnd)
		c.limit = max(0, rnd.IntN(10)-5)
		c.types = oneOf(rnd, nil, []string{"A"}, []string{"AAAA"}, []string{"A", "AAAA", "MX"}, []string{"MX"})
		corefile := c.corefile(t, dir)
		below := reply(hot, dns.TypeA, randomSection(rnd, 12)...)
		below.Extra = randomSection(rnd, 12)
		below.Authoritative = rnd.IntN(2) == 0
		renameOwners(below.Extra)
		client := randomAddr(rnd)
		o := orderingOf(t, corefile, replying(below))
		for turn := range 5 {
			res := ask(t, o, client.String(), hot, dns.TypeA)
			for _, s := range []struct {
				name    string
				in, out []dns.RR
			}{{"answer", below.Answer, res.Answer}, {"additional", below.Extra, res.Extra}} {
				want := c.section(s.in, client, turn, below.Authoritative)
				if !slices.Equal(s.out, want) {
					t.Fatalf("%s section for %v at turn %d, AA %v\nfrom\n%s\nto\n%s\nand not\n%s\n%s",
						s.name, client, turn, below.Authoritative, lines(s.in), lines(s.out), lines(want), corefile)
				}
			}
		}
	}
}

// renameOwners gives the records other owners, so that they share no turns with those of the answer section.
func renameOwners(section []dns.RR) {
	for _, rr := range section {
		rr.Header().Name = "x" + rr.Header().Name
	}
}

func lines(rrs []dns.RR) string {
	var b strings.Builder
	for _, rr := range rrs {
		fmt.Fprintln(&b, "\t", rr)
	}
	return b.String()
}
