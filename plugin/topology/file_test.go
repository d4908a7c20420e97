package topology

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// write makes a file and returns its path.
func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "networks")
	rewrite(tb, path, text)
	return path
}

func rewrite(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func open(tb testing.TB, path string) *File {
	tb.Helper()
	f, err := NewFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func started(tb testing.TB, path string) *File {
	tb.Helper()
	f := open(tb, path)
	if err := f.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Stop() })
	return f
}

func (f *File) has(networks int) func() bool {
	return func() bool { return f.Table().Len() == networks }
}

func TestFileIsFollowed(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	f := started(t, path)
	if !f.Ready() || f.Name() != path || f.Table().Len() != 1 {
		t.Fatal("not read at once")
	}
	rewrite(t, path, "10.0.0.0/8 a\n11.0.0.0/8 b\n")
	topologytest.Eventually(t, "written in place", f.has(2))
	rewrite(t, path+".new", "10.0.0.0/8 a\n11.0.0.0/8 b\n12.0.0.0/8 c\n")
	topologytest.Must(t, os.Rename(path+".new", path))
	topologytest.Eventually(t, "replaced", f.has(3))
	rewrite(t, path, "10.0.0.0/8 a\n")
	topologytest.Eventually(t, "written in place after it was replaced", f.has(1))
}

func TestConfigMapIsFollowed(t *testing.T) {
	directory := t.TempDir()
	version := func(name, text string) {
		topologytest.Must(t, os.Mkdir(filepath.Join(directory, name), 0o700))
		rewrite(t, filepath.Join(directory, name, "networks"), text)
		topologytest.Must(t, os.Symlink(name, filepath.Join(directory, "..new")))
		topologytest.Must(t, os.Rename(filepath.Join(directory, "..new"), filepath.Join(directory, "..data")))
	}
	version("..1", "10.0.0.0/8 a\n")
	path := filepath.Join(directory, "networks")
	topologytest.Must(t, os.Symlink("..data/networks", path))
	f := started(t, path)
	version("..2", "10.0.0.0/8 a\n11.0.0.0/8 b\n")
	topologytest.Must(t, os.RemoveAll(filepath.Join(directory, "..1")))
	topologytest.Eventually(t, "swapped", f.has(2))
	version("..3", "10.0.0.0/8 a\n11.0.0.0/8 b\n12.0.0.0/8 c\n")
	topologytest.Eventually(t, "swapped again", f.has(3))
}

func TestLinkToAnotherDirectoryIsFollowed(t *testing.T) {
	target := write(t, "10.0.0.0/8 a\n")
	path := filepath.Join(t.TempDir(), "link")
	topologytest.Must(t, os.Symlink(target, path))
	f := started(t, path)
	rewrite(t, target, "10.0.0.0/8 a\n11.0.0.0/8 b\n")
	topologytest.Eventually(t, "target written", f.has(2))
	other := write(t, "10.0.0.0/8 a\n11.0.0.0/8 b\n12.0.0.0/8 c\n")
	topologytest.Must(t, os.Symlink(other, path+".new"))
	topologytest.Must(t, os.Rename(path+".new", path))
	topologytest.Eventually(t, "link changed", f.has(3))
	rewrite(t, other, "10.0.0.0/8 a\n")
	topologytest.Eventually(t, "new target written", f.has(1))
}

func TestFileStartStopLeavesNoGoroutine(t *testing.T) {
	f := open(t, write(t, "10.0.0.0/8 a\n"))
	before := runtime.NumGoroutine()
	for range 100 {
		topologytest.Must(t, f.Start())
		topologytest.Must(t, f.Start()) // once is enough
		topologytest.Must(t, f.Stop())
		topologytest.Must(t, f.Stop())
	}
	topologytest.Eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestBrokenFileIsReportedOnceAndTheTableStays(t *testing.T) {
	text := topologytest.Logged(t)
	path := write(t, "10.0.0.0/8 a\n")
	f := started(t, path)
	failures := func(n float64) func() bool {
		return func() bool { got, _ := topologytest.Metric(t, "topology_reload_failures_total", path); return got == n }
	}
	rewrite(t, path, "10.0.0.0/8 a\n10.0.0.0/33 b\n")
	topologytest.Eventually(t, "broken", failures(1))
	for range 3 { // the same again is no news
		rewrite(t, path, "10.0.0.0/8 a\n10.0.0.0/33 b\n")
		f.settle()
	}
	topologytest.Must(t, os.Remove(path))
	topologytest.Eventually(t, "gone", failures(2))
	rewrite(t, filepath.Join(filepath.Dir(path), "other"), "")
	f.settle()
	f.Stop() // and no later report counts
	if got := strings.Count(text(), "[ERROR]"); got != 2 {
		t.Errorf("reported %d times, want 2:\n%s", got, text())
	}
	for _, want := range []string{path + ":2: 10.0.0.0/33", path + ": no such file"} {
		if !strings.Contains(text(), want) {
			t.Errorf("%q is not in the log:\n%s", want, text())
		}
	}
	if !f.has(1)() {
		t.Error("the old table did not stay")
	}
}

func TestFileThatComesBack(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	f := open(t, path)
	topologytest.Must(t, os.Remove(path))
	f.reload()
	rewrite(t, path, "10.0.0.0/8 a\n11.0.0.0/8 b\n")
	f.reload()
	if !f.has(2)() || f.trouble != "" {
		t.Errorf("%d networks, want 2; trouble: %q", f.Table().Len(), f.trouble)
	}
}

// settle waits for the next look.
func (f *File) settle() { time.Sleep(pollInterval * 3 / 2) }

func TestSameTextMakesNoNewTable(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	f := open(t, path)
	before := f.Table()
	rewrite(t, path, "10.0.0.0/8 a\n")
	topologytest.Must(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
	f.reload()
	if f.Table() != before {
		t.Error("a new table for the same text")
	}
	rewrite(t, path, "11.0.0.0/8 a\n")
	f.reload()
	if f.Table() == before {
		t.Error("no new table for another text")
	}
}

func TestSettledFileIsNotReadAgain(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	old := time.Now().Add(-time.Hour)
	topologytest.Must(t, os.Chtimes(path, old, old))
	f := open(t, path)
	if f.seen == nil {
		t.Fatal("would be read again")
	}
	if _, text, err := readFile(path, f.seen); text != nil || err != nil {
		t.Errorf("read again: %q, %v", text, err)
	}
	rewrite(t, path, "11.0.0.0/8 a\n") // of the same size
	if _, text, err := readFile(path, f.seen); text == nil || err != nil {
		t.Errorf("not read again: %v", err)
	}
}

func TestTwoWritesAtOneTime(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	now := time.Now()
	topologytest.Must(t, os.Chtimes(path, now, now))
	f := open(t, path)
	rewrite(t, path, "10.0.0.0/8 b\n")
	topologytest.Must(t, os.Chtimes(path, now, now))
	f.reload()
	if got := f.Table().Find(netip.MustParseAddr("10.0.0.1")).String(); got != "b" {
		t.Errorf("10.0.0.1 is at %q, want b", got)
	}
}

func TestNewFileSaysWhatIsWrong(t *testing.T) {
	if _, err := NewFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) || !strings.HasSuffix(err.Error(), "/none: no such file or directory") {
		t.Errorf("error %v", err)
	}
	path := write(t, "# fine\n10.0.0.1/8 a\n")
	if _, err := NewFile(path); err == nil || err.Error() != path+":2: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?" {
		t.Errorf("error %v", err)
	}
}
