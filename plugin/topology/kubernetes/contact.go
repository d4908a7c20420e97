package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// repeat is how often a trouble that lasts is reported.
const repeat = 5 * time.Minute

// contact remembers how a Cluster and its API server get on. The zero contact is ready to use.
type contact struct {
	mu       sync.Mutex
	heard    map[string]time.Time // last, by kind
	troubles map[string]time.Time // when each was last reported
}

// heard notes what came of asking the API server for something.
func (c *Cluster) heard(ctx context.Context, verb, kind string, err error) {
	asked := verb + " " + kind
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		since, over := c.contact.good(asked, kind, time.Now())
		if !since.IsZero() {
			c.metrics.Synced(since)
		}
		if over {
			log.Infof("topology: kubernetes: can %s again", asked)
		}
		return
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return // ordinary life: a list follows
	}
	c.metrics.Failed()
	trouble, message := asked, fmt.Sprintf("cannot %s: %v", asked, err)
	var unreachable net.Error
	switch {
	case apierrors.IsForbidden(err):
		message += "; the account needs list and watch on nodes and endpointslices (discovery.k8s.io)"
	case apierrors.IsUnauthorized(err):
		trouble = unauthorized
		message += "; " + c.config.Host + " does not accept the account, check its token or certificate"
	case errors.As(err, &unreachable):
		trouble = noAnswer
		message += "; trying again, until then the last table serves"
	}
	if c.contact.isNews(trouble, time.Now()) {
		log.Errorf("topology: kubernetes: %s", message)
	}
}

// Troubles that are the same whatever is asked.
const (
	unauthorized = "unauthorized"
	noAnswer     = "no answer"
)

// isNews reports whether it is time to report a trouble, and counts that as done.
func (c *contact) isNews(trouble string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, known := c.troubles[trouble]; known && now.Sub(last) < repeat {
		return false
	}
	if c.troubles == nil {
		c.troubles = map[string]time.Time{}
	}
	c.troubles[trouble] = now
	return true
}

// good notes an answer. It returns since when both kinds have been heard of, zero if one has not, and whether a trouble is over
// that was reported. A list that succeeds does not end the trouble of a watch that is forbidden, or that would be reported again
// after each list.
func (c *contact) good(asked, kind string, now time.Time) (since time.Time, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, trouble := range []string{asked, unauthorized, noAnswer} {
		_, reported := c.troubles[trouble]
		over = over || reported
		delete(c.troubles, trouble)
	}
	if c.heard == nil {
		c.heard = map[string]time.Time{}
	}
	c.heard[kind] = now
	if len(c.heard) < 2 {
		return time.Time{}, over
	}
	for _, last := range c.heard {
		if since.IsZero() || last.Before(since) {
			since = last
		}
	}
	return since, over
}
