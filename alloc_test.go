package ordering

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/rrset"
)

// allocations returns how often f allocates once the pools are warm.
func allocations(t *testing.T, f func()) float64 {
	t.Helper()
	if raced {
		t.Skip("the race detector allocates")
	}
	for range 20 {
		f()
	}
	return testing.AllocsPerRun(200, f)
}

// TestAllocationsOfTheCore allows one slice where something moves and nothing where all stays.
func TestAllocationsOfTheCore(t *testing.T) {
	for _, tt := range []struct {
		name, properties string
		moves            bool
	}{
		{"all stays", "local_net_priority off\nround_robin off", false},
		{"all stays, ranked", "round_robin off\nsortlist any 192.168.0.0/16,10.0.0.0/8", false},
		{"tiers and turns", "", true},
		{"random", "round_robin random", true},
		{"sticky", "round_robin sticky", true},
		{"a sort list", "round_robin off\nsortlist any 10.240.0.0/16 !192.168.0.0/16", true},
		{"topology", "round_robin off\ntopology TABLE", true},
		{"weights", "weight 10.0.0.0/8 3\nweight 192.168.0.0/16 200", true},
		{"a limit", "answer_limit 1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, withTable(t, "ordering {\n"+tt.properties+"\n}"))
			client := netip.MustParseAddr("10.240.0.77")
			for _, n := range sizes {
				for _, nets := range [][]string{nets4, nets6} {
					in := spread(n, nets...)
					if !tt.moves {
						in = spread(n, nets[0])
					}
					got := allocations(t, func() {
						q := rrset.Query{Limit: p.limit}
						p.ranker.Rank(&q.Ranking, client)
						p.orderer.Answer(in, &q, hot)
					})
					if most := map[bool]float64{false: 0, true: 1}[tt.moves]; got > most {
						t.Errorf("%d records of %s: %v allocations, at most %v are due", n, nets[0], got, most)
					}
				}
			}
		})
	}
}

// TestAllocationsOfAQuery allows the wrapper, the one that plugin.NextOrFailure makes, and one slice.
func TestAllocationsOfAQuery(t *testing.T) {
	for _, s := range served {
		if !strings.HasPrefix(s.corefile, "ordering") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			nets, w := nets4, from("10.240.0.77")
			if s.nets != nil {
				nets, w = s.nets, from(s.client)
			}
			ctx, r := servingContext(), questionFor(nets)
			for _, n := range sizes {
				chain := through(t, withTable(t, s.corefile), answering(spread(n, nets...), !s.referred))
				if got := allocations(t, func() { chain.ServeDNS(ctx, w, r) }); got > 3 {
					t.Errorf("%d records: %v allocations", n, got)
				}
			}
		})
	}
}

// TestAllocationsWithoutAnOrder allows nothing beyond the wrapper where nothing moves.
func TestAllocationsWithoutAnOrder(t *testing.T) {
	below := answering(spread(10, nets4...), true)
	elsewhere := orderingOf(t, "ordering example.net", below)
	ctx, w, r := servingContext(), from("10.240.0.77"), questionFor(nets4)
	still := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin off\n}", below)
	outside := allocations(t, func() { elsewhere.ServeDNS(ctx, w, r) })
	if got := allocations(t, func() { still.ServeDNS(ctx, w, r) }); outside > 1 || got > outside+1 {
		t.Errorf("%v allocations in another zone, %v where nothing moves", outside, got)
	}
}

// TestAllocationsOfInterleavedRRsets has what is gathered from several stretches of a section.
func TestAllocationsOfInterleavedRRsets(t *testing.T) {
	p := policyOf(t, "ordering")
	client := netip.MustParseAddr("10.240.0.77")
	for _, owners := range []int{1, 2, 50} {
		in := spread(200, nets4...)
		for i, rr := range in {
			rr.Header().Name = fmt.Sprintf("n%d.example.org.", i%owners)
		}
		got := allocations(t, func() {
			q := rrset.Query{Limit: p.limit}
			p.ranker.Rank(&q.Ranking, client)
			p.orderer.Answer(in, &q, hot)
		})
		if got > 1 {
			t.Errorf("%d RRsets: %v allocations", owners, got)
		}
	}
}
