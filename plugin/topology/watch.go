package topology

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet = 100 * time.Millisecond // how long nothing must happen before a change is looked at
	most  = 2 * time.Second        // how long to wait for that

	// recheck is how often the file is looked at without being told: not every file system tells, and a directory that was
	// replaced is no longer watched.
	recheck = 30 * time.Second
)

// watchFile calls changed, from one goroutine, after something has happened to the file at path or near it, and every recheck. It
// returns a function that ends this and waits for the end. An error says why the system does not tell what happens; then the
// recheck is all there is.
func watchFile(path string, changed func()) (stop func(), err error) {
	w, err := newWatcher(path)
	happened, told := make(chan struct{}, 1), make(chan struct{})
	happened <- struct{}{} // the file may have changed before it was watched
	if err == nil {
		go func() {
			defer close(told)
			forward(w, happened)
		}()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		coalesce(ctx, happened, func() {
			if err == nil {
				watchDirectories(w, path)
			}
			changed()
		})
	}()
	return func() {
		cancel()
		<-done
		if err == nil {
			w.Close()
			<-told
		}
	}, err
}

// newWatcher returns a watcher of the directories that path is in. The file itself is not watched: that would follow it when it is
// renamed away.
func newWatcher(path string) (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.Add(filepath.Dir(path)); err != nil {
		w.Close()
		return nil, err
	}
	watchDirectories(w, path)
	return w, nil
}

// forward says on happened that there was an event, until w is closed. Which event does not matter, nor does an error: when
// events are lost, something has happened too.
func forward(w *fsnotify.Watcher, happened chan<- struct{}) {
	for {
		select {
		case _, ok := <-w.Events:
			if !ok {
				return
			}
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
		}
		select {
		case happened <- struct{}{}:
		default:
		}
	}
}

// coalesce calls changed once for many events that follow close on each other, and every recheck without any, until ctx is done.
func coalesce(ctx context.Context, happened <-chan struct{}, changed func()) {
	ticker := time.NewTicker(recheck)
	defer ticker.Stop()
	var (
		due    <-chan time.Time
		latest time.Time
	)
	for {
		select {
		case <-ctx.Done():
			return
		case <-happened:
			if due == nil {
				latest = time.Now().Add(most)
			}
			due = time.After(min(quiet, time.Until(latest)))
			continue
		case <-due:
			due = nil
		case <-ticker.C:
		}
		changed()
	}
}

// watchDirectories makes w watch the directories that path is in, seen through its symbolic links, and no others. What cannot be
// watched is left to the recheck.
func watchDirectories(w *fsnotify.Watcher, path string) {
	wanted := directories(path)
	for _, watched := range w.WatchList() {
		if !slices.Contains(wanted, watched) {
			w.Remove(watched)
		}
	}
	for _, directory := range wanted {
		if !slices.Contains(w.WatchList(), directory) {
			w.Add(directory)
		}
	}
}

// directories returns the directory of path, and those of the files that it leads to when it is a symbolic link.
func directories(path string) []string {
	const maxLinks = 40 // as Linux has it
	found := []string{filepath.Dir(path)}
	for range maxLinks {
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
		found = append(found, filepath.Dir(path))
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		found = append(found, filepath.Dir(real))
	}
	slices.Sort(found)
	return slices.Compact(found)
}
