package kubernetes

import (
	"fmt"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

const (
	bigNodes = 5_000
	bigPods  = 150_000
)

// bigPod returns the i-th Pod of a big cluster: pods of one node have neighbouring addresses.
func bigPod(i int) *podInfo {
	addr := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
	return trimmed[podInfo](aPod(fmt.Sprintf("pod-%d", i), fmt.Sprintf("node-%d", i/30), int64(i), addr))
}

// newBig returns the places of a big cluster, and how many bytes they take.
func newBig() (p *places, size uint64) {
	nodes, _ := syntheticCluster(bigNodes, 0, true)
	before := topologytest.LiveHeap()
	p = newPlaces(PodsOn, "")
	for _, n := range nodes {
		p.nodes.set(trimmed[nodeInfo](n))
	}
	for i := range bigPods {
		p.pods.set(bigPod(i))
	}
	p.nodes.synced = true
	p.pods.synced = true
	p.foreign.replace(nil)
	p.table()
	size = topologytest.LiveHeap() - before
	nodes[0].Labels = nil // used here so that the nodes live while memory is measured
	return p, size
}

// BenchmarkPodChange measures one Pod that moves, and the table with it.
func BenchmarkPodChange(b *testing.B) {
	p, size := newBig()
	moved := []*podInfo{bigPod(17), bigPod(17)}
	moved[1].node = "node-9"
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		p.pods.set(moved[i&1])
		p.table()
		i++
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}

// BenchmarkNodeChange measures one node that gets another zone, and the table with it.
func BenchmarkNodeChange(b *testing.B) {
	p, _ := newBig()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		p.nodes.set(trimmed[nodeInfo](node("node-7", "region-1", fmt.Sprintf("zone-%d", i&1), "192.168.0.7")))
		p.table()
		i++
	}
}

// BenchmarkFind measures a look-up of a Pod among many.
func BenchmarkFind(b *testing.B) {
	p, _ := newBig()
	table := p.table()
	addr := parseAddr("10.1.17.18")
	b.ReportAllocs()
	b.Run("Find", func(b *testing.B) {
		for b.Loop() {
			if table.Find(addr) == nil {
				b.Fatal("not found")
			}
		}
	})
	b.Run("Scope", func(b *testing.B) {
		for b.Loop() {
			table.Scope(addr)
		}
	})
}
