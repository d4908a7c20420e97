package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/coredns-ordering/ordering/internal/quote"
	"github.com/coredns-ordering/ordering/plugin/topology"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// logInterval is the time after which a failure that lasts is logged again.
const logInterval = 5 * time.Minute

// Failures that are the same whatever the request was.
const (
	unauthorized = "unauthorized"
	noAnswer     = "no answer"
)

// apiStatus logs and counts the failures of requests to an API server, and publishes when it last
// answered. It is safe for concurrent use.
type apiStatus struct {
	name    string // of the source
	host    string
	metrics *topology.Metrics

	mu     sync.Mutex
	read   map[string]time.Time       // by kind, when it was last known to be current; zero: never
	limits map[string]*rate.Sometimes // by failure, for those that were logged and last
}

// report takes the result of a request: the error, or nil for an answer or an event. An error after
// the end of ctx means nothing.
func (s *apiStatus) report(ctx context.Context, verb, kind string, err error) {
	request := verb + " " + kind
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		if s.recovered(request) {
			log.Infof("topology: %s: can %s again", s.name, request)
		}
		return
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return // happens after a pause; the reflector asks for a list next
	}
	s.metrics.Failed()
	failure, message := request, fmt.Sprintf("cannot %s: %v", request, err)
	var unreachable net.Error
	switch {
	case apierrors.IsForbidden(err):
		message += "; the account needs list and watch on nodes, pods and endpointslices (discovery.k8s.io)"
	case apierrors.IsUnauthorized(err):
		failure = unauthorized
		message += "; " + s.host + " does not accept the account: check its token or certificate"
	case errors.As(err, &unreachable):
		failure = noAnswer
		message += "; the last table stays while this is tried again"
	}
	s.limit(failure).Do(func() { log.Errorf("topology: %s: %s", s.name, quote.Line(message)) })
}

// limit returns what limits how often a failure is logged.
func (s *apiStatus) limit(failure string) *rate.Sometimes {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits == nil {
		s.limits = map[string]*rate.Sometimes{}
	}
	if s.limits[failure] == nil {
		s.limits[failure] = &rate.Sometimes{Interval: logInterval}
	}
	return s.limits[failure]
}

// recovered notes that a request was answered, and reports whether that ends a failure that was
// logged. It ends failures of the same request and of the connection. If a list succeeds, the watch
// of the same kind can still be forbidden.
func (s *apiStatus) recovered(request string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.limits)
	for _, failure := range []string{request, unauthorized, noAnswer} {
		delete(s.limits, failure)
	}
	return len(s.limits) < before
}

// expect notes that a kind is read from now on.
func (s *apiStatus) expect(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		s.read = map[string]time.Time{}
	}
	s.read[kind] = time.Time{}
}

// current notes that everything about a kind is known, and publishes when that was last so for all
// kinds.
func (s *apiStatus) current(kind string) {
	s.mu.Lock()
	s.read[kind] = time.Now()
	s.mu.Unlock()
	s.synced()
}

// synced publishes when everything about all kinds was last known, if it ever was.
func (s *apiStatus) synced() {
	if oldest := s.oldest(); !oldest.IsZero() {
		s.metrics.Synced(oldest)
	}
}

// oldest returns the time when all kinds were last known to be current: the earliest of their
// times, the zero time if one of them never was.
func (s *apiStatus) oldest() (oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := true
	for _, at := range s.read {
		if first || at.Before(oldest) {
			oldest, first = at, false
		}
	}
	return oldest
}
