package topology

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
)

// File is a Source that reads a file with lines of
//
//	NETWORK LOCATION
//
// NETWORK is a network in CIDR notation or a single address, LOCATION a path as ParseLocation takes
// it. A # begins a comment. The longest prefix decides. Only a regular file of at most 64 MiB is read,
// with lines of at most 4096 bytes.
//
// Between Start and Stop the file is read again after each change: when it is written, when another
// file is renamed to its path, and when a symbolic link on the way to it changes, as it does with a
// Kubernetes ConfigMap. A changed file is read when it is at rest, that is when its size and time
// stay the same for half a second. That is within two seconds of the change, if it is read quickly.
//
// If the changed file cannot be read or has an error, then the table stays. It also stays if the file
// has no networks at all while the table has some, or if the last line has lost its line break: such
// a file was probably cut off. The error is logged once, and counted at each look at the file.
//
// All Files of one path in a process share one table, and the file is looked at once for all of
// them.
type File struct {
	shared *sharedFile

	mu      sync.Mutex
	started bool
}

var _ Explainer = (*File)(nil)

// NewFile reads the file at path and returns a File with its table. If there is a started File of
// the same path, the new one has the table of that, and NewFile only checks the file.
//
// The error says that the file cannot be read, or what is wrong in which line: it then begins with
// the absolute path and the number of the line. A file without networks is an error only if a
// started File of the same path has some, and one whose last line has no line break only if that
// File's had one.
func NewFile(path string) (*File, error) {
	shared, err := sharedFiles.open(path)
	if err != nil {
		return nil, err
	}
	return &File{shared: shared}, nil
}

// Table returns the table of the last version of the file that was read without an error.
func (f *File) Table() *Table { return f.shared.table.Load() }

// Ready returns true: NewFile has read the file.
func (f *File) Ready() bool { return true }

// Synced returns true: NewFile has read the file.
func (f *File) Synced() bool { return true }

// Name returns the absolute path of the file.
func (f *File) Name() string { return f.shared.path }

// Explain returns the name and line of the file that has addr, or that the file does not have it.
func (f *File) Explain(addr netip.Addr) string { return explainFile(f.Name(), f.Table(), addr) }

// Mend returns which file addr could be added to.
func (f *File) Mend(addr netip.Addr) string {
	return fmt.Sprintf("add a line for %v to %s", addr, filepath.Base(f.Name()))
}

// Describe returns the name of the file and how many networks it has.
func (f *File) Describe() string {
	return filepath.Base(f.Name()) + ", " + networkCount(f.Table().Len())
}

// Start begins to look at the file every second. The error is always nil.
func (f *File) Start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.started {
		f.shared.start()
		f.started = true
	}
	return nil
}

// Stop ends the looks at the file if no other File of the same path is started. It does not wait for
// a read of the file to end; what that finds is ignored. The error is always nil.
func (f *File) Stop() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started {
		f.shared.stop()
		f.started = false
	}
	return nil
}
