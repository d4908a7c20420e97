// Package kubernetes learns from a Kubernetes cluster where addresses are.
//
// A Cluster is a topology.Source that watches the nodes and EndpointSlices of a cluster through its
// API server. The location of a node is region/zone/node: its labels topology.kubernetes.io/region
// and topology.kubernetes.io/zone, and its name. The node's addresses and pod networks get that
// location, and so do the endpoints that run on the node.
package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

var log = clog.NewWithPlugin("ordering")

// name is what Name returns for every Cluster.
const name = "kubernetes"

// minPause is the shortest time between two tables.
const minPause = 250 * time.Millisecond

// Cluster is a topology.Source for a Kubernetes cluster.
//
// A node without a region or zone label has topology.Unknown in its place, unless another node in
// the same zone has the region. An endpoint has the location of its node or, if there is no such
// node, of its zone. It gets an entry of its own only where the networks of the nodes give its
// address another location, a wider one or none.
//
// An address that several nodes claim, or several endpoints, gets the labels that the claims share:
// the zone, if two nodes of one zone claim it. No endpoint changes the location of a node's own
// address.
//
// While the API server does not answer, the last table stays, and the Cluster keeps trying. A
// Cluster begins with the table of another one that is running for the same API server, if there is
// one.
type Cluster struct {
	config *rest.Config

	table   atomic.Pointer[topology.Table]
	ready   atomic.Bool
	changed chan struct{} // holds one element while the table is out of date

	mu    sync.Mutex // held while a table is made, and while an event is compared with the table
	index *nodeIndex // of the table; nil before the first

	lifecycle sync.Mutex
	stop      func()            // not nil between Start and Stop
	metrics   *topology.Metrics // nil before Start
}

var _ topology.Leveled = (*Cluster)(nil)

// New returns a Cluster that connects as the context of a kubeconfig says. kubeconfig is a path. If
// it is empty, the Cluster connects with the service account of the pod that it runs in. If context
// is empty, the kubeconfig's current context is used. New connects to nothing. The error says what
// is wrong with the kubeconfig, or that there is no service account.
func New(kubeconfig, context string) (*Cluster, error) {
	config, err := clientConfig(kubeconfig, context)
	if err != nil {
		return nil, err
	}
	config.UserAgent = "coredns-ordering"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.WarningHandler = rest.NoWarnings{}
	// The other defaults fit: no timeout, which would end watches, and a limit of 5 requests a
	// second, where two watches need far fewer.
	return newCluster(config), nil
}

func newCluster(config *rest.Config) *Cluster {
	c := &Cluster{config: config, changed: make(chan struct{}, 1)}
	c.table.Store(&topology.Table{})
	return c
}

// Table returns the table of what was last learned. It is empty before Ready reports true.
func (c *Cluster) Table() *topology.Table { return c.table.Load() }

// Ready reports whether the nodes and the EndpointSlices have been read once, by this Cluster or by
// the one whose table it began with.
func (c *Cluster) Ready() bool { return c.ready.Load() }

// Levels returns the names of the labels of its locations.
func (c *Cluster) Levels() []string { return []string{"region", "zone", "node"} }

// Name returns "kubernetes".
func (c *Cluster) Name() string { return name }

// Start begins to watch the cluster, and returns at once whether or not the API server answers. The
// error says why there can be no connection. Start does nothing if the Cluster is running.
func (c *Cluster) Start() error {
	c.lifecycle.Lock()
	defer c.lifecycle.Unlock()
	if c.stop != nil {
		return nil
	}
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return fmt.Errorf("%s: %w", c.config.Host, err)
	}
	status := &apiStatus{host: c.config.Host}
	nodes, endpointSlices, err := c.informers(client, status)
	if err != nil {
		return fmt.Errorf("%s: %w", c.config.Host, err)
	}
	c.metrics = topology.NewMetrics(name)
	status.metrics = c.metrics
	running.add(c)

	// Without a logger: reflectors log each failure, which apiStatus logs more clearly and once.
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	var goroutines sync.WaitGroup
	goroutines.Go(func() { nodes.RunWithContext(ctx) })
	goroutines.Go(func() { endpointSlices.RunWithContext(ctx) })
	goroutines.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), nodes.HasSynced, endpointSlices.HasSynced) {
			c.follow(ctx, func() { c.rebuild(nodes.GetStore().List, endpointSlices.GetStore().List) })
		}
	})
	c.stop = func() {
		cancel()
		goroutines.Wait()
		utilnet.CloseIdleConnectionsFor(client.Transport)
		running.remove(c)
		c.metrics.Close()
	}
	return nil
}

// Stop ends the watch and waits for its end. Its error is always nil.
func (c *Cluster) Stop() error {
	c.lifecycle.Lock()
	defer c.lifecycle.Unlock()
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	return nil
}

// informers returns one informer per kind. They hold *nodeInfo and *sliceInfo.
func (c *Cluster) informers(client *http.Client, status *apiStatus) (
	nodes, endpointSlices cache.SharedIndexInformer, err error) {

	core, err := corev1.NewForConfigAndClient(c.config, client)
	if err != nil {
		return nil, nil, err
	}
	discovery, err := discoveryv1.NewForConfigAndClient(c.config, client)
	if err != nil {
		return nil, nil, err
	}
	nodes, err = newInformer("nodes", core.Nodes(), trimNode, status, c.nodeChanged)
	if err != nil {
		return nil, nil, err
	}
	endpointSlices, err = newInformer("endpointslices", discovery.EndpointSlices(""), trimSlice, status, c.sliceChanged)
	return nodes, endpointSlices, err
}

// follow calls rebuild at once, and again whenever the table is out of date, until ctx is done.
// After each call it waits for ten times as long as the call took, so that a cluster with many
// changes takes no more than a tenth of a processor.
func (c *Cluster) follow(ctx context.Context, rebuild func()) {
	select {
	case <-c.changed: // by an event that the first table includes
	default:
	}
	for {
		began := time.Now()
		rebuild()
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(minPause, 10*time.Since(began))):
		}
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
	}
}

// markChanged notes that the table is out of date.
func (c *Cluster) markChanged() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// rebuild makes the table of what the informers hold. It lists that under the lock: an event that
// is too late for the lists has to wait, and is then compared with the new table, not the old one.
func (c *Cluster) rebuild(nodes, endpointSlices func() []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index = indexNodes(nodes())
	t := c.index.tableWith(endpointSlices())
	c.table.Store(t)
	c.metrics.Entries(t.Len())
	if !c.ready.Swap(true) {
		log.Infof("topology: kubernetes: nodes: %d, networks: %d", len(c.index.nodes), t.Len())
	}
}

// nodeChanged handles an event of a node; after is nil for a node that was deleted. It marks the
// table as out of date unless the table was made from the same information, as after a heartbeat.
func (c *Cluster) nodeChanged(_, after *nodeInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if after == nil || c.index == nil || !after.equal(c.index.nodes[after.Name]) {
		c.markChanged()
	}
}

// sliceChanged handles an event of an EndpointSlice, of which before is nil if it is new and after
// if it was deleted. It marks the table as out of date if an endpoint of before may have an entry
// of its own, or if an endpoint of after needs one. Where pods have addresses in their node's pod
// network, neither is the case, whatever pods come and go.
func (c *Cluster) sliceChanged(before, after *sliceInfo) {
	if before.equal(after) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := func(e endpoint) bool {
		return c.index.lacks(e) && !knows(c.Table(), e.addr, c.index.place(e))
	}
	if c.index == nil || slices.ContainsFunc(before.list(), c.index.lacks) ||
		slices.ContainsFunc(after.list(), missing) {

		c.markChanged()
	}
}
