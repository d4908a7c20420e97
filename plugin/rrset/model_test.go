package rrset

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A model orders sections as the documentation of the package says, step by step and without any of
// the package's working memory. It has turns of its own. Random and Sticky give base order in a
// model. It does not repair aliases.
type model struct {
	types    []uint16
	rotation Rotation
	weights  []networkWeight // nil: all addresses weigh the same
	turns    map[string]int  // by series, RRset and tier assignment
}

type networkWeight struct {
	network netip.Prefix
	weight  uint8
}

// orderer returns an Orderer for the same configuration.
func (m *model) orderer() *Orderer {
	c := Config{Types: Types(m.types...), Rotation: m.rotation, Turns: new(Turns)}
	if m.weights != nil {
		c.Weights = new(Weights)
		for _, w := range m.weights {
			c.Weights.Add(w.network, w.weight)
		}
	}
	return New(c)
}

// section returns a section in its new order. Its turns are counted in a series.
func (m *model) section(in []dns.RR, q *Query, s Series) []dns.RR {
	out := slices.Clone(in)
	indexes := map[string][]int{} // by RRset
	for i, rr := range in {
		if slices.Contains(m.types, rr.Header().Rrtype) {
			name := nameOf(rr)
			indexes[name] = append(indexes[name], i)
		}
	}
	for name, places := range indexes {
		var set []dns.RR
		for _, i := range places {
			set = append(set, in[i])
		}
		if len(set) > 1 {
			set = m.rrset(fmt.Sprint(s, " ", name), set, q)
		}
		for i, index := range places {
			out[index] = nil
			if i < len(set) {
				out[index] = set[i]
			}
		}
	}
	return slices.DeleteFunc(out, func(rr dns.RR) bool { return rr == nil })
}

// nameOf returns a text that is the same for all records of an RRset and for no others.
func nameOf(rr dns.RR) string {
	h := rr.Header()
	return fmt.Sprint(strings.ToLower(h.Name), " ", h.Class, " ", h.Rrtype)
}

// rrset returns the records of an RRset in their new order, those that the limit keeps. key says
// which series and RRset it is.
func (m *model) rrset(key string, set []dns.RR, q *Query) []dns.RR {
	set = slices.Clone(set)
	if q.Canonical || m.rotation == Sticky && !hasAddress(set[0]) {
		slices.SortStableFunc(set, compareRdata)
	}
	assignment, members := make([]uint32, len(set)), map[uint32][]dns.RR{} // tiers, and the records in each
	for i, rr := range set {
		assignment[i] = tierOf(rr, q)
		members[assignment[i]] = append(members[assignment[i]], rr)
	}
	key += fmt.Sprint(assignment)
	turn := m.turns[key]
	m.turns[key]++

	var tiers [][]dns.RR
	for _, tier := range slices.Sorted(maps.Keys(members)) {
		tiers = append(tiers, m.tier(members[tier], turn))
	}
	all := slices.Concat(tiers...)
	switch {
	case q.Limit == 0 || q.Limit >= len(all) || !hasAddress(all[0]):
		return all
	case q.Limit > 1 && q.Limit <= len(tiers[0]) && len(tiers) > 1:
		return append(all[:q.Limit-1:q.Limit-1], tiers[1][0])
	}
	return all[:q.Limit]
}

func hasAddress(rr dns.RR) bool {
	return rr.Header().Rrtype == dns.TypeA || rr.Header().Rrtype == dns.TypeAAAA
}

func tierOf(rr dns.RR, q *Query) uint32 {
	a, ip4, ok := Address(rr)
	if !ok {
		return 0
	}
	return q.Ranking.Tier(a, ip4)
}

// tier returns the records of a tier in their order at this turn.
func (m *model) tier(set []dns.RR, turn int) []dns.RR {
	var weighted, zero []dns.RR
	var weights []int
	for _, rr := range set {
		if w := m.weightOf(rr); w > 0 {
			weighted, weights = append(weighted, rr), append(weights, w)
		} else {
			zero = append(zero, rr)
		}
	}
	if m.rotation == Cyclic {
		weighted = m.cycle(weighted, weights, turn)
		zero = rotated(zero, turn)
	}
	return slices.Concat(weighted, zero)
}

// weightOf returns the weight of the longest prefix that contains the address in rr.
func (m *model) weightOf(rr dns.RR) int {
	a, ip4, ok := Address(rr)
	weight, longest := 1, -1
	for _, w := range m.weights {
		if ok && w.network.Contains(a.NetipAs(ip4)) && w.network.Bits() > longest {
			weight, longest = int(w.weight), w.network.Bits()
		}
	}
	return weight
}

func rotated[T any](s []T, turn int) []T {
	if len(s) == 0 {
		return nil
	}
	n := turn % len(s)
	return slices.Concat(s[n:], s[:n])
}

// cycle returns set in the order of a turn. It lays out all slots of the circle: record j of the n
// records with weight w has slot k at (k + (2j+1)/2n)/w of the circle. Where two slots are at the
// same place, the one of the greater weight comes first.
func (m *model) cycle(set []dns.RR, weights []int, turn int) []dns.RR {
	if m.weights == nil {
		return rotated(set, turn)
	}
	type place struct{ over, under, weight, record int } // at over/under of the circle
	var circle []place
	for i, w := range weights {
		n, j := 0, 0
		for other := range weights {
			if weights[other] == w {
				n++
				if other < i {
					j++
				}
			}
		}
		for k := range w {
			circle = append(circle, place{2*n*k + 2*j + 1, 2 * n * w, w, i})
		}
	}
	slices.SortFunc(circle, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.over*b.under, b.over*a.under), cmp.Compare(b.weight, a.weight))
	})
	var out []dns.RR
	placed := make([]bool, len(set))
	for _, p := range rotated(circle, turn) {
		if !placed[p.record] {
			placed[p.record] = true
			out = append(out, set[p.record])
		}
	}
	return out
}

// checkAgainstModel compares the order of a section with that of the model for the first questions.
// The section is an answer to a datagram, an answer to a stream, or an additional section.
func checkAgainstModel(t *testing.T, m *model, in []dns.RR, q *Query, questions int) {
	t.Helper()
	o := m.orderer()
	received := slices.Clone(in)
	for question := range questions {
		var got, want []dns.RR
		switch q.Series = 0; question % 5 {
		case 2:
			got, want = o.Additional(in, q), m.section(in, q, additional)
		case 4:
			q.Series = Stream
			fallthrough
		default:
			got, want = o.Answer(in, q, ""), m.section(in, q, q.Series)
		}
		if !slices.Equal(in, received) {
			t.Fatalf("question %d of %+v: the section was written to", question, m)
		}
		if m.rotation == Random || m.rotation == Sticky {
			checkShape(t, m, q, got, want)
		} else if !slices.Equal(got, want) {
			t.Fatalf("question %d of %+v, %d tiers, limit %d, canonical %v\nfrom\n%s\ngot\n%s\nwant\n%s", question, m,
				q.Ranking.Tiers(), q.Limit, q.Canonical, lines(in), lines(got), lines(want))
		}
		if unmoved := slices.Equal(got, in); unmoved != (&got[0] == &in[0]) {
			t.Fatalf("question %d of %+v: unmoved %v, returned in itself %v", question, m, unmoved, !unmoved)
		}
	}
}

// checkShape checks that two sections agree in all but the order inside tiers.
func checkShape(t *testing.T, m *model, q *Query, got, want []dns.RR) {
	t.Helper()
	shape := func(section []dns.RR) (all []string) {
		for _, rr := range section {
			what := fmt.Sprintf("%p", rr)
			if slices.Contains(m.types, rr.Header().Rrtype) {
				what = fmt.Sprint(nameOf(rr), " in tier ", tierOf(rr, q), ", of weight 0: ", m.weightOf(rr) == 0)
			}
			all = append(all, what)
		}
		return all
	}
	if g, w := shape(got), shape(want); !slices.Equal(g, w) {
		t.Fatalf("%+v got\n%s\nwant, in tiers,\n%s", m, lines(got), lines(want))
	}
	if q.Limit == 0 {
		checkMembers(t, got, want)
	}
}
