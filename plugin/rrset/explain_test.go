package rrset

import (
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
	for name, in := range map[string][]dns.RR{"empty": nil, "another type": mx} {
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
