package topology

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/coredns-ordering/ordering/internal/quote"
)

// openTimeout is how long NewFile waits for a file to be read.
const openTimeout = 30 * time.Second

// sharedFiles has the sharedFiles of this process.
var sharedFiles = fileRegistry{byPath: map[string]weak.Pointer[sharedFile]{}}

// fileRegistry finds the sharedFile of a path. It does not keep a sharedFile alive: after a
// configuration was rejected nothing is left of its Files. It is safe for concurrent use.
type fileRegistry struct {
	mu     sync.Mutex
	byPath map[string]weak.Pointer[sharedFile] // by cleaned absolute path
}

// open returns the sharedFile of a path: the one that is started, or another one whose table is that
// of the file as it is now. It reads the file unless the sharedFile knows its current version. The
// error is that of NewFile.
func (r *fileRegistry) open(path string) (*sharedFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	var last version
	if s := r.find(path); s != nil {
		last = s.lastVersion()
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	v, ok := detach(ctx, func() version { return currentVersion(path, last) })
	if !ok {
		return nil, fmt.Errorf("%s: could not be read within %v", quote.Line(path), openTimeout)
	}
	if v.err != nil {
		return nil, v.err
	}
	return r.share(path, v)
}

// find returns the sharedFile of a path, nil if there is none.
func (r *fileRegistry) find(path string) *sharedFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byPath[path].Value()
}

// share returns the sharedFile to use where the version at path is v, which has no error.
func (r *fileRegistry) share(path string, v version) (*sharedFile, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.byPath[path].Value(); s != nil {
		if s.started() {
			return s, s.check(v) // it reads v itself, once that is at rest
		}
		if last := s.lastVersion(); last.table == s.table.Load() && last.sum == v.sum {
			return s, nil
		}
	}
	s := newSharedFile(path, v)
	r.byPath[path] = weak.Make(s)
	runtime.AddCleanup(s, r.forget, path)
	return s, nil
}

// forget removes the entry of a path whose sharedFile was collected.
func (r *fileRegistry) forget(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byPath[path].Value() == nil {
		delete(r.byPath, path)
	}
}
