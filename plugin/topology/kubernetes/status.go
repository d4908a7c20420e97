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
	host    string
	metrics *topology.Metrics

	mu       sync.Mutex
	answered map[string]time.Time       // by kind, the last answer
	limits   map[string]*rate.Sometimes // by failure, for those that were logged and last
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
			log.Infof("topology: kubernetes: can %s again", request)
		}
		if synced := s.synced(kind); !synced.IsZero() {
			s.metrics.Synced(synced)
		}
		return
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return // happens after a pause; the informer asks for a list next
	}
	s.metrics.Failed()
	failure, message := request, fmt.Sprintf("cannot %s: %v", request, err)
	var unreachable net.Error
	switch {
	case apierrors.IsForbidden(err):
		message += "; the account needs list and watch on nodes and endpointslices (discovery.k8s.io)"
	case apierrors.IsUnauthorized(err):
		failure = unauthorized
		message += "; " + s.host + " does not accept the account: check its token or certificate"
	case errors.As(err, &unreachable):
		failure = noAnswer
		message += "; the last table stays while this is tried again"
	}
	s.limit(failure).Do(func() { log.Errorf("topology: kubernetes: %s", quote.Line(message)) })
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

// synced notes an answer about a kind. It returns the time of the older of the last answers about
// the two kinds, which is the zero time before there is one about each.
func (s *apiStatus) synced(kind string) (oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered == nil {
		s.answered = map[string]time.Time{}
	}
	s.answered[kind] = time.Now()
	if len(s.answered) < 2 {
		return time.Time{}
	}
	for _, at := range s.answered {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}
