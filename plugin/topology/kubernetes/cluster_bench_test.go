package kubernetes

import (
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
)

// big is a cluster of 5,000 nodes and 100,000 endpoints, and what an informer would hold of it.
type big struct {
	c             *Cluster
	nodes, slices []any
	beat          *v1.Node
	size          uint64
}

func newBig(cloud bool) *big {
	nodes, endpointSlices := syntheticCluster(5_000, 100_000, cloud)
	b := &big{c: newCluster(nil), beat: nodes[17].DeepCopy()}
	before := topologytest.LiveHeap()
	for _, n := range nodes {
		b.nodes = append(b.nodes, trimmed(n))
	}
	for _, s := range endpointSlices {
		b.slices = append(b.slices, trimmed(s))
	}
	b.c.rebuild(listed(b.nodes...), listed(b.slices...))
	b.size = topologytest.LiveHeap() - before
	b.beat.Status.Conditions = make([]v1.NodeCondition, 5)
	for _, o := range nodes { // still there while the memory was measured
		o.Labels = nil
	}
	for _, o := range endpointSlices {
		o.Endpoints = nil
	}
	return b
}

func eachCluster(b *testing.B, run func(b *testing.B, big *big)) {
	for name, cloud := range map[string]bool{"pods=in-node-networks": false, "pods=in-cloud-networks": true} {
		b.Run(name, func(b *testing.B) { run(b, newBig(cloud)) })
	}
}

func BenchmarkClusterRebuild(b *testing.B) {
	eachCluster(b, func(b *testing.B, big *big) {
		b.ReportAllocs()
		for b.Loop() {
			big.c.rebuild(listed(big.nodes...), listed(big.slices...))
		}
		b.ReportMetric(float64(big.size)/1e6, "MB")
		b.ReportMetric(float64(big.c.Table().Len()), "networks")
	})
}

func BenchmarkClusterHeartbeat(b *testing.B) {
	eachCluster(b, func(b *testing.B, big *big) {
		before := facts[nodeFacts](big.nodes[17])
		b.ReportAllocs()
		for b.Loop() {
			big.c.nodeChanged(before, facts[nodeFacts](trimmed(big.beat)))
		}
		if len(big.c.changed) != 0 {
			b.Error("a heartbeat calls for a new table")
		}
	})
}

// BenchmarkClusterEndpointGone is one pod of a hundred going away.
func BenchmarkClusterEndpointGone(b *testing.B) {
	eachCluster(b, func(b *testing.B, big *big) {
		before := facts[sliceFacts](big.slices[17])
		after := &sliceFacts{ObjectMeta: before.ObjectMeta, endpoints: before.endpoints[1:]}
		b.ReportAllocs()
		for b.Loop() {
			big.c.sliceChanged(before, after)
		}
		b.ReportMetric(float64(len(big.c.changed)), "rebuilds")
	})
}

// BenchmarkClusterSync is from Start to ready, the API server's share included.
func BenchmarkClusterSync(b *testing.B) {
	s := newAPIServer(b)
	nodes, endpointSlices := syntheticCluster(5_000, 100_000, true)
	for _, n := range nodes {
		s.put(n)
	}
	for _, e := range endpointSlices {
		s.put(e)
	}
	for b.Loop() {
		c := s.cluster(b)
		start(b, c)
		topologytest.Eventually(b, "ready", c.Ready)
		c.Stop()
	}
}
