package kubernetes

import (
	"slices"
	"sync"
)

// running has the Clusters of this process between Start and Stop.
var running runningClusters

// runningClusters is a set of Clusters. It is safe for concurrent use.
//
// On a reload CoreDNS starts the new instance before it stops the old one. The new instance answers
// queries before it has read the cluster, which can take long if the API server does not answer. So
// a new Cluster begins with the table of the old one.
type runningClusters struct {
	mu       sync.Mutex
	byServer map[string][]*Cluster // in the order of their start
}

// add adds c to the set, and gives it the table of the latest other Cluster that is ready and has
// the same API server.
func (r *runningClusters) add(c *Cluster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byServer == nil {
		r.byServer = map[string][]*Cluster{}
	}
	for _, other := range slices.Backward(r.byServer[c.config.Host]) {
		if other.Ready() {
			c.table.Store(other.Table())
			c.ready.Store(true)
			break
		}
	}
	r.byServer[c.config.Host] = append(r.byServer[c.config.Host], c)
}

// remove removes c from the set.
func (r *runningClusters) remove(c *Cluster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(r.byServer[c.config.Host], func(other *Cluster) bool { return other == c })
	if r.byServer[c.config.Host] = rest; len(rest) == 0 {
		delete(r.byServer, c.config.Host)
	}
}
