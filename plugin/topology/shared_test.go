package topology

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestFilesOfOnePathShareTableAndLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		directory, name := filepath.Split(path)
		t.Chdir(directory)
		all := []*File{open(t, path), open(t, directory+"x/.././/"+name), open(t, name)}
		var looks atomic.Int32
		all[0].shared.look = func(path string, last version, seen os.FileInfo) look {
			looks.Add(1)
			return lookAt(path, last, seen)
		}
		for _, f := range all {
			if f.Table() != all[0].Table() || f.Name() != path {
				t.Fatalf("%s has a table of its own", f.Name())
			}
			topologytest.Must(t, f.Start())
		}
		time.Sleep(9*pollInterval + pollInterval/2)
		synctest.Wait()
		if n := looks.Load(); n != 10 {
			t.Errorf("%d looks in 9.5 intervals, want 10", n)
		}
		for i, f := range all {
			rewrite(t, path, strings.Repeat("# x\n", i)+two)
			poll()
			if f.Table() != all[2].Table() || f.Table().Len() != 2 {
				t.Errorf("%s has a table of its own", f.Name())
			}
			topologytest.Must(t, f.Stop())
		}
		looks.Store(0)
		time.Sleep(10 * pollInterval)
		if n := looks.Load(); n != 0 {
			t.Errorf("%d looks after the last Stop", n)
		}
	})
}

func TestFilesOfTwoPaths(t *testing.T) {
	f, g := open(t, write(t, one)), open(t, write(t, two))
	if f.Table().Len() != 1 || g.Table().Len() != 2 {
		t.Errorf("%d and %d networks, want 1 and 2", f.Table().Len(), g.Table().Len())
	}
}

// TestReload has a new File of a path before the old one is stopped.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		old := started(t, path)
		reloaded := open(t, path)
		if reloaded.Table() != old.Table() {
			t.Error("the new File has a table of its own")
		}
		topologytest.Must(t, reloaded.Start())
		topologytest.Must(t, old.Stop())
		rewrite(t, path, two)
		poll()
		expect(t, reloaded, 2, "after the reload")
		topologytest.Must(t, reloaded.Stop())
	})
}

// TestNewFileHasNoEffect makes new Files of a path, as a reload does that fails in the end.
func TestNewFileHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := topologytest.Logged(t)
		path := write(t, one)
		f := started(t, path)
		for text, want := range map[string]string{
			"10.0.0.0/33 a\n": path + `:1: 10.0.0.0/33: "33" is not a prefix length from 0 to 32`,
			"":                path + ": has no networks, but the table in use has 1",
			two:               "",
		} {
			rewrite(t, path, text)
			before := f.Table()
			_, err := NewFile(path)
			if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
				t.Errorf("%q: error %v, want %q", text, err, want)
			}
			synctest.Wait()
			if f.Table() != before || failureCount(t, f) != 0 || log() != "" {
				t.Errorf("%q: %d networks, %d failures, log:\n%s", text, f.Table().Len(), failureCount(t, f), log())
			}
		}
	})
}

// TestNewFileDoesNotReadAKnownVersion changes a file in a way that its size and time do not show.
func TestNewFileDoesNotReadAKnownVersion(t *testing.T) {
	path := write(t, one)
	f := open(t, path)
	info, err := os.Stat(path)
	topologytest.Must(t, err)
	topologytest.Must(t, os.WriteFile(path, []byte(strings.Repeat("x", len(one))), 0o600))
	topologytest.Must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	if open(t, path).Table() != f.Table() {
		t.Error("another table for a version that is known")
	}
}

func TestNewFileReturnsTheErrorOfAKnownVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		started(t, path)
		rewrite(t, path, "x")
		poll()
		if _, err := NewFile(path); err == nil || err.Error() != path+`:1: "x" is not an address or network` {
			t.Errorf("error %v", err)
		}
	})
}

// TestTextThatHadAnErrorBefore has a version with the sum of one that could not be read to its end.
func TestTextThatHadAnErrorBefore(t *testing.T) {
	f, g := open(t, write(t, one)), open(t, write(t, two))
	v := g.shared.lastVersion()
	f.shared.use(version{sum: v.sum, err: errors.New("an error")}, nil, "")
	f.shared.use(v, nil, "")
	expect(t, f, 2, "after the error")
}

func TestNewFileReadsAgainWhereNoneIsStarted(t *testing.T) {
	path := write(t, one)
	old := open(t, path)
	rewrite(t, path, two)
	f := open(t, path)
	expect(t, old, 1, "old")
	expect(t, f, 2, "new")
	if f.shared == old.shared || open(t, path).shared != f.shared {
		t.Error("a third File does not share with the second")
	}
	rewrite(t, path, "")
	expect(t, open(t, path), 0, "empty")
	runtime.KeepAlive(old)
}

func TestFilesAreNotKept(t *testing.T) {
	path := write(t, one)
	open(t, path)
	topologytest.Eventually(t, "the File is forgotten", func() bool {
		runtime.GC()
		sharedFiles.mu.Lock()
		defer sharedFiles.mu.Unlock()
		_, found := sharedFiles.byPath[path]
		return !found
	})
}

// TestForgetKeepsTheSuccessor has the entry of a collected sharedFile replaced before it is removed.
func TestForgetKeepsTheSuccessor(t *testing.T) {
	f := open(t, write(t, one))
	sharedFiles.forget(f.Name())
	if sharedFiles.find(f.Name()) != f.shared {
		t.Error("the entry of a sharedFile in use was removed")
	}
}

func TestStartAndStopAtTheSameTime(t *testing.T) {
	path := write(t, one)
	done := make(chan struct{})
	const goroutines = 8
	for range goroutines {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				f, err := NewFile(path)
				if err != nil {
					t.Error(err)
					return
				}
				f.Start()
				f.Table()
				f.Stop()
			}
		}()
	}
	for range goroutines {
		<-done
	}
	if _, found := topologytest.Metric(t, topologytest.Entries, path); found {
		t.Error("there are metrics after the last Stop")
	}
}
