package ordering

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/miekg/dns"
)

// explained returns what a client gets that asks from this address, and the explanation of it.
func explained(t *testing.T, o *Ordering, client string) (*dns.Msg, *Explanation) {
	t.Helper()
	var all []*Explanation
	o.Explain(func(x *Explanation) { all = append(all, x) })
	res := ask(t, o, client, hot, dns.TypeA)
	if len(all) != 1 {
		t.Fatalf("%d explanations of one response", len(all))
	}
	return res, all[0]
}

// expectedReason returns the text of the reason that c, whose Corefile this is, gives for the tier
// of a. It is found like the distance: by a search of every list from front to back.
func expectedReason(c *config, corefile string, client, a netip.Addr) string {
	words := append(sortlistReason(c, corefile, client, a), placeReason(c, client, a)...)
	words = append(words, maskReason(c, client, a)...)
	here, there := c.location(client), c.location(a)
	switch line := lineOfSortlist(c, corefile, client); {
	case len(words) > 0:
		return strings.Join(words, ", ")
	case len(c.topology) > 0 && here == nil:
		return "unknown: location of the client unknown"
	case len(c.topology) > 0 && there == nil:
		return "elsewhere: location unknown"
	case len(c.topology) > 0:
		return "elsewhere: at " + strings.Join(there, "/")
	case line > 0:
		return fmt.Sprintf("elsewhere: not in sortlist line %d", line)
	}
	return "elsewhere"
}

// lineOfSortlist returns the line of the statement that decides for client, 0 if none does.
func lineOfSortlist(c *config, corefile string, client netip.Addr) int {
	for _, s := range c.sortlist {
		if listContains(s[0], client) {
			before, _, _ := strings.Cut(corefile, "\tsortlist "+strings.Join(s, " ")+"\n")
			return strings.Count(before, "\n") + 1
		}
	}
	return 0
}

func sortlistReason(c *config, corefile string, client, a netip.Addr) []string {
	line := lineOfSortlist(c, corefile, client)
	if line == 0 {
		return nil
	}
	words := strings.Fields(strings.Split(corefile, "\n")[line-1])[1:]
	if len(words) > 1 {
		words = words[1:]
	}
	seen := false // a negated word
	for i, w := range words {
		list, negated := strings.CutPrefix(w, "!")
		switch {
		case !listContains(list, a):
			seen = seen || negated
		case negated && seen:
			return []string{fmt.Sprintf("elsewhere: sortlist line %d word !%d: after all that is not negated", line, i+1)}
		case negated:
			return []string{fmt.Sprintf("elsewhere: sortlist line %d word !%d: always last", line, i+1)}
		default:
			return []string{fmt.Sprintf("sortlist line %d word %d", line, i+1)}
		}
		if listContains(list, a) {
			break
		}
	}
	return nil
}

func placeReason(c *config, client, a netip.Addr) []string {
	n := c.sharedLabels(client, a)
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("shared%d %s", n, strings.Join(c.location(client)[:n], "/"))}
}

// maskReason is empty where the locations of both are known: there the masks do not count.
func maskReason(c *config, client, a netip.Addr) []string {
	if c.location(client) != nil && c.location(a) != nil {
		return nil
	}
	lengths := c.lengths(client)
	longest := slices.Max(append(slices.Clone(lengths), -1))
	found := -1
	for _, n := range lengths {
		if netip.PrefixFrom(client, n).Masked().Contains(a) {
			found = max(found, n)
		}
	}
	network := netip.PrefixFrom(client, max(found, 0)).Masked()
	switch {
	case found < 0:
		return nil
	case found == longest:
		return []string{"subnet " + network.String()}
	}
	return []string{"network " + network.String()}
}

// randomPolicy returns a configuration with everything that an explanation has to know of.
func randomPolicy(rnd *rand.Rand) *config {
	c := randomLimits(rnd, randomConfig(rnd))
	c.turning = oneOf(rnd, "on", "on", "off", "random", "sticky")
	networks := map[string]bool{}
	for range rnd.IntN(4) {
		if n := randomNetwork(rnd).String(); !networks[n] {
			networks[n] = true
			c.weights = append(c.weights, fmt.Sprint(n, " ", rnd.IntN(4)))
		}
	}
	return c
}

// TestExplainedOrderIsServedOrder takes 10,000 random policies and answers.
func TestExplainedOrderIsServedOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(31, 32))
	dir := t.TempDir()
	reasons := map[string]int{}
	for range 10_000 {
		c := randomPolicy(rnd)
		corefile := c.corefile(t, dir)
		below := reply(hot, dns.TypeA, randomSection(rnd, rnd.IntN(13))...)
		below.Extra = randomSection(rnd, rnd.IntN(7))
		client := randomAddr(rnd)
		res, x := explained(t, orderingOf(t, corefile, replying(below)), client.String())
		if x.Position != "Testfile:1" || x.Zone != "." || x.Client != client || x.Source != client {
			t.Fatalf("%v at %s, zone %q, is the client of %v", x.Client, x.Position, x.Zone, client)
		}
		checkExplained(t, c, x, false, below.Answer, res.Answer)
		checkExplained(t, c, x, true, below.Extra, res.Extra)
		for _, s := range x.Sets {
			for i, r := range s.Records {
				if a := addressIn(r.RR); a.IsValid() {
					got, want := s.Reasons[i].String(), expectedReason(c, corefile, client, a)
					if ties := s.Reasons[i].Ties(); ties != "" {
						got += ", " + ties
					}
					if got != want {
						t.Fatalf("%v is explained to %v as %q, want %q\n%s\n%s",
							a, client, got, want, corefile, strings.Join(c.topology, "\n"))
					}
					word, _, _ := strings.Cut(want, " ")
					reasons[word]++
				}
			}
		}
	}
	for near := range strings.FieldsSeq("sortlist shared1 shared2 shared3 subnet network elsewhere elsewhere: unknown:") {
		if reasons[near] < 100 {
			t.Errorf("%q is the reason %d times, which proves little", near, reasons[near])
		}
	}
}

// checkExplained checks that x explains every record of a section once, in the order that the client
// got.
func checkExplained(t *testing.T, c *config, x *Explanation, additional bool, in, out []dns.RR) {
	t.Helper()
	served, all := map[string][]dns.RR{}, map[string][]dns.RR{}
	for _, rr := range out {
		served[rrsetOf(rr)] = append(served[rrsetOf(rr)], rr)
	}
	for _, rr := range in {
		if c.orders(rr) {
			all[rrsetOf(rr)] = append(all[rrsetOf(rr)], rr)
		}
	}
	for i := range x.Sets {
		s := &x.Sets[i]
		if s.Additional != additional {
			continue
		}
		name := rrsetOf(s.Records[0].RR)
		var kept, every []dns.RR
		for _, r := range s.Records {
			every = append(every, r.RR)
			if !r.Cut {
				kept = append(kept, r.RR)
			}
		}
		if !slices.Equal(kept, served[name]) {
			t.Fatalf("%s is explained as\n%s\nserved as\n%s", name, lines(kept), lines(served[name]))
		}
		if len(every) != len(all[name]) {
			t.Fatalf("%s has %d records, explained are %d", name, len(all[name]), len(every))
		}
		checkTierOrder(t, s)
		delete(all, name)
	}
	if len(all) > 0 {
		t.Fatalf("not explained: %v", all)
	}
}

// checkTierOrder checks that the records of s that were kept are in the order of their tiers, and
// that only the one that was kept to fail over stands in the place of another.
func checkTierOrder(t *testing.T, s *ExplainedSet) {
	t.Helper()
	last, nearest := uint32(0), uint32(0)
	for i, r := range s.Records {
		if i == 0 {
			nearest = r.Tier
		}
		if !r.Cut && r.Tier < last || r.FailOver && r.Tier == nearest {
			t.Fatalf("tier %d stands behind tier %d in %v", r.Tier, last, s.Records)
		}
		last = r.Tier
	}
	failOver := func(r rrset.Record) bool { return r.FailOver }
	if slices.ContainsFunc(s.Records, failOver) != leftOutNearer(s) {
		t.Fatalf("which record was kept to fail over is not explained in %v", s.Records)
	}
}

// leftOutNearer reports whether a record was left out that is in the first tier, and the last of
// another tier kept.
func leftOutNearer(s *ExplainedSet) bool {
	cut, other := false, false
	for _, r := range s.Records {
		cut = cut || r.Cut && r.Tier == s.Records[0].Tier
		other = other || !r.Cut && r.Tier != s.Records[0].Tier
	}
	return cut && other
}

// TestExplanationOfTheClient checks whom a response is explained to, and where its place is from.
func TestExplanationOfTheClient(t *testing.T) {
	const trusting = "ordering {\n\tnetmask /24\n\tecs " + resolver + "\n\tsortlist any\n}"
	for _, tt := range []struct {
		name, corefile, source, subnet string
		client                         string
		trusted                        bool
		trustedIn                      string
	}{
		{"no option", trusting, "192.0.2.1", "", "192.0.2.1", false, "Testfile:3"},
		{"a trusted option", trusting, resolver, "10.4.3.0", "10.4.3.0", true, "Testfile:3"},
		{"an option of somebody else", trusting, "192.0.2.1", "10.4.3.0", "192.0.2.1", false, "Testfile:3"},
		{"an option and nobody trusted", "ordering", resolver, "10.4.3.0", resolver, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := orderingOf(t, tt.corefile, replying(reply(hot, dns.TypeA, addressRRset("10.4.3.1", "192.0.2.7")...)))
			var x *Explanation
			o.Explain(func(got *Explanation) { x = got })
			r := asking()
			if tt.subnet != "" {
				r = asking(subnet(1, tt.subnet, 24, 0))
			}
			exchange(t, o, tt.source, r)
			if x.Client.String() != tt.client || x.Source.String() != tt.source ||
				x.Trusted != tt.trusted || x.TrustedIn != tt.trustedIn {

				t.Errorf("client %v of %v, trusted %v in %q", x.Client, x.Source, x.Trusted, x.TrustedIn)
			}
		})
	}
}

// The handlers of a server block have its zones in common, and so the explanations.
func TestHandlersOfAServerBlockExplainTogether(t *testing.T) {
	o := orderingOf(t, "ordering\nordering example.org {\n\tnetmask /24\n}", replying(reply(hot, dns.TypeA)))
	other := &Ordering{Next: o.Next, zones: o.zones}
	var x *Explanation
	o.Explain(func(got *Explanation) { x = got })
	if ask(t, other, "10.4.3.2", hot, dns.TypeA); x == nil || x.Position != "Testfile:2" || x.Zone != "example.org." {
		t.Errorf("explained as %+v", x)
	}
	want := []Rule{{".", "Testfile:1"}, {"example.org.", "Testfile:2"}}
	if got := o.Rules(); !slices.Equal(got, want) {
		t.Errorf("the rules are %v, want %v", got, want)
	}
}
