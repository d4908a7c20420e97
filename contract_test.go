package ordering

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A config is what a Corefile says. Its methods follow the contract word by word and slowly: they
// search every list from front to back, again for each address. Tests compare the plugin with them.
type config struct {
	blind     bool // local_net_priority off
	masks     []mask
	masks6    []int
	classless bool       // classful off
	sortlist  [][]string // CLIENTS PREFERENCE...
	topology  []string   // NETWORK LOCATION
	weights   []string   // NETWORK N
	turning   string     // round_robin
	base      string     // base_order
	types     []string
	limit     int
}

// A mask is a length, and the word for it in the Corefile.
type mask struct {
	word   string
	length int
}

// corefile returns the Corefile that says c. It writes the topology to a file in dir.
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
		file, err := os.CreateTemp(dir, "table")
		if err != nil {
			tb.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(strings.Join(c.topology, "\n") + "\n"); err != nil {
			tb.Fatal(err)
		}
		line("topology", fmt.Sprintf("%q", file.Name())) // the name of a subtest may have a #, which begins a comment
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

// distance returns how far a is from client. Distances are compared with slices.Compare: the sort
// list counts most, then the topology, then the masks. Where the places of both are known, no mask
// makes a nearer.
func (c *config) distance(client, a netip.Addr) []int {
	if c.location(client) != nil && c.location(a) != nil {
		noMask := c.maskTier(client, netip.Addr{})
		return []int{c.rankInSortlist(client, a), -c.sharedLabels(client, a), noMask}
	}
	return []int{c.rankInSortlist(client, a), -c.sharedLabels(client, a), c.maskTier(client, a)}
}

// maskTier returns how many masks there are for client under which a is on another subnet.
func (c *config) maskTier(client, a netip.Addr) int {
	tier := 0
	for _, n := range c.lengths(client) {
		if !netip.PrefixFrom(client, n).Masked().Contains(a) {
			tier++
		}
	}
	return tier
}

// lengths returns the lengths of the masks that there are for client, each once.
func (c *config) lengths(client netip.Addr) []int {
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
	return slices.Collect(maps.Keys(lengths))
}

// classLength returns the length of the classful network of an IPv4 address, 0 if it has none.
func classLength(client netip.Addr) int {
	networks := map[string]int{"0.0.0.0/1": 8, "128.0.0.0/2": 16, "192.0.0.0/3": 24}
	for network, n := range networks {
		if netip.MustParsePrefix(network).Contains(client) {
			return n
		}
	}
	return 0
}

// rankInSortlist returns the rank that the first statement for client gives to a.
func (c *config) rankInSortlist(client, a netip.Addr) int {
	for _, s := range c.sortlist {
		if !listContains(s[0], client) {
			continue
		}
		words := s[1:]
		if len(words) == 0 {
			words = s[:1]
		}
		for i, w := range words {
			list, negated := strings.CutPrefix(w, "!")
			if listContains(list, a) {
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

// listContains reports whether one of the networks in list, which have commas between them, contains
// a.
func listContains(list string, a netip.Addr) bool {
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

// location returns the labels of the longest prefix that contains a.
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

// ordered returns the tiers of an RRset, the nearest first, each in its order at this turn.
func (c *config) ordered(set []dns.RR, client netip.Addr, turn int, authoritative bool) (tiers [][]dns.RR) {
	set = slices.Clone(set)
	if c.base == "canonical" || c.base == "auto" && c.turning == "on" && !authoritative {
		slices.SortStableFunc(set, func(a, b dns.RR) int { return bytes.Compare(rdataOf(a), rdataOf(b)) })
	}
	distances := map[dns.RR][]int{}
	for _, rr := range set {
		if a := addressIn(rr); a.IsValid() {
			distances[rr] = c.distance(client, a)
		}
	}
	slices.SortStableFunc(set, func(a, b dns.RR) int { return slices.Compare(distances[a], distances[b]) })
	for len(set) > 0 {
		m := 1
		for m < len(set) && slices.Equal(distances[set[m]], distances[set[0]]) {
			m++
		}
		tier := slices.Clone(set[:m])
		if c.turning == "on" {
			tier = slices.Concat(tier[turn%m:], tier[:turn%m])
		}
		tiers, set = append(tiers, tier), set[m:]
	}
	return tiers
}

// limited returns the records of an ordered RRset that answer_limit keeps.
func (c *config) limited(tiers [][]dns.RR) []dns.RR {
	all := slices.Concat(tiers...)
	switch nearest := len(tiers[0]); {
	case c.limit == 0 || len(all) <= c.limit || !addressIn(all[0]).IsValid():
		return all
	case nearest >= c.limit && c.limit > 1 && len(tiers) > 1:
		return append(all[:c.limit-1:c.limit-1], tiers[1][0])
	}
	return all[:c.limit]
}

// section returns section in as a client gets it at this turn. It does not repair aliases.
func (c *config) section(in []dns.RR, client netip.Addr, turn int, authoritative bool) (out []dns.RR) {
	indexes := map[string][]int{} // by RRset
	for i, rr := range in {
		if c.orders(rr) {
			set := rrsetOf(rr)
			indexes[set] = append(indexes[set], i)
		}
	}
	moved := slices.Clone(in)
	for _, places := range indexes {
		var set []dns.RR
		for _, i := range places {
			set = append(set, in[i])
		}
		kept := c.limited(c.ordered(set, client, turn, authoritative))
		for i, place := range places {
			moved[place] = nil
			if i < len(kept) {
				moved[place] = kept[i]
			}
		}
	}
	for _, rr := range moved {
		if rr != nil {
			out = append(out, rr)
		}
	}
	return out
}

// orders reports whether c orders RRsets of the type of rr.
func (c *config) orders(rr dns.RR) bool {
	types := c.types
	if rr == nil {
		return false
	}
	if len(types) == 0 {
		types = []string{"A", "AAAA"}
	}
	return slices.Contains(types, dns.TypeToString[rr.Header().Rrtype])
}

// rrsetOf returns a text that is the same for all records of an RRset and for no others.
func rrsetOf(rr dns.RR) string {
	if rr == nil {
		return "no record"
	}
	h := rr.Header()
	return fmt.Sprint(strings.ToLower(h.Name), " ", h.Class, " ", h.Rrtype)
}

// rdataOf returns the RDATA of rr as it is sent.
func rdataOf(rr dns.RR) []byte {
	if a := addressIn(rr); a.IsValid() {
		return a.AsSlice()
	}
	wire := make([]byte, 1024)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		panic(err)
	}
	header := len(rr.Header().Name) + 1 + 10 // owner, type, class, TTL and length of the RDATA
	return wire[header:n]
}
