package rrset

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestSharesAreThoseOfACycle counts how often each record is ahead of the others in its tier through
// a whole cycle of turns, and compares the counts with what Explain says.
func TestSharesAreThoseOfACycle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(41, 42))
	tested := 0
	for range 300 {
		set := randomAddresses(rnd, 2+rnd.IntN(6))
		m := randomModel(rnd, set)
		m.rotation = Cyclic
		for i := range m.weights {
			m.weights[i].weight %= 4
		}
		q := randomQuery(rnd, set)
		q.Limit = 0
		in := mixed(rnd, set)
		o := m.orderer()
		shares := map[dns.RR]Record{}
		turns := uint64(1)
		for _, r := range Explain(o, in, o.Answer(in, q, ""), q)[0].Records {
			shares[r.RR] = r
			turns = turns / gcd(turns, r.Answers) * r.Answers
		}
		if turns > 5000 {
			continue
		}
		tested++
		ahead := map[dns.RR]uint64{}
		for range turns {
			seen := map[uint32]bool{}
			for _, rr := range o.Answer(in, q, "") {
				if tier := shares[rr].Tier; !seen[tier] {
					seen[tier] = true
					ahead[rr]++
				}
			}
		}
		for rr, r := range shares {
			if ahead[rr]*r.Answers != r.Ahead*turns {
				t.Fatalf("%v is ahead in %d of %d answers, explained as %d of %d", rr, ahead[rr], turns, r.Ahead, r.Answers)
			}
		}
	}
	if tested < 200 {
		t.Errorf("only %d cycles are short enough to be counted", tested)
	}
}

func TestExplainSaysWhoseOrderNeverChanges(t *testing.T) {
	addresses := addresses("192.0.2.1", "192.0.2.2")
	texts := []dns.RR{record(owner + ` 300 IN TXT "b"`), record(owner + ` 300 IN TXT "a"`)}
	for _, tt := range []struct {
		name     string
		rotation Rotation
		in       []dns.RR
		changes  bool
	}{
		{"round robin", Cyclic, addresses, true},
		{"no round robin", Fixed, addresses, false},
		{"random order", Random, texts, true},
		{"sticky addresses", Sticky, addresses, true}, // from client to client
		{"sticky records without an address", Sticky, texts, false},
	} {
		o := New(Config{Types: Types(dns.TypeA, dns.TypeTXT), Rotation: tt.rotation, Turns: new(Turns)})
		q := from("192.0.2.9")
		for _, r := range Explain(o, tt.in, o.Answer(tt.in, q, ""), q)[0].Records {
			if (r.Answers > 0) != tt.changes {
				t.Errorf("%s: %v is ahead in %d of %d answers", tt.name, r.RR, r.Ahead, r.Answers)
			}
		}
	}
}

// A section that holds the same record twice, as pointers, has two records.
func TestExplainRecordThatIsThereTwice(t *testing.T) {
	rr := record(owner + " 300 IN A 192.0.2.1")
	in := []dns.RR{rr, rr, record(owner + " 300 IN A 192.0.2.2")}
	o := New(Config{Types: Types(dns.TypeA), Turns: new(Turns)})
	q := from("192.0.2.9")
	q.Limit = 2
	out := o.Answer(in, q, "")
	var kept []dns.RR
	for _, r := range Explain(o, in, out, q)[0].Records {
		if !r.Cut {
			kept = append(kept, r.RR)
		}
	}
	if !slices.Equal(kept, out) {
		t.Errorf("explained are %v, served %v", kept, out)
	}
}

func TestExplainSectionsThatAreNotOrdered(t *testing.T) {
	o := New(Config{Types: Types(dns.TypeA), Turns: new(Turns)})
	q := from("192.0.2.9")
	mx := []dns.RR{record(owner + " 300 IN MX 10 mail")}
	largest := slices.Repeat(addresses("192.0.2.1"), math.MaxUint16)
	if sets := Explain(o, largest, largest, q); len(sets) != 1 || len(sets[0].Records) != len(largest) {
		t.Errorf("%d records are explained as %d RRsets", len(largest), len(sets))
	}
	tooLarge := append(largest, largest[0])
	for name, in := range map[string][]dns.RR{"empty": nil, "another type": mx, "too large": tooLarge} {
		if sets := Explain(o, in, in, q); len(sets) != 0 {
			t.Errorf("%s: explained as %v", name, sets)
		}
	}
}

func TestForgetBeginsWithTheFirstTurn(t *testing.T) {
	turns := new(Turns)
	in := addresses("192.0.2.1", "192.0.2.2")
	o := New(Config{Types: Types(dns.TypeA), Turns: turns})
	q := from("192.0.2.9")
	first := slices.Clone(o.Answer(in, q, ""))
	o.Answer(in, q, "")
	o.Answer(in, q, "")
	turns.Forget()
	if again := o.Answer(in, q, ""); !slices.Equal(again, first) {
		t.Errorf("the first answer after Forget is %v, want %v", again, first)
	}
}

// TestExplainSaysWhatWasDone compares what Explain says with the sections before and after.
func TestExplainSaysWhatWasDone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(43, 44))
	for range 600 {
		set := randomAddresses(rnd, 1+rnd.IntN(8))
		m, q := randomModel(rnd, set), randomQuery(rnd, set)
		for range rnd.IntN(3) { // the same record again
			set = append(set, set[rnd.IntN(len(set))])
		}
		in := mixed(rnd, set, randomAddresses(rnd, 1), oneOf(rnd, randomAddresses, randomRecords)(rnd, 1+rnd.IntN(4)))
		o := m.orderer()
		out := o.Answer(in, q, "")
		explained := 0
		for _, s := range Explain(o, in, out, q) {
			explained += len(s.Records)
			checkExplained(t, m, q, s, membersOf(in, s.Records[0].RR), membersOf(out, s.Records[0].RR))
		}
		ordered := 0
		for _, rr := range in {
			if slices.Contains(m.types, rr.Header().Rrtype) {
				ordered++
			}
		}
		if explained != ordered {
			t.Fatalf("%d records are explained, want %d", explained, ordered)
		}
	}
}

// membersOf returns the records of a section that are of the RRset of rr.
func membersOf(section []dns.RR, rr dns.RR) (set []dns.RR) {
	for _, other := range section {
		if nameOf(other) == nameOf(rr) {
			set = append(set, other)
		}
	}
	return set
}

// checkExplained checks s, which is about an RRset with these records before and after it was
// ordered.
func checkExplained(t *testing.T, m *model, q *Query, s Set, before, after []dns.RR) {
	t.Helper()
	var all, kept []dns.RR
	nearest, cutTier := 0, uint32(0)
	for i, r := range s.Records {
		all = append(all, r.RR)
		if !r.Cut {
			kept = append(kept, r.RR)
		}
		if r.Tier != tierOf(r.RR, q) {
			t.Fatalf("%v is in tier %d, explained as %d", r.RR, tierOf(r.RR, q), r.Tier)
		}
		if r.Tier == s.Records[0].Tier {
			nearest++
		}
		if r.Cut && (r.Tier < cutTier || i == 0 || !s.Records[i-1].Cut && len(kept) != i) {
			t.Fatalf("%v is cut off out of place: %v", r.RR, s)
		}
		if r.Cut {
			cutTier = r.Tier
		}
	}
	checkMembers(t, all, before)
	if !slices.Equal(kept, after) {
		t.Fatalf("the order is\n%sexplained as\n%s", lines(after), lines(kept))
	}
	for i, r := range s.Records {
		failOver := len(kept) < len(all) && i == len(kept)-1 && i > 0 && nearest >= q.Limit && r.Tier != s.Records[0].Tier
		if r.FailOver != failOver {
			t.Fatalf("%v is kept to fail over %v, want %v", r.RR, r.FailOver, failOver)
		}
		ahead, answers := m.share(s, r)
		if r.Answers == 0 && answers > 0 || r.Ahead*answers != ahead*r.Answers || answers > 0 && r.Answers > answers {
			t.Fatalf("%+v: %v is ahead in %d of %d, want %d of %d", m, r.RR, r.Ahead, r.Answers, ahead, answers)
		}
	}
}

// share returns in how many of how many answers r is ahead of the others in its tier of s; 0 of 0 if
// the order there never changes.
func (m *model) share(s Set, r Record) (ahead, answers uint64) {
	if m.rotation == Fixed || m.rotation == Sticky && !hasAddress(r.RR) {
		return 0, 0
	}
	members := uint64(0)
	for _, other := range s.Records {
		if other.Tier == r.Tier {
			members++
			answers += uint64(m.weightOf(other.RR))
		}
	}
	if answers == 0 {
		return 1, members
	}
	return uint64(m.weightOf(r.RR)), answers
}
