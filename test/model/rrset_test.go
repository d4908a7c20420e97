package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/coredns-ordering/ordering/test/internal/contract"

	"github.com/miekg/dns"
)

// An rrset is an RRset that a policy orders, with what is known of its order.
type rrset struct {
	*sectionCheck
	key     rrsetKey
	base    []dns.RR // in base order
	unknown bool     // base order is another one each time
	near    []contract.Nearness
	tiers   []tier // nearest first
	turns   *turns

	distances []contract.Nearness // of the tiers
}

// A tier has the records of an RRset that are equally near.
type tier struct {
	records []string // in base order
	weights []int
	kept    int // how many of them a limit leaves
}

// newRRset returns the rrset of records as received.
func (s *sectionCheck) newRRset(key rrsetKey, received []dns.RR) *rrset {
	set := &rrset{sectionCheck: s, key: key, base: received}
	p, canonicalBase := s.v.policy, s.block.canonicalBase(s.v.policy, key.owner)
	set.unknown = !canonicalBase && s.c.unknownBase(s.block, key.owner)
	if canonicalBase {
		set.base = canonical(received)
	}
	set.near = s.nearness(key, set.base)
	set.distances = slices.Compact(slices.SortedFunc(slices.Values(set.near), contract.Nearness.Compare))
	for _, n := range set.distances {
		var t tier
		for i, rr := range set.base {
			if set.near[i] == n {
				weight := 1
				if a := addressOf(rr); a.IsValid() {
					weight = p.WeightOf(a)
				}
				t.records, t.weights = append(t.records, datum(rr)), append(t.weights, weight)
			}
		}
		t.kept = len(t.records)
		set.tiers = append(set.tiers, t)
	}
	if !(s.q.edns && s.q.do) && addressOf(received[0]).IsValid() {
		set.cut(p.AnswerLimit)
	}
	set.turns = s.turnsOf(set)
	return set
}

// nearness returns how near each record is.
func (s *sectionCheck) nearness(key rrsetKey, base []dns.RR) []contract.Nearness {
	cached := tiersKey{key, s.v}
	if near, ok := s.run.tiers[cached]; ok && len(near) == len(base) && !s.c.unknownBase(s.block, key.owner) {
		return near
	}
	near := make([]contract.Nearness, len(base))
	for i, rr := range base {
		if a := addressOf(rr); a.IsValid() {
			near[i] = s.v.policy.Nearness(s.v.client, s.v.source, a)
		}
	}
	s.run.tiers[cached] = near
	return near
}

// cut sets how many records of each tier a limit leaves: the nearest, and one of the next tier if
// the nearest would fill a limit above 1.
func (set *rrset) cut(limit int) {
	if limit == 0 || limit >= len(set.base) {
		return
	}
	left := limit
	for i := range set.tiers {
		t := &set.tiers[i]
		t.kept = min(len(t.records), left)
		if i == 0 && t.kept == limit && limit > 1 && len(set.tiers) > 1 {
			t.kept--
		}
		left -= t.kept
	}
}

// kept returns how many records of the RRset a limit leaves.
func (set *rrset) kept() (n int) {
	for _, t := range set.tiers {
		n += t.kept
	}
	return n
}

// check returns what is wrong with the records of the RRset in an answer.
func (set *rrset) check(answer []dns.RR) error {
	got := data(answer)
	if len(got) > set.kept() || len(got) < set.kept() && !set.truncated {
		return fmt.Errorf("%d records, want %d of %d: %v", len(got), set.kept(), len(set.base), got)
	}
	places := make([]int, len(set.tiers)) // in its tier, of the first record of each
	for i, t := range set.tiers {
		part := got[:min(t.kept, len(got))]
		got = got[len(part):]
		seen := map[string]bool{}
		for _, record := range part {
			if seen[record] || !slices.Contains(t.records, record) {
				return fmt.Errorf("%s does not belong in tier %d\nor is there twice: %v\nwant the tiers %v",
					record, i, data(answer), set.tiers)
			}
			seen[record] = true
		}
		if len(part) == 0 {
			places[i] = -1
			continue
		}
		places[i] = slices.Index(t.records, part[0])
		if err := set.checkTier(t, part); err != nil {
			return fmt.Errorf("tier %d: %w\ngot  %v\nwant the tiers %v", i, err, data(answer), set.tiers)
		}
	}
	if set.turns == nil {
		return nil
	}
	if err := set.turns.check(set, places); err != nil {
		return fmt.Errorf("%w\ngot  %v\nwant the tiers %v", err, data(answer), set.tiers)
	}
	return nil
}

// checkTier checks part, the first records of a tier in an answer, without regard to turns.
func (set *rrset) checkTier(t tier, part []string) error {
	weights := map[string]int{}
	for i, record := range t.records {
		weights[record] = t.weights[i]
	}
	weighted := slices.DeleteFunc(slices.Clone(t.records), func(record string) bool { return weights[record] == 0 })
	for i, record := range part {
		if weights[record] == 0 && i < len(weighted) {
			return fmt.Errorf("%s of weight 0 comes before others", record)
		}
	}
	p := set.v.policy
	switch {
	case p.RoundRobin == contract.Sticky:
		return set.checkSticky(t, part)
	case p.RoundRobin == contract.Random:
		set.stats.addRandom(t, part)
	case set.unknown:
	case p.RoundRobin == contract.Off:
		fixed := slices.Clone(weighted)
		for _, record := range t.records {
			if weights[record] == 0 {
				fixed = append(fixed, record)
			}
		}
		if !slices.Equal(part, fixed[:len(part)]) {
			return fmt.Errorf("not in base order")
		}
	case t.plain():
		first := slices.Index(t.records, part[0])
		for i, record := range part {
			if record != t.records[(first+i)%len(t.records)] {
				return fmt.Errorf("not a rotation of base order")
			}
		}
	}
	return nil
}

// plain reports whether every record of t has weight 1.
func (t *tier) plain() bool {
	return !slices.ContainsFunc(t.weights, func(w int) bool { return w != 1 })
}

// checkSticky checks that any two records are in the order that the client has seen them in before,
// in this RRset or in another.
func (set *rrset) checkSticky(t tier, part []string) error {
	client := fmt.Sprint(set.v.client, set.v.policy.Weights)
	if addressOf(set.base[0]).IsValid() {
		client = "addresses " + client
		set.compareClients(t, part[0])
	}
	order := map[string]int{}
	for i, record := range part {
		order[record] = i
	}
	for _, before := range set.sticky[client] {
		last, lastRecord := -1, ""
		for _, record := range part {
			place, ok := before[record]
			switch {
			case !ok:
			case place < last:
				return fmt.Errorf("sticky: %s came before %s", record, lastRecord)
			default:
				last, lastRecord = place, record
			}
		}
	}
	if len(set.sticky[client]) < 20 {
		set.sticky[client] = append(set.sticky[client], order)
	}
	return nil
}

// compareClients counts whether a client gets the same record first as the client before, of a tier
// that both see.
func (set *rrset) compareClients(t tier, first string) {
	records := fmt.Sprint(slices.Sorted(slices.Values(t.records)), t.weights)
	clients := set.firsts[records]
	if clients == nil {
		clients = map[string]string{}
		set.firsts[records] = clients
	}
	client := set.v.client.String()
	if _, again := clients[client]; again {
		return
	}
	if before, ok := clients["last"]; ok {
		set.stats.addSticky(t, before, first)
	}
	clients[client], clients["last"] = first, first
}

// turns is what the model knows of the turns of one question: how many answers there were and what
// they began with.
type turns struct {
	answers int
	first   []int   // by tier, its place in base order that came first in answer 0; -1: not known
	history [][]int // by tier, the places that came first in each answer
}

// turnsOf returns the turns of an RRset, nil if it takes none, or if they cannot be known: because
// the base order is not, or because policies of several zones order the same RRset and so share
// turns.
func (s *sectionCheck) turnsOf(set *rrset) *turns {
	p := s.v.policy
	if first, ok := s.owners[set.key]; !ok {
		s.owners[set.key] = p
	} else if first != p {
		s.owners[set.key] = new(contract.Policy) // nobody's from now on
	}
	if p.RoundRobin != contract.On || set.unknown || s.owners[set.key] != p {
		return nil
	}
	key := fmt.Sprint(set.key, s.name, s.q.tcp, assignment(set))
	known, ok := s.run.turns[key]
	if !ok {
		tiers := len(set.tiers)
		known = &turns{first: make([]int, tiers), history: make([][]int, tiers)}
		for i := range known.first {
			known.first[i] = -1
			if !p.RandomFirstTurn {
				known.first[i] = 0
			}
		}
		s.run.turns[key] = known
	}
	return known
}

// assignment returns the number of the tier of each record. Records without an address are in tier 0.
func assignment(set *rrset) string {
	var b strings.Builder
	for i, n := range set.near {
		tier := 0
		if addressOf(set.base[i]).IsValid() {
			tier = set.v.policy.Tier(set.v.client, n)
		}
		fmt.Fprint(&b, " ", tier)
	}
	return b.String()
}

// count counts an answer.
func (set *rrset) count() {
	if set.turns != nil {
		set.turns.answers++
	}
}

// check checks the places in base order of the records that came first in each tier; -1: none.
func (k *turns) check(set *rrset, places []int) error {
	for i, t := range set.tiers {
		m := len(t.records)
		if places[i] < 0 || m == 1 {
			k.history[i] = append(k.history[i], -1)
			continue
		}
		k.history[i] = append(k.history[i], places[i])
		if !t.plain() {
			if err := k.checkCycle(i, t); err != nil {
				return err
			}
			continue
		}
		if k.first[i] < 0 {
			k.first[i] = ((places[i]-k.answers)%m + m) % m
		}
		if want := (k.first[i] + k.answers) % m; places[i] != want {
			return fmt.Errorf("answer %d begins tier %d with record %d of base order, want %d",
				k.answers, i, places[i], want)
		}
		for j := range i { // one turn for all tiers
			other := set.tiers[j]
			common := gcd(m, len(other.records))
			if other.plain() && len(other.records) > 1 && k.first[j] >= 0 && k.first[i]%common != k.first[j]%common {
				return fmt.Errorf("the tiers %d and %d have different turns", j, i)
			}
		}
	}
	return nil
}

// gcd returns the greatest common divisor of a and b.
func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// longestBurst returns how often in a row a record may come first. The records of one weight share the
// cycle evenly, so between two turns of those that together weigh n, a record of weight w has no more
// than w/n turns, rounded up.
func longestBurst(weights []int, record int) int {
	others := map[int]int{} // what all others of one weight weigh together
	for i, w := range weights {
		if i != record {
			others[w] += w
		}
	}
	heaviest := 0
	for _, sum := range others {
		heaviest = max(heaviest, sum)
	}
	if heaviest == 0 {
		return math.MaxInt - 1 // there is no other
	}
	return weights[record]/heaviest + 1
}

// checkCycle checks that in each full cycle of answers a record comes first as often as its weight
// says, and that its turns are spread out.
func (k *turns) checkCycle(i int, t tier) error {
	cycle, weights := 0, slices.Clone(t.weights)
	for _, w := range weights {
		cycle += w
	}
	if cycle == 0 {
		for j := range weights {
			weights[j] = 1
		}
		cycle = len(weights)
	}
	history := k.history[i]
	last := history[len(history)-1]
	if burst := longestBurst(weights, last); len(history) > burst {
		others := func(place int) bool { return place != last }
		if !slices.ContainsFunc(history[len(history)-burst-1:], others) {
			return fmt.Errorf("record %d of weight %d of %d comes first %d times in a row",
				last, weights[last], cycle, burst+1)
		}
	}
	if len(history) < cycle || slices.Contains(history, -1) {
		return nil
	}
	firsts := make([]int, len(weights))
	for _, place := range history[len(history)-cycle:] {
		firsts[place]++
	}
	if !slices.Equal(firsts, weights) {
		return fmt.Errorf("in the last %d answers the records came first %v times, want %v", cycle, firsts, weights)
	}
	return nil
}
