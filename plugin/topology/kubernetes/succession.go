package kubernetes

import (
	"slices"
	"sync"
)

// watching has the Clusters between Start and Stop.
var watching succession

// succession has Clusters by their API server, in the order of their start. On a reload CoreDNS starts the new instance before it
// stops the old one. The new one answers before it has read the cluster, and long before if the API server is away, so it begins
// with what the old one knows.
type succession struct {
	mu       sync.Mutex
	clusters map[string][]*Cluster
}

// join adds c, and gives it the table of the latest that has one.
func (s *succession) join(c *Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clusters == nil {
		s.clusters = map[string][]*Cluster{}
	}
	for _, old := range slices.Backward(s.clusters[c.config.Host]) {
		if old.Ready() {
			c.table.Store(old.Table())
			c.ready.Store(true)
			break
		}
	}
	s.clusters[c.config.Host] = append(s.clusters[c.config.Host], c)
}

// leave removes c.
func (s *succession) leave(c *Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.clusters[c.config.Host], func(other *Cluster) bool { return other == c })
	if s.clusters[c.config.Host] = rest; len(rest) == 0 {
		delete(s.clusters, c.config.Host)
	}
}
