package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

const (
	// minPause is the shortest time between two tables, maxPause the longest between a change and the
	// table with it.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second

	// syncTimeout is how long Ready waits for the first sync.
	syncTimeout = 30 * time.Second
)

// watcher watches one cluster, for all Clusters that want the same. It is safe for concurrent use.
type watcher struct {
	name    string
	client  *http.Client
	core    *corev1.CoreV1Client
	slices  *discoveryv1.DiscoveryV1Client
	metrics *topology.Metrics
	status  *apiStatus
	refuted func(why string) // called once podCIDRs are contradicted

	current atomic.Pointer[topology.Table]
	synced  atomic.Bool
	ready   atomic.Bool   // synced, or the wait for that took too long
	changed chan struct{} // holds one element while the table is out of date

	mu     sync.Mutex // guards places and logged
	places *places
	logged string // the way that was logged

	end func() // stops what start started
}

// newWatcher returns a watcher that is not started. The error says why there can be no connection.
func newWatcher(name string, config *rest.Config, places *places, refuted func(why string)) (*watcher, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.Host, err)
	}
	w := &watcher{name: name, client: client, places: places, refuted: refuted, changed: make(chan struct{}, 1)}
	w.current.Store(new(topology.Table))
	if w.core, err = corev1.NewForConfigAndClient(config, client); err != nil {
		return nil, fmt.Errorf("%s: %w", config.Host, err)
	}
	if w.slices, err = discoveryv1.NewForConfigAndClient(config, client); err != nil {
		return nil, fmt.Errorf("%s: %w", config.Host, err)
	}
	w.status = &apiStatus{name: name, host: config.Host}
	return w, nil
}

// start begins to watch, and returns at once.
func (w *watcher) start() {
	w.metrics = topology.NewMetrics(w.name)
	w.status.metrics = w.metrics
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	var goroutines sync.WaitGroup
	late := time.AfterFunc(syncTimeout, w.readyAnyway)
	goroutines.Go(func() { w.run(ctx, &goroutines) })
	w.end = func() {
		late.Stop()
		cancel()
		goroutines.Wait()
		// Without TLS, the client is one without a transport of its own.
		utilnet.CloseIdleConnectionsFor(cmp.Or(w.client.Transport, http.DefaultTransport))
		w.metrics.Close()
	}
}

// stop ends the watch and waits for its end.
func (w *watcher) stop() { w.end() }

// run starts reflectors in goroutines, and makes tables until ctx ends.
func (w *watcher) run(ctx context.Context, goroutines *sync.WaitGroup) {
	nodes := newReflector(w.core.Nodes(), &v1.Node{}, selector{}, collect(w, "nodes", trimNode, w.places.nodes))
	goroutines.Go(func() { nodes.RunWithContext(ctx) })
	ctxAll, endAll := context.WithCancel(ctx)
	defer endAll()
	if all := w.places.all; all != nil {
		r := newReflector(w.slices.EndpointSlices(""), &discovery.EndpointSlice{}, selector{},
			collect(w, "endpointslices", trimSlice, all))
		goroutines.Go(func() { r.RunWithContext(ctxAll) })
	}
	watching := false
	w.follow(ctx, func() {
		pods, all := w.makeTable()
		if pods && !watching {
			watching = true
			w.watchPods(ctx, goroutines)
		}
		if !all {
			endAll()
		}
	})
}

// watchPods starts to watch Pods, and the slices that the cluster's own controller does not write.
func (w *watcher) watchPods(ctx context.Context, goroutines *sync.WaitGroup) {
	pods := newReflector(w.core.Pods(""), &v1.Pod{}, selector{fields: placedPods},
		collect(w, "pods", trimPod, w.places.pods))
	foreign := newReflector(w.slices.EndpointSlices(""), &discovery.EndpointSlice{},
		selector{labels: discovery.LabelManagedBy + "!=" + ownSlices},
		collect(w, "endpointslices", trimSlice, w.places.foreign))
	goroutines.Go(func() { pods.RunWithContext(ctx) })
	goroutines.Go(func() { foreign.RunWithContext(ctx) })
}

// collect returns the store of a reflector for one part of w.places.
func collect[I any](w *watcher, kind string, trim func(any) (any, error), in collection[I]) *store[I] {
	w.status.expect(kind)
	return &store[I]{kind: kind, trim: trim, in: in, update: w.update, status: w.status}
}

// update calls change, which changes w.places, and sees to it that there is a new table if it needs
// one.
func (w *watcher) update(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	if !w.places.upToDate() || !w.synced.Load() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// follow calls update at once, and again whenever the table is out of date, until ctx is done. After
// each call it waits for ten times as long as the call took, so that a cluster with many changes takes
// no more than a tenth of a processor.
func (w *watcher) follow(ctx context.Context, update func()) {
	for {
		began := time.Now()
		update()
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(max(minPause, 10*time.Since(began)), maxPause)):
		}
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		}
	}
}

// makeTable makes the table of what is known now the current one. It reports whether Pods have to be
// watched, and whether all EndpointSlices.
func (w *watcher) makeTable() (pods, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	table := w.places.table()
	w.current.Store(table)
	w.metrics.Entries(table.Len())
	if way := w.places.way(); way != w.logged {
		w.logged = way
		if why := w.places.refuted; why != "" {
			w.refuted(why)
		}
		log.Infof("topology: %s: %s", w.name, way)
	}
	if w.places.synced() {
		w.status.synced()
		w.synced.Store(true)
		if !w.ready.Swap(true) {
			log.Infof("topology: %s: nodes: %d, networks and addresses: %d", w.name, len(w.places.nodes.byName), table.Len())
		}
	}
	return w.places.watchesPods(), w.places.all != nil
}

// readyAnyway makes w ready with what it has.
func (w *watcher) readyAnyway() {
	if !w.ready.Swap(true) {
		log.Warningf("topology: %s: could not be read completely within %v: "+
			"answers use the locations that are known so far, and reading goes on", w.name, syncTimeout)
	}
}
