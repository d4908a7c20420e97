package topology

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin("ordering")

// File is a Source that reads lines of "NETWORK LOCATION". The network is an address with a prefix length, or an address alone;
// the location is a path from wide to narrow, "region/zone/rack"; "#" begins a comment. The longest prefix decides.
//
// Once started, it follows the file: written in place, replaced by a rename, or behind a symbolic link that is changed, as
// Kubernetes does with a ConfigMap. A file that is broken or gone is reported once, and the table that was there stays.
type File struct {
	path  string
	table atomic.Pointer[Table]

	// Only NewFile and, after Start, the goroutine of the watch touch these.
	seen    os.FileInfo       // of the file last read; nil if it has to be read again in any case
	sum     [sha256.Size]byte // of the text last read, good or bad
	trouble string            // what was last reported, "" when all is well

	mu   sync.Mutex
	stop func() // not nil between Start and Stop
}

var _ Source = (*File)(nil)

// NewFile reads the file at path. What is wrong with a line is an error that begins with "path:line: ", names the word and,
// where there is an obvious mend, the mend.
func NewFile(path string) (*File, error) {
	f := &File{path: path}
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Table returns what the last good version of the file says.
func (f *File) Table() *Table { return f.table.Load() }

// Ready is true: NewFile has read the file.
func (f *File) Ready() bool { return true }

// Name returns the path as it was given.
func (f *File) Name() string { return f.path }

// Explain returns the name and line of the file that has addr, or that the file does not have it.
func (f *File) Explain(addr netip.Addr) string { return explainFile(f.Name(), f.Table(), addr) }

// Describe returns the name of the file and how many networks it has.
func (f *File) Describe() string { return filepath.Base(f.Name()) + ", " + count(f.Table().Len()) }

// Start watches the file. Where the system does not tell of changes, as when it has no more watches to give, the file is looked at
// every 30 seconds, and a warning says so. The error is always nil.
func (f *File) Start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		return nil
	}
	stop, err := watchFile(f.path, f.reload)
	if err != nil {
		log.Warningf("topology: %s: cannot be watched: %v; it is looked at every %v instead", f.path, err, recheck)
	}
	f.stop = stop
	published.open(f.path)
	published.sized(f.path, f.Table())
	published.heard(f.path, time.Now())
	return nil
}

// Stop ends the watch and waits for it. Its error is always nil.
func (f *File) Stop() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		f.stop()
		f.stop = nil
		published.close(f.path)
	}
	return nil
}

// reload reads the file again if it has changed, and reports each trouble once.
func (f *File) reload() {
	before := f.Table()
	err := f.read()
	switch {
	case err != nil && err.Error() != f.trouble:
		f.trouble = err.Error()
		published.failed(f.path)
		log.Errorf("topology: %v; the last good version stays", err)
	case err == nil && f.Table() != before:
		f.trouble = ""
		published.sized(f.path, f.Table())
		published.heard(f.path, time.Now())
		log.Infof("topology: %s: networks: %d", f.path, f.Table().Len())
	}
}

// read makes a new table if the file has another text than the last time. After an error the old table stays, and the same bad
// text again is no new error.
func (f *File) read() error {
	info, text, err := readFile(f.path, f.seen)
	if err != nil {
		f.seen, f.sum = nil, [sha256.Size]byte{}
		return err
	}
	if text == nil {
		return nil
	}
	f.seen = info
	if time.Since(info.ModTime()) < settled {
		f.seen = nil
	}
	sum := sha256.Sum256(text)
	if sum == f.sum {
		return nil
	}
	f.sum = sum
	t, err := parse(f.path, text)
	if err != nil {
		return err
	}
	f.table.Store(t)
	return nil
}

// settled is how long a file must have been left alone for its time and size to tell whether it was changed: a file system may
// give two writes that follow close on each other the same time.
const settled = 2 * time.Second

// readFile returns the text of a file, and no text when it is as it was seen before.
func readFile(path string, seen os.FileInfo) (os.FileInfo, []byte, error) {
	info, err := os.Stat(path)
	if err == nil && seen != nil && os.SameFile(info, seen) && info.Size() == seen.Size() && info.ModTime().Equal(seen.ModTime()) {
		return seen, nil, nil
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", path, cause.Err)
	}
	return info, text, err
}
