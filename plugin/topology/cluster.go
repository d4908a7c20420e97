package topology

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// clusterName is the Name of every Cluster.
const clusterName = "kubernetes"

// leastPause is how long at least one table serves before the next is made.
const leastPause = 250 * time.Millisecond

// Cluster is a Source that learns from the Kubernetes API where addresses are. A node is at region/zone/node, by its labels
// topology.kubernetes.io/region and topology.kubernetes.io/zone and its name; Unknown stands for a label that it lacks, unless
// another node in the same zone tells the region. The node's pod networks and addresses are there. The endpoints of
// EndpointSlices are where their node is or, when the node is not known, their zone; they count where the networks of the nodes
// say something else, or nothing.
//
// An address that several nodes or several endpoints claim is where the claims agree: in the zone, if two nodes in one zone
// claim it. A node's own address is not open to the claims of endpoints.
//
// When the API server goes away the last table serves on, and the watch is tried again until it is back. A Cluster that is
// started while another one still watches the same API server begins with the table of that.
type Cluster struct {
	config *rest.Config

	table   atomic.Pointer[Table]
	ready   atomic.Bool
	changed chan struct{} // holds one element when the table is out of date
	contact contact

	mu     sync.Mutex // held while a table is made, and while it is decided whether an event calls for a new one
	ground *ground

	running sync.Mutex
	stop    func() // not nil between Start and Stop
}

var _ Source = (*Cluster)(nil)

// NewCluster takes the path of a kubeconfig and the name of a context in it. Without a path it uses the service account of the
// pod; without a context the current one of the kubeconfig. Nothing is contacted before Start. The error says what is wrong with
// the kubeconfig, or that there is no service account.
func NewCluster(kubeconfig, context string) (*Cluster, error) {
	config, err := clientConfig(kubeconfig, context)
	if err != nil {
		return nil, err
	}
	if _, err := rest.TLSConfigFor(config); err != nil {
		return nil, fmt.Errorf("%s: %w", config.Host, err)
	}
	config.UserAgent = "coredns-ordering"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.WarningHandler = rest.NoWarnings{}
	// The defaults are right for the rest: no overall timeout, which would end watches, and 5 requests a second, far more than
	// two watches ask for.
	return newCluster(config), nil
}

func newCluster(config *rest.Config) *Cluster {
	c := &Cluster{config: config, changed: make(chan struct{}, 1)}
	c.table.Store(&Table{})
	return c
}

// Table returns what was last learned; at first nothing, unless a Cluster that was there before has learned it.
func (c *Cluster) Table() *Table { return c.table.Load() }

// Ready reports whether nodes and endpoints have been read once, by this Cluster or by the one before it.
func (c *Cluster) Ready() bool { return c.ready.Load() }

// Levels returns the names of the labels.
func (c *Cluster) Levels() []string { return []string{"region", "zone", "node"} }

// Name returns "kubernetes".
func (c *Cluster) Name() string { return clusterName }

// Start begins to watch the cluster and returns at once, whether the API server answers or not. The error tells that there
// can be no connection at all, as with a certificate that is not one.
func (c *Cluster) Start() error {
	c.running.Lock()
	defer c.running.Unlock()
	if c.stop != nil {
		return nil
	}
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	nodes, endpointSlices, err := c.informers(client)
	if err != nil {
		return err
	}
	published.open(clusterName)
	watching.join(c)

	// Reflectors log a good deal that c.heard says better, and once.
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	var running sync.WaitGroup
	running.Go(func() { nodes.RunWithContext(ctx) })
	running.Go(func() { endpointSlices.RunWithContext(ctx) })
	running.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), nodes.HasSynced, endpointSlices.HasSynced) {
			c.follow(ctx, func() { c.rebuild(nodes.GetStore().List, endpointSlices.GetStore().List) })
		}
	})
	c.stop = func() {
		cancel()
		running.Wait()
		utilnet.CloseIdleConnectionsFor(client.Transport)
		watching.leave(c)
		published.close(clusterName)
	}
	return nil
}

// Stop ends the watch and waits for the end. Its error is always nil.
func (c *Cluster) Stop() error {
	c.running.Lock()
	defer c.running.Unlock()
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	return nil
}

// informers returns one informer per kind, whose objects are *nodeFacts and *sliceFacts.
func (c *Cluster) informers(client *http.Client) (nodes, endpointSlices cache.SharedIndexInformer, err error) {
	core, err := corev1.NewForConfigAndClient(c.config, client)
	if err != nil {
		return nil, nil, err
	}
	discovery, err := discoveryv1.NewForConfigAndClient(c.config, client)
	if err != nil {
		return nil, nil, err
	}
	nodes, err = informer(c, "nodes", core.Nodes(), trimNode, c.nodeChanged)
	if err != nil {
		return nil, nil, err
	}
	endpointSlices, err = informer(c, "endpointslices", discovery.EndpointSlices(""), trimSlice, c.sliceChanged)
	return nodes, endpointSlices, err
}

// follow calls rebuild now, and again when c.changed says so, but leaves a pause of ten times as long as it took: a cluster where
// much is going on costs a tenth of a processor at most.
func (c *Cluster) follow(ctx context.Context, rebuild func()) {
	select {
	case <-c.changed: // by what the first table will hold
	default:
	}
	for {
		began := time.Now()
		rebuild()
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(leastPause, 10*time.Since(began))):
		}
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
	}
}

func (c *Cluster) markChanged() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// rebuild makes the table from what the informers hold. It asks them under the lock: an event that comes too late for them to
// hold has to wait, and then be judged by the new table, not by the old one.
func (c *Cluster) rebuild(nodes, endpointSlices func() []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ground = survey(nodes())
	t := c.ground.with(endpointSlices())
	c.table.Store(t)
	published.sized(clusterName, t)
	if !c.ready.Swap(true) {
		log.Infof("topology: kubernetes: nodes: %d, networks: %d", len(c.ground.nodes), t.Len())
	}
}

// nodeChanged marks the table as out of date if it was made from other facts about the node. Most events are heartbeats, which
// change nothing here.
func (c *Cluster) nodeChanged(before, after *nodeFacts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if after == nil || c.ground == nil || !after.equal(c.ground.nodes[after.Name]) {
		c.markChanged()
	}
}

// sliceChanged marks the table as out of date if it owes something to the endpoints as they were before or if it does not say
// where they are now. Where pods have the networks of their nodes, endpoints may come and go without either.
func (c *Cluster) sliceChanged(before, after *sliceFacts) {
	if before.equal(after) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := func(e endpoint) bool { return c.ground.lacks(e) && !says(c.Table(), e.addr, c.ground.place(e)) }
	if c.ground == nil || slices.ContainsFunc(before.list(), c.ground.lacks) || slices.ContainsFunc(after.list(), missing) {
		c.markChanged()
	}
}
