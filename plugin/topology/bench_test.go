package topology

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// manyNetworks returns n networks with 10,000 locations: IPv4 up to /24, or IPv6 from /48 to /64 in
// one /24.
func manyNetworks(n int, six bool) oracle {
	rnd := rand.New(rand.NewPCG(5, 6))
	base, widest, narrowest := netip.MustParsePrefix("0.0.0.0/0"), 16, 24
	if six {
		base, widest, narrowest = netip.MustParsePrefix("2a00::/24"), 48, 64
	}
	seen := make(map[netip.Prefix]bool, n)
	o := make(oracle, n)
	for i := range o {
		for o[i].network == (netip.Prefix{}) || seen[o[i].network] {
			length := narrowest - min(rnd.IntN(20), narrowest-widest)*rnd.IntN(2)
			o[i].network = netip.PrefixFrom(randomAddr(rnd, base, narrowest), length).Masked()
		}
		seen[o[i].network] = true
		place := rnd.IntN(10_000)
		o[i].location = fmt.Sprintf("region-%d/zone-%d/rack-%d", place%20, place%60, place)
	}
	return o
}

func eachTable(b *testing.B, run func(b *testing.B, o oracle)) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		for _, family := range []string{"IPv4", "IPv6"} {
			b.Run(fmt.Sprintf("networks=%d/%s", n, family), func(b *testing.B) {
				if testing.Short() && n > 100_000 {
					b.Skip("takes long")
				}
				run(b, manyNetworks(n, family == "IPv6"))
			})
		}
	}
}

func BenchmarkFind(b *testing.B) {
	eachTable(b, func(b *testing.B, o oracle) {
		rnd := rand.New(rand.NewPCG(7, 8))
		before := topologytest.LiveHeap()
		table := o.table(b)
		size := topologytest.LiveHeap() - before
		addrs := make([]netip.Addr, 1<<16)
		for i := range addrs {
			network := o[rnd.IntN(len(o))].network
			addrs[i] = randomAddr(rnd, network, network.Addr().BitLen())
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			table.Find(addrs[i&(len(addrs)-1)])
			i++
		}
		b.ReportMetric(float64(size)/1e6, "MB")
	})
}

func BenchmarkParse(b *testing.B) {
	eachTable(b, func(b *testing.B, o oracle) {
		var text bytes.Buffer
		for _, e := range o {
			fmt.Fprintln(&text, e.network, e.location)
		}
		b.SetBytes(int64(text.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parse("networks", bytes.NewReader(text.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkShared(b *testing.B) {
	l, err := ParseLocation("region-1/zone-1/rack-1")
	if err != nil {
		b.Fatal(err)
	}
	m, err := ParseLocation("region-1/zone-1/rack-2")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Shared(m)
	}
}
