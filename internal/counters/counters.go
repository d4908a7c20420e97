// Package counters has Prometheus counters whose series exist as long as somebody uses them.
//
// A counter that is registered once and never deleted keeps the series of a server that is gone, and
// one that is deleted with its server loses its count when the configuration is reloaded. Here a
// series is deleted with its last User. CoreDNS starts the new configuration before it stops the old
// one, so a series that both use goes on counting.
package counters

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// A Vec is a metric with a counter for each combination of label values.
type Vec struct {
	series *prometheus.CounterVec
	users  map[prometheus.Counter]int // guarded by lock
}

// lock guards the users of all Vecs, and what every User uses.
var lock sync.Mutex

// NewVec returns a registered Vec without series.
func NewVec(opts prometheus.CounterOpts, labels ...string) *Vec {
	return &Vec{promauto.NewCounterVec(opts, labels), map[prometheus.Counter]int{}}
}

// A User uses counters until it is closed. The zero User uses none. It is safe for concurrent use.
type User struct {
	used   map[prometheus.Counter]series
	closed bool
}

type series struct {
	vec    *Vec
	values []string
}

// Counter returns the counter of v for these label values, which is published at least until u is
// closed. From then on Counter returns counters that are not published.
func (u *User) Counter(v *Vec, values ...string) prometheus.Counter {
	lock.Lock()
	defer lock.Unlock()
	if u.closed {
		return prometheus.NewCounter(prometheus.CounterOpts{})
	}
	c := v.series.WithLabelValues(values...)
	if _, twice := u.used[c]; twice {
		return c
	}
	if u.used == nil {
		u.used = map[prometheus.Counter]series{}
	}
	u.used[c] = series{v, values}
	v.users[c]++
	return c
}

// Close deletes the series that only u uses. To close twice does nothing.
func (u *User) Close() {
	lock.Lock()
	defer lock.Unlock()
	for c, s := range u.used {
		if s.vec.users[c]--; s.vec.users[c] == 0 {
			delete(s.vec.users, c)
			s.vec.series.DeleteLabelValues(s.values...)
		}
	}
	u.used, u.closed = nil, true
}
