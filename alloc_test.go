package ordering

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/plugin/rrset"

	"github.com/miekg/dns"
)

// allocations returns how often f allocates once the pools are filled.
func allocations(t *testing.T, f func()) float64 {
	t.Helper()
	if systemtest.Raced() {
		t.Skip("the race detector makes sync.Pool drop what it holds at random")
	}
	for range 20 {
		f()
	}
	return testing.AllocsPerRun(200, f)
}

// orderedBy returns a function that orders the answer section in once, for the same client each
// time.
func orderedBy(p *policy, in []dns.RR) func() {
	client := netip.MustParseAddr("10.240.0.77")
	return func() {
		q := rrset.Query{Limit: p.limit}
		p.ranker.Rank(&q.Ranking, client)
		p.orderer.Answer(in, &q, hot)
	}
}

// TestAllocationsOfAnOrder allows one slice where a record moves, and nothing where none does.
func TestAllocationsOfAnOrder(t *testing.T) {
	for _, tt := range []struct {
		name, properties string
		moves            bool
	}{
		{"nothing moves", "local_net_priority off\nround_robin off", false},
		{"nothing moves, ranked", "round_robin off\nsortlist any 192.168.0.0/16,10.0.0.0/8", false},
		{"tiers and turns", "", true},
		{"random", "round_robin random", true},
		{"sticky", "round_robin sticky", true},
		{"sort list", "round_robin off\nsortlist any 10.240.0.0/16 !192.168.0.0/16", true},
		{"topology", "round_robin off\ntopology TABLE", true},
		{"weights", "weight 10.0.0.0/8 3\nweight 192.168.0.0/16 200", true},
		{"limit", "answer_limit 1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := policyOf(t, withTable(t, "ordering {\n"+tt.properties+"\n}"))
			for _, n := range sizes {
				for _, nets := range [][]string{nets4, nets6} {
					in, most := spread(n, nets[0]), 0.0
					if tt.moves {
						in, most = spread(n, nets...), 1
					}
					if got := allocations(t, orderedBy(p, in)); got > most {
						t.Errorf("%d records of %s: %v allocations, want at most %v", n, nets[0], got, most)
					}
				}
			}
		})
	}
}

// TestAllocationsOfInterleavedRRsets has sections in which records of several RRsets alternate.
func TestAllocationsOfInterleavedRRsets(t *testing.T) {
	p := policyOf(t, "ordering")
	for _, owners := range []int{1, 2, 50} {
		in := spread(200, nets4...)
		for i, rr := range in {
			rr.Header().Name = fmt.Sprintf("n%d.example.org.", i%owners)
		}
		if got := allocations(t, orderedBy(p, in)); got > 1 {
			t.Errorf("%d RRsets: %v allocations, want at most 1", owners, got)
		}
	}
}

// TestAllocationsOfAQuery allows three: the wrapper of the writer, what plugin.NextOrFailure
// allocates, and one slice.
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
					t.Errorf("%d records: %v allocations, want at most 3", n, got)
				}
			}
		})
	}
}

// TestAllocationsWithoutAnOrder allows nothing besides the wrapper of the writer where nothing
// moves.
func TestAllocationsWithoutAnOrder(t *testing.T) {
	below := answering(spread(10, nets4...), true)
	ctx, w, r := servingContext(), from("10.240.0.77"), questionFor(nets4)
	outside := orderingOf(t, "ordering example.net", below)
	still := orderingOf(t, "ordering {\nlocal_net_priority off\nround_robin off\n}", below)
	passing := allocations(t, func() { outside.ServeDNS(ctx, w, r) })
	if got := allocations(t, func() { still.ServeDNS(ctx, w, r) }); passing > 1 || got > passing+1 {
		t.Errorf("%v allocations in another zone, %v where nothing moves", passing, got)
	}
}
