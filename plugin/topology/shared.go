package topology

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-ordering/ordering/internal/quote"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const (
	// pollInterval is the time from one look at a file to the next, restInterval that to the second
	// look at a file that has changed.
	pollInterval = time.Second
	restInterval = 500 * time.Millisecond
)

var log = clog.NewWithPlugin("ordering")

// sharedFile is the table of a file, shared by all Files of its path. It is safe for concurrent use.
type sharedFile struct {
	path  string
	table atomic.Pointer[Table]

	// look is lookAt, except in tests.
	look func(path string, last version, seen os.FileInfo) look

	lifecycle sync.Mutex // held while users changes
	users     int        // the number of Files between Start and Stop
	end       func()     // stops what the first user started

	mu    sync.Mutex
	last  version // of the last look; it has the current table if that is of this version
	whole bool    // as in the version that the current table is of
}

func newSharedFile(path string, v version) *sharedFile {
	s := &sharedFile{path: path, look: lookAt, last: v, whole: v.whole}
	s.table.Store(v.table)
	return s
}

// start adds a user. The first one starts the looks at the file.
func (s *sharedFile) start() {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.users++; s.users > 1 {
		return
	}
	metrics := NewMetrics(s.path)
	metrics.Entries(s.table.Load().Len())
	if last := s.lastVersion(); last.table == s.table.Load() {
		metrics.Synced(last.at)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var goroutine sync.WaitGroup
	goroutine.Go(func() { s.poll(ctx, metrics) })
	s.end = func() {
		cancel()
		goroutine.Wait()
		metrics.Close()
	}
}

// stop removes a user. The last one ends the looks at the file.
func (s *sharedFile) stop() {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.users--; s.users == 0 {
		s.end()
	}
}

// started reports whether there are users.
func (s *sharedFile) started() bool {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	return s.users > 0
}

// lastVersion returns the version of the last look.
func (s *sharedFile) lastVersion() version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// poll looks at the file until ctx ends, the first time at once: the file may have changed since
// NewFile read it.
func (s *sharedFile) poll(ctx context.Context, metrics *Metrics) {
	var seen os.FileInfo
	logged := "" // the last error that was logged, if there was no success since
	for {
		last := s.lastVersion()
		now, ok := detach(ctx, func() look { return s.look(s.path, last, seen) })
		if !ok {
			return
		}
		seen = now.seen
		pause := restInterval
		if !now.changing {
			logged = s.use(now.version, metrics, logged)
			pause = pollInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// use makes the table of v the current one, or keeps the current one if v has an error or is
// probably a part of a file. It publishes the result and logs it, except if nothing changed or if
// logged is this error. logged is the error that was logged last, "" if there was a success since;
// use returns what it is now.
func (s *sharedFile) use(v version, metrics *Metrics, logged string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.table.Load()
	err := v.err
	if err == nil {
		err = s.checkWhole(v)
	}
	switch {
	case err != nil:
		metrics.Failed()
		if message := err.Error(); message != logged {
			log.Errorf("topology: %s; the last good table stays", message)
			logged = message
		}
	case s.last.table == before && s.last.sum == v.sum:
		v.table = before
		metrics.Synced(v.at)
	default:
		s.table.Store(v.table)
		s.whole = v.whole
		metrics.Entries(v.table.Len())
		metrics.Synced(v.at)
		log.Infof("topology: %s: networks: %d, before: %d", quote.Line(s.path), v.table.Len(), before.Len())
		logged = ""
	}
	s.last = v
	return logged
}

// check returns an error if v is probably a part of what the file will be or should have been.
func (s *sharedFile) check(v version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkWhole(v)
}

// checkWhole is check for a caller that holds s.mu. A file is empty while it is written in place, and
// ends in the middle of a line where its writer was interrupted or the disk was full. A location
// that is cut off can be another one.
func (s *sharedFile) checkWhole(v version) error {
	switch n := s.table.Load().Len(); {
	case n > 0 && v.table.Len() == 0:
		return fmt.Errorf("%s: has no networks, but the table in use has %d", quote.Line(s.path), n)
	case s.whole && !v.whole:
		return fmt.Errorf("%s: the last line has lost its line break, as if the file were cut off: end it with one", quote.Line(s.path))
	}
	return nil
}
