package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestStickyGivesAClientOneOrder(t *testing.T) {
	const (
		all   = "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4"
		fewer = "192.0.2.1 192.0.2.2 192.0.2.4"
	)
	sticky := func(addresses string) *testServer {
		return start(t, "example.org {\n import clients\n ordering {\n round_robin sticky\n }\n file "+
			zoneFile(t, host("www", addresses))+"\n}")
	}
	const clients = 400
	// The second server has another base order, the third has one address fewer.
	one, two, three := sticky(all), sticky(rotated(all, 3)), sticky(fewer)
	firsts := tally{}
	for i := range clients {
		client := fmt.Sprintf("198.51.%d.%d", 100+i/200, 1+i%200)
		order := one.as(client).answer("www.example.org")
		firsts[first(order)]++
		if again := one.as(client).answer("www.example.org"); again != order {
			t.Fatalf("%s gets %s and then %s", client, order, again)
		}
		if other := two.as(client).answer("www.example.org"); other != order {
			t.Fatalf("%s gets %s from one server, %s from another", client, order, other)
		}
		left := strings.Join(slices.DeleteFunc(strings.Fields(order), func(a string) bool { return a == "192.0.2.3" }), " ")
		if got := three.as(client).answer("www.example.org"); got != left {
			t.Fatalf("without 192.0.2.3, %s gets %s, want %s", client, got, left)
		}
	}
	// The hashes have no seed, so these counts are the same in every run.
	for _, a := range strings.Fields(all) {
		if n := firsts[a]; n < clients/4-40 || n > clients/4+40 {
			t.Errorf("%s comes first for %d of %d clients", a, n, clients)
		}
	}
}

func TestStickyKeepsTheTiers(t *testing.T) {
	const received = "192.0.2.1 10.9.8.1 192.0.2.2 10.9.8.2"
	s := start(t, "example.org {\n import clients\n ordering {\n round_robin sticky\n }\n file "+
		zoneFile(t, host("www", received))+"\n}")
	orders := map[string]bool{}
	for i := range 50 {
		got := s.as(fmt.Sprintf("10.9.8.%d", 10+i)).answer("www.example.org")
		if words := strings.Fields(got); !strings.HasPrefix(words[0], "10.") || !strings.HasPrefix(words[1], "10.") {
			t.Fatalf("%s: the tiers are mixed", got)
		}
		orders[got] = true
	}
	if len(orders) != 4 {
		t.Errorf("50 clients see %d orders, want all 4", len(orders))
	}
}

func TestWeightsAreExactInEachCycle(t *testing.T) {
	tests := []struct {
		name, weights, addresses string
		client                   string
		want                     tally // in one cycle
	}{
		{"3:1", "weight 192.0.2.1 3", "192.0.2.1 192.0.2.2", "198.51.100.7", tally{"192.0.2.1": 3, "192.0.2.2": 1}},
		{"5:3:2", "weight 192.0.2.1 5\nweight 192.0.2.2 3\nweight 192.0.2.3 2", "192.0.2.1 192.0.2.2 192.0.2.3",
			"198.51.100.7", tally{"192.0.2.1": 5, "192.0.2.2": 3, "192.0.2.3": 2}},
		{"a network, and longer prefixes in it", "weight 192.0.2.0/24 4\nweight 192.0.2.128/25 2",
			"192.0.2.1 192.0.2.200 203.0.113.1", "198.51.100.7", tally{"192.0.2.1": 4, "192.0.2.200": 2, "203.0.113.1": 1}},
		{"0 is never before a higher weight", "weight 192.0.2.1 0\nweight 192.0.2.2 2", "192.0.2.1 192.0.2.2 192.0.2.3",
			"198.51.100.7", tally{"192.0.2.2": 2, "192.0.2.3": 1}},
		{"0 among zeros", "weight 192.0.2.0/24 0", "192.0.2.1 192.0.2.2", "198.51.100.7",
			tally{"192.0.2.1": 1, "192.0.2.2": 1}},
		{"inside the nearest tier", "weight 192.0.2.1 200\nweight 10.9.8.2 2", "192.0.2.1 10.9.8.1 10.9.8.2", "10.9.8.7",
			tally{"10.9.8.1": 1, "10.9.8.2": 2}},
		{"255:1", "weight 192.0.2.2 255", "192.0.2.1 192.0.2.2", "198.51.100.7", tally{"192.0.2.1": 1, "192.0.2.2": 255}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering {\n "+test.weights+"\n }\n file "+
				zoneFile(t, host("www", test.addresses))+"\n}")
			length := 0
			for _, n := range test.want {
				length += n
			}
			for cycle := range 3 {
				firsts := tally{}
				for range length {
					answer := s.as(test.client).answer("www.example.org")
					if len(answer) != len(test.addresses) {
						t.Fatalf("%s: records are missing", answer)
					}
					firsts[first(answer)]++
				}
				if !maps.Equal(firsts, test.want) {
					t.Errorf("cycle %d has first places %v\nwant %v", cycle, firsts, test.want)
				}
			}
		})
	}
}

// The turns of an address with a large weight are spread over the cycle. In any number of answers
// in a row, its first places differ from its share by at most one.
func TestWeightedTurnsAreSpreadOut(t *testing.T) {
	tests := []struct {
		weight string
		share  float64
	}{
		{"3", 3.0 / 6},
		{"6", 6.0 / 9},
	}
	for _, test := range tests {
		t.Run(test.weight+":1:1:1", func(t *testing.T) {
			s := start(t, "example.org {\n import clients\n ordering {\n weight 192.0.2.1 "+test.weight+"\n }\n file "+
				zoneFile(t, host("www", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4"))+"\n}")
			var before []int // first places of 192.0.2.1 before each turn
			places := 0
			for range 90 {
				before = append(before, places)
				if first(s.as("198.51.100.7").answer("www.example.org")) == "192.0.2.1" {
					places++
				}
			}
			for from := range before {
				for to := from + 1; to < len(before); to++ {
					got, want := float64(before[to]-before[from]), test.share*float64(to-from)
					if got < want-1.001 || got > want+1.001 {
						t.Errorf("%v first places in the turns %d to %d, want %.1f", got, from, to-1, want)
					}
				}
			}
		})
	}
}

// 192.0.2.1 comes first with a probability of 3/4: in 1500 of 2000 answers on average. The
// probability of fewer than 1300 or more than 1700 is about 10^-20.
func TestRandomFollowsTheWeights(t *testing.T) {
	s := start(t, "example.org {\n import clients\n ordering {\n "+
		"round_robin random\n weight 192.0.2.1 3\n weight 192.0.2.3 0\n }\n file "+
		zoneFile(t, host("www", "192.0.2.1 192.0.2.2 192.0.2.3"))+"\n}")
	firsts := tally{}
	for range 2000 {
		firsts[first(s.as("198.51.100.7").answer("www.example.org"))]++
	}
	if n := firsts["192.0.2.1"]; n < 1300 || n > 1700 || firsts["192.0.2.3"] != 0 {
		t.Errorf("first places are %v", firsts)
	}
}
