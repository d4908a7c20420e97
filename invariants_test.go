package ordering

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// checkMessage has a client ask o, below which a plugin gives the message m, and checks what the
// contract promises for every answer. c is the configuration of o.
func checkMessage(t *testing.T, o *Ordering, c *config, client string, m *dns.Msg) {
	t.Helper()
	o = &Ordering{Next: sending(m), zones: o.zones}
	before := *m
	before.Answer, before.Ns, before.Extra = slices.Clone(m.Answer), slices.Clone(m.Ns), slices.Clone(m.Extra)
	source, _ := netip.ParseAddr(client)
	out := exchange(t, o, client, new(dns.Msg).SetQuestion(hot, dns.TypeA))

	if !slices.Equal(m.Answer, before.Answer) || !slices.Equal(m.Ns, before.Ns) || !slices.Equal(m.Extra, before.Extra) {
		t.Fatalf("a section from below was written to:\n%v\nwas\n%v", m, &before)
	}
	checkResponse(t, c, source, m, out)
}

// checkResponse checks that out, the answer to client, is m in the order that c asks for.
func checkResponse(t *testing.T, c *config, client netip.Addr, m, out *dns.Msg) {
	t.Helper()
	if !slices.Equal(out.Ns, m.Ns) || out.MsgHdr != m.MsgHdr || !slices.Equal(out.Question, m.Question) {
		t.Fatalf("more than the order changed:\n%v\nwas\n%v", out, m)
	}
	if m.Rcode != dns.RcodeSuccess || len(m.Question) == 0 || isTransfer(m.Question[0].Qtype) {
		if !slices.Equal(out.Answer, m.Answer) || !slices.Equal(out.Extra, m.Extra) {
			t.Fatalf("a message that has no order was changed:\n%v\nwas\n%v", out, m)
		}
		return
	}
	checkSection(t, c, client, m.Answer, out.Answer, true)
	checkSection(t, c, client, m.Extra, out.Extra, false)
	checkAliases(t, m.Question[0].Name, m.Answer, out.Answer)
}

// checkSection checks that out has the records of in, with each RRset in the order of its tiers and
// within the limit, and all other records at their index. Only where aliases is true, aliases may
// move.
func checkSection(t *testing.T, c *config, client netip.Addr, in, out []dns.RR, aliases bool) {
	t.Helper()
	checkRRsets(t, c, client, in, out)
	if len(out) != len(in) {
		return
	}
	mayMove := func(rr dns.RR) bool { return aliases && isAlias(rr) || isAddress(rr) || c.orders(rr) }
	repaired := aliases && slices.ContainsFunc(in, isAlias)
	for i := range in {
		switch {
		case in[i] == out[i]:
		case !mayMove(in[i]) || !mayMove(out[i]):
			t.Fatalf("%v was at index %d, where %v is now", in[i], i, out[i])
		case !repaired && rrsetOf(in[i]) != rrsetOf(out[i]):
			t.Fatalf("%v is at an index of %v", out[i], in[i])
		}
	}
}

// checkRRsets checks the number of records of each RRset, and their tiers.
func checkRRsets(t *testing.T, c *config, client netip.Addr, in, out []dns.RR) {
	t.Helper()
	left := map[dns.RR]int{}
	sizes, kept := map[string]int{}, map[string][]dns.RR{}
	for _, rr := range in {
		left[rr]++
		sizes[rrsetOf(rr)]++
	}
	for _, rr := range out {
		if left[rr]--; left[rr] < 0 {
			t.Fatalf("%v is there more often than before", rr)
		}
		name := rrsetOf(rr)
		kept[name] = append(kept[name], rr)
	}
	for name, size := range sizes {
		set, want := kept[name], size
		if limited := len(set) > 0 && c.orders(set[0]) && isAddress(set[0]); limited && c.limit > 0 {
			want = min(size, c.limit)
		}
		if len(set) != want {
			t.Fatalf("%d records of %s are left of %d, want %d", len(set), name, size, want)
		}
		if len(set) > 0 && c.orders(set[0]) {
			checkTiers(t, c, client, set)
		}
	}
}

// checkTiers checks that no record of an RRset is in front of a nearer one. Records without an
// address do not count.
func checkTiers(t *testing.T, c *config, client netip.Addr, set []dns.RR) {
	t.Helper()
	var before netip.Addr
	var distance []int
	for _, rr := range set {
		a := addressIn(rr)
		if !a.IsValid() {
			continue
		}
		d := c.distance(client, a)
		if before.IsValid() && slices.Compare(distance, d) > 0 {
			t.Fatalf("%v is in front of %v, which is nearer to %v", before, a, client)
		}
		before, distance = a, d
	}
}

// checkAliases checks that each alias of in, the answer from below, is in front of the addresses
// that it leads to in out, and that the chain from qname to addresses is in order. It does not check
// answers with a DNAME.
func checkAliases(t *testing.T, qname string, in, out []dns.RR) {
	t.Helper()
	aliases, addresses := map[string]*dns.CNAME{}, map[string]int{} // by owner: the alias, the index of the first address
	at := map[dns.RR]int{}
	for i, rr := range out {
		if rr == nil {
			continue
		}
		at[rr] = i
		owner := strings.ToLower(rr.Header().Name)
		if _, ok := addresses[owner]; isAddress(rr) && !ok {
			addresses[owner] = i
		}
	}
	for _, rr := range in {
		switch rr := rr.(type) {
		case *dns.DNAME:
			return
		case *dns.CNAME:
			if owner := strings.ToLower(rr.Hdr.Name); aliases[owner] == nil { // a second alias of a name does not count
				aliases[owner] = rr
			}
		}
	}
	for owner := range aliases {
		chain, end := follow(aliases, owner)
		if _, ok := addresses[end]; !ok || aliases[end] != nil {
			continue // no addresses, or a loop
		}
		if at[chain[0]] > addresses[end] {
			t.Fatalf("%v is behind the address that it leads to\n%swas\n%s", chain[0], lines(out), lines(in))
		}
	}
	chain, end := follow(aliases, strings.ToLower(qname))
	if _, ok := addresses[end]; !ok {
		return
	}
	for i := range chain[min(1, len(chain)):] {
		if at[chain[i]] > at[chain[i+1]] {
			t.Fatalf("the chain from %s is not in order:\n%swas\n%s", qname, lines(out), lines(in))
		}
	}
}

// follow returns the chain of aliases from name on, and the name where it ends or repeats itself.
func follow(aliases map[string]*dns.CNAME, name string) (chain []*dns.CNAME, end string) {
	for {
		c := aliases[name]
		if c == nil || slices.Contains(chain, c) {
			return chain, name
		}
		chain, name = append(chain, c), strings.ToLower(c.Target)
	}
}

// checkTiersOf compares the tiers of random addresses for a client. corefile is for messages.
func checkTiersOf(t *testing.T, rnd *rand.Rand, c *config, p *policy, client netip.Addr, corefile string) {
	t.Helper()
	k := rankingOf(p, client)
	addr := randomAddrs(rnd)
	type ranked struct {
		addr     netip.Addr
		tier     uint32
		distance []int
	}
	all := make([]ranked, 10)
	for i := range all {
		a := addr()
		all[i] = ranked{a, tierOf(&k, a), c.distance(client, a)}
	}
	for _, a := range all {
		if masksOnly := len(c.sortlist)+len(c.topology) == 0; masksOnly && int(a.tier) != c.maskTier(client, a.addr) {
			t.Fatalf("%v is in tier %d for %v, want %d\n%s", a.addr, a.tier, client, c.maskTier(client, a.addr), corefile)
		}
		if a.tier >= uint32(k.Tiers()) {
			t.Fatalf("%v is in tier %d of %d for %v\n%s", a.addr, a.tier, k.Tiers(), client, corefile)
		}
		for _, b := range all {
			got := cmp.Compare(a.tier, b.tier)
			if want := slices.Compare(a.distance, b.distance); got != want {
				t.Fatalf("for %v, %v and %v compare as %d, want %d\n%s", client, a.addr, b.addr, got, want, corefile)
			}
		}
	}
}

// checkSections compares the answers that a client gets, through the handler, to questions of the
// first turns. Both sections are random, with n records in the answer.
func checkSections(t *testing.T, rnd *rand.Rand, c *config, dir string, n, turns int) {
	t.Helper()
	below := reply(hot, dns.TypeA, randomSection(rnd, n)...)
	below.Extra = randomSection(rnd, rnd.IntN(13))
	below.Authoritative = rnd.IntN(2) == 0
	renameOwners(below.Extra)
	client := randomAddr(rnd)
	corefile := c.corefile(t, dir)
	o := orderingOf(t, corefile, replying(below))
	for turn := range turns {
		res := ask(t, o, client.String(), hot, dns.TypeA)
		for _, s := range []struct {
			name    string
			in, out []dns.RR
		}{{"answer", below.Answer, res.Answer}, {"additional", below.Extra, res.Extra}} {
			want := c.section(s.in, client, turn, below.Authoritative)
			if !slices.Equal(s.out, want) {
				t.Fatalf("%s section of %d records for %v at turn %d, AA %v\nfrom\n%s\ngot\n%s\nwant\n%s\n%s",
					s.name, len(s.in), client, turn, below.Authoritative, lines(s.in), lines(s.out), lines(want), corefile)
			}
		}
	}
}

// renameOwners gives the records other owners, so that their turns are counted apart from those of
// the answer section.
func renameOwners(section []dns.RR) {
	for _, rr := range section {
		rr.Header().Name = "x" + rr.Header().Name
	}
}

// randomLimits gives c a random answer_limit and types.
func randomLimits(rnd *rand.Rand, c *config) *config {
	c.limit = max(0, rnd.IntN(10)-5)
	if rnd.IntN(4) == 0 {
		c.limit = rnd.IntN(300)
	}
	c.types = oneOf(rnd, nil, nil, []string{"A"}, []string{"AAAA"}, []string{"A", "AAAA", "MX"}, []string{"MX"})
	return c
}
