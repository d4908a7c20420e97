// Package kubernetes learns from a Kubernetes cluster where addresses are.
//
// A Cluster is a topology.Source that watches a cluster through its API server. The location of a
// node is region/zone/node: its labels topology.kubernetes.io/region and topology.kubernetes.io/zone,
// and its name. The node's addresses are there, and so are the Pods that run on it.
package kubernetes

import (
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/coredns-ordering/ordering/plugin/topology"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"k8s.io/client-go/rest"
)

var log = clog.NewWithPlugin("ordering")

// Cluster is a topology.Source for a Kubernetes cluster.
//
// A node without a region or zone label has topology.Unknown in its place, unless another node in
// the same zone has the region. A node's addresses include those of the tunnels of Calico and Cilium.
//
// Pods are where their node is. Options.Pods says how a Cluster knows their addresses: from the
// nodes' spec.podCIDRs, or from the Pods. Of two Pods with one address, the newest running one has it.
// EndpointSlices that the cluster's own controller did not write give the place of what no Pod has:
// the zone, and the node if somebody wrote the slice by hand and named a node of that zone.
//
// An address that several nodes claim, or several endpoints, gets the labels that the claims share:
// the zone, if two nodes of one zone claim it. An address whose place is not certain has none.
//
// While the API server does not answer, the last table stays, and the Cluster keeps trying. Clusters
// that connect to the same API server with the same account and options share one set of watches.
type Cluster struct {
	config *rest.Config
	name   string
	key    watcherKey

	watcher atomic.Pointer[watcher] // nil before Start

	mu      sync.Mutex
	started bool
}

var (
	_ topology.Leveled   = (*Cluster)(nil)
	_ topology.Explainer = (*Cluster)(nil)
)

// New returns a Cluster with these options. New connects to nothing. The error says what is wrong
// with the kubeconfig, or that there is no service account.
func New(o Options) (*Cluster, error) {
	config, err := clientConfig(o.Kubeconfig, o.Context)
	if err != nil {
		return nil, err
	}
	config.UserAgent = "coredns-ordering"
	config.WarningHandler = rest.NoWarnings{}
	// The other defaults fit: protobuf, no timeout, which would end watches, and a limit of 5 requests
	// a second, where a few watches need far fewer.
	return newCluster(config, o.Pods), nil
}

func newCluster(config *rest.Config, option Pods) *Cluster {
	name := config.Host
	if u, err := url.Parse(config.Host); err == nil && u.Host != "" {
		name = u.Host
	}
	return &Cluster{config: config, name: "kubernetes " + name, key: keyOf(config, option)}
}

var empty topology.Table

// Table returns the table of what was last learned. It is empty before Start.
func (c *Cluster) Table() *topology.Table {
	if w := c.watcher.Load(); w != nil {
		return w.current.Load()
	}
	return &empty
}

// Ready reports whether all that Table needs has been read once, or the wait for it took longer than
// 30 seconds.
func (c *Cluster) Ready() bool {
	w := c.watcher.Load()
	return w != nil && w.ready.Load()
}

// Synced reports whether all that Table needs has been read once.
func (c *Cluster) Synced() bool {
	w := c.watcher.Load()
	return w != nil && w.synced.Load()
}

// Name returns "kubernetes" and the host of the API server.
func (c *Cluster) Name() string { return c.name }

// Explain returns the evidence for the location of addr, such as "podCIDR 10.244.1.0/24", "pod on
// node-7", "slice shop/web-x2k9" or "address of node-7"; or that there is none.
func (c *Cluster) Explain(addr netip.Addr) string {
	w := c.watcher.Load()
	if w == nil {
		return "the cluster is not watched"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return explain(w.places, addr.Unmap().WithZone(""))
}

// Mend returns what to do so that the table gets a location for addr.
func (c *Cluster) Mend(addr netip.Addr) string {
	return fmt.Sprintf("a topology file in the same directive can say where the network of %v is", addr)
}

// Describe returns how much is known, and how the Cluster knows where Pods are.
func (c *Cluster) Describe() string {
	w := c.watcher.Load()
	if w == nil {
		return c.name
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return describe(w.places, w.current.Load().Len())
}

// Levels returns the names of the labels of its locations.
func (c *Cluster) Levels() []string { return []string{"region", "zone", "node"} }

// Start begins to watch the cluster, and returns at once whether or not the API server answers. The
// error says why there can be no connection. Start does nothing if the Cluster is running.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		return nil
	}
	w, err := watchers.start(c.key, c.name, c.config)
	if err != nil {
		return err
	}
	c.watcher.Store(w)
	c.started = true
	return nil
}

// Stop ends the watch if no other Cluster shares it, and waits for its end. The last table stays. The
// error is always nil.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		watchers.stop(c.key)
		c.started = false
	}
	return nil
}
