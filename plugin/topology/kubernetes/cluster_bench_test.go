package kubernetes

import (
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// big is a Cluster of 5,000 nodes and 100,000 endpoints, with what the informers would hold.
type big struct {
	c             *Cluster
	nodes, slices []any
	beat          *v1.Node
	size          uint64
}

func newBig(cloud bool) *big {
	nodes, endpointSlices := syntheticCluster(5_000, 100_000, cloud)
	b := &big{c: newCluster(&rest.Config{}), beat: nodes[17].DeepCopy()}
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
	for _, o := range nodes { // used here so that the objects live while memory is measured
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
		before := infoOf[nodeInfo](big.nodes[17])
		b.ReportAllocs()
		for b.Loop() {
			big.c.nodeChanged(before, infoOf[nodeInfo](trimmed(big.beat)))
		}
		if len(big.c.changed) != 0 {
			b.Error("a heartbeat needs a new table")
		}
	})
}

// BenchmarkClusterEndpointGone measures the event of a slice that loses one of 100 endpoints.
func BenchmarkClusterEndpointGone(b *testing.B) {
	eachCluster(b, func(b *testing.B, big *big) {
		before := infoOf[sliceInfo](big.slices[17])
		after := &sliceInfo{ObjectMeta: before.ObjectMeta, endpoints: before.endpoints[1:]}
		b.ReportAllocs()
		for b.Loop() {
			big.c.sliceChanged(before, after)
		}
		b.ReportMetric(float64(len(big.c.changed)), "rebuilds")
	})
}

// BenchmarkClusterSync measures the time from Start to Ready, the test's API server included.
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
