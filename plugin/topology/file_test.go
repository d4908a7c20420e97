package topology

import (
	"errors"
	golog "log"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// Texts with 1, 2 and 3 networks.
const (
	one   = "10.0.0.0/8 a\n"
	two   = one + "11.0.0.0/8 b\n"
	three = two + "12.0.0.0/8 c\n"
)

// write creates a file and returns its path.
func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "networks")
	rewrite(tb, path, text)
	return path
}

var writes atomic.Int64

// rewrite creates or changes a file. Each call gives it another time, all of them long ago.
func rewrite(tb testing.TB, path, text string) {
	tb.Helper()
	topologytest.Must(tb, os.WriteFile(path, []byte(text), 0o600))
	at := time.Date(1990, 1, 1, 0, 0, int(writes.Add(1)), 0, time.UTC)
	topologytest.Must(tb, os.Chtimes(path, at, at))
}

func open(tb testing.TB, path string) *File {
	tb.Helper()
	f, err := NewFile(path)
	topologytest.Must(tb, err)
	return f
}

// started returns a File that has looked at its file once.
func started(tb testing.TB, path string) *File {
	tb.Helper()
	f := open(tb, path)
	topologytest.Must(tb, f.Start())
	tb.Cleanup(func() { f.Stop() })
	synctest.Wait()
	return f
}

// poll waits until a change of a file must have been noticed and read.
func poll() {
	time.Sleep(pollInterval + restInterval)
	synctest.Wait()
}

// expect checks the number of networks in the table of f.
func expect(tb testing.TB, f *File, networks int, when string) {
	tb.Helper()
	if got := f.Table().Len(); got != networks {
		tb.Errorf("%s: %d networks, want %d", when, got, networks)
	}
}

// failureCount returns how many failures of f were counted.
func failureCount(tb testing.TB, f *File) int {
	tb.Helper()
	n, _ := topologytest.Metric(tb, topologytest.Failures, f.Name())
	return int(n)
}

// expectRefused checks that f keeps its two networks because its file was refused once, for this reason,
// which the log and the error of NewFile say.
func expectRefused(tb testing.TB, f *File, log func() string, reason string) {
	tb.Helper()
	expect(tb, f, 2, reason)
	if n := failureCount(tb, f); n != 1 {
		tb.Errorf("%d failures, want 1", n)
	}
	if want := f.Name() + ": " + reason + "; the last good table stays\n"; !strings.Contains(log(), want) {
		tb.Errorf("%q is not in the log:\n%s", want, log())
	}
	if _, err := NewFile(f.Name()); err == nil || !strings.HasSuffix(err.Error(), reason) {
		tb.Errorf("error %v", err)
	}
}

func TestFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		if !f.Ready() || f.Name() != path || f.Table().Len() != 1 {
			t.Fatal("not read at once")
		}
		rewrite(t, path, two)
		poll()
		expect(t, f, 2, "written in place")
		rewrite(t, path+".new", three)
		topologytest.Must(t, os.Rename(path+".new", path))
		poll()
		expect(t, f, 3, "replaced")
		rewrite(t, path, one)
		poll()
		expect(t, f, 1, "written in place after it was replaced")
	})
}

func TestConfigMapIsFollowed(t *testing.T) {
	systemtest.SkipOnWindows(t, "a link to a directory cannot be replaced by renaming another")
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		version := func(name, text string) {
			topologytest.Must(t, os.Mkdir(filepath.Join(directory, name), 0o700))
			rewrite(t, filepath.Join(directory, name, "networks"), text)
			topologytest.Must(t, os.Symlink(name, filepath.Join(directory, "..new")))
			topologytest.Must(t, os.Rename(filepath.Join(directory, "..new"), filepath.Join(directory, "..data")))
		}
		version("..1", one)
		path := filepath.Join(directory, "networks")
		topologytest.Must(t, os.Symlink("..data/networks", path))
		f := started(t, path)
		version("..2", two)
		topologytest.Must(t, os.RemoveAll(filepath.Join(directory, "..1")))
		poll()
		expect(t, f, 2, "swapped")
		version("..3", three)
		poll()
		expect(t, f, 3, "swapped again")
	})
}

func TestLinkToAnotherDirectoryIsFollowed(t *testing.T) {
	systemtest.SkipOnWindows(t, "links need a privilege")
	synctest.Test(t, func(t *testing.T) {
		target := write(t, one)
		path := filepath.Join(t.TempDir(), "link")
		topologytest.Must(t, os.Symlink(target, path))
		f := started(t, path)
		rewrite(t, target, two)
		poll()
		expect(t, f, 2, "target written")
		other := write(t, three)
		topologytest.Must(t, os.Symlink(other, path+".new"))
		topologytest.Must(t, os.Rename(path+".new", path))
		poll()
		expect(t, f, 3, "link changed")
		rewrite(t, other, one)
		poll()
		expect(t, f, 1, "new target written")
	})
}

func TestChangeBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := open(t, path)
		rewrite(t, path, two)
		topologytest.Must(t, f.Start())
		defer f.Stop()
		synctest.Wait()
		expect(t, f, 1, "before the file is at rest")
		time.Sleep(restInterval)
		synctest.Wait()
		expect(t, f, 2, "at rest")
	})
}

// TestFileIsReadAtRest changes a file before each look, each time by another sign.
func TestFileIsReadAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		time.Sleep(pollInterval / 2) // between two looks
		for i, change := range []func(){
			func() { rewrite(t, path, two) },
			func() { // the size alone
				info, err := os.Stat(path)
				topologytest.Must(t, err)
				topologytest.Must(t, os.WriteFile(path, []byte(three), 0o600))
				topologytest.Must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
			},
			func() { rewrite(t, path, three) }, // the time alone
			func() { // another file of the same size and time
				info, err := os.Stat(path)
				topologytest.Must(t, err)
				topologytest.Must(t, os.WriteFile(path+".new", []byte(three), 0o600))
				topologytest.Must(t, os.Chtimes(path+".new", info.ModTime(), info.ModTime()))
				topologytest.Must(t, os.Rename(path+".new", path))
			},
		} {
			change()
			if i == 0 {
				time.Sleep(pollInterval/2 + restInterval/2)
			} else {
				time.Sleep(restInterval)
			}
			synctest.Wait()
			expect(t, f, 1, "while the file changes")
		}
		time.Sleep(restInterval)
		synctest.Wait()
		expect(t, f, 3, "at rest")
		if n := failureCount(t, f); n != 0 {
			t.Errorf("%d failures", n)
		}
	})
}

func TestBrokenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := topologytest.Logged(t)
		path := write(t, one)
		f := started(t, path)
		check := func(when string, wantFailures, wantErrors int) {
			t.Helper()
			expect(t, f, 1, when)
			if n := failureCount(t, f); n != wantFailures {
				t.Errorf("%s: %d failures, want %d", when, n, wantFailures)
			}
			if n := strings.Count(text(), "[ERROR]"); n != wantErrors {
				t.Errorf("%s: %d errors logged, want %d:\n%s", when, n, wantErrors, text())
			}
		}
		const broken = one + "10.0.0.0/33 b\n"
		rewrite(t, path, broken)
		poll()
		check("broken", 1, 1)
		time.Sleep(3 * pollInterval)
		synctest.Wait()
		check("at three more looks", 4, 1)
		rewrite(t, path, broken)
		poll()
		check("broken in the same way again", 5, 1)
		topologytest.Must(t, os.Remove(path))
		poll()
		check("gone", 6, 2)
		time.Sleep(pollInterval)
		synctest.Wait()
		check("at one more look", 7, 2)
		rewrite(t, path, one)
		poll()
		check("good again", 7, 2)
		topologytest.Must(t, os.Remove(path))
		time.Sleep(pollInterval)
		synctest.Wait()
		check("gone again", 8, 3)
		for _, want := range []string{
			path + `:2: 10.0.0.0/33: "33" is not a prefix length from 0 to 32; the last good table stays` + "\n",
			path + ": " + systemtest.NoSuchFile() + "; the last good table stays\n",
			path + ": networks: 1, before: 1\n",
		} {
			if !strings.Contains(text(), want) {
				t.Errorf("%q is not in the log:\n%s", want, text())
			}
		}
	})
}

func TestEmptiedFile(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "comments alone": "# " + two + "\n# c\n"} {
		t.Run(name, func(t *testing.T) {
			text = strings.ReplaceAll(text, "\n11", "\n# 11")
			synctest.Test(t, func(t *testing.T) {
				log := topologytest.Logged(t)
				path := write(t, two)
				f := started(t, path)
				rewrite(t, path, text)
				poll()
				expectRefused(t, f, log, "has no networks, but the table in use has 2")
				rewrite(t, path, two)
				poll()
				expect(t, f, 2, "as before")
				rewrite(t, path, text)
				poll()
				expect(t, f, 2, "emptied again")
				if n := failureCount(t, f); n != 2 {
					t.Errorf("%d failures, want 2", n)
				}
				time.Sleep(pollInterval)
				synctest.Wait()
				if n := failureCount(t, f); n != 3 {
					t.Errorf("%d failures at one more look, want 3", n)
				}
				rewrite(t, path, one)
				poll()
				expect(t, f, 1, "one left")
				rewrite(t, path, text)
				poll()
				topologytest.Must(t, f.Stop())
				restarted := open(t, path)
				expect(t, restarted, 0, "started after the others were stopped")
				topologytest.Must(t, f.Start())
				if _, found := topologytest.Metric(t, topologytest.LastSync, path); found {
					t.Error("a table that is not the file's is published as current")
				}
				topologytest.Must(t, f.Stop())
			})
		})
	}
}

// TestFileThatIsCutOff has files whose last line loses its line break, and one that never had it.
func TestFileThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := topologytest.Logged(t)
		path := write(t, two)
		f := started(t, path)
		cut := strings.TrimSuffix(three, "\n")
		rewrite(t, path, cut)
		poll()
		expectRefused(t, f, log, "the last line has lost its line break, as if the file were cut off: end it with one")
		topologytest.Must(t, f.Stop())
		f = started(t, path)
		expect(t, f, 3, "started without a line break at the end")
		rewrite(t, path, strings.TrimSuffix(two, "\n"))
		poll()
		expect(t, f, 2, "still without")
		rewrite(t, path, three)
		poll()
		expect(t, f, 3, "with one")
		rewrite(t, path, strings.TrimSuffix(two, "\n"))
		poll()
		expect(t, f, 3, "cut off again")
		rewrite(t, path, one)
		poll()
		expect(t, f, 1, "with one again")
	})
}

func TestFileThatIsEmptyFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := topologytest.Logged(t)
		path := write(t, "")
		f := open(t, path)
		topologytest.Must(t, f.Start())
		defer f.Stop()
		started(t, path)
		rewrite(t, path, "# soon\n")
		poll()
		if strings.Contains(log(), "[ERROR]") || failureCount(t, f) != 0 {
			t.Errorf("%d failures, log:\n%s", failureCount(t, f), log())
		}
		rewrite(t, path, one)
		poll()
		expect(t, f, 1, "no longer empty")
	})
}

func TestSameTextMakesNoNewTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		before := f.Table()
		rewrite(t, path, one)
		poll()
		if f.Table() != before || f.shared.lastVersion().table != before {
			t.Error("a new table for the same text")
		}
		rewrite(t, path, strings.ToUpper(one))
		poll()
		if f.Table() == before {
			t.Error("no new table for another text")
		}
	})
}

func TestLastSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		begin := time.Now()
		check := func(when string, want time.Duration) {
			t.Helper()
			synctest.Wait()
			got, _ := topologytest.Metric(t, topologytest.LastSync, path)
			if at := time.UnixMilli(int64(got * 1000)).Sub(begin); at != want {
				t.Errorf("%s: in sync at %v, want %v", when, at, want)
			}
		}
		check("read", 0)
		time.Sleep(10 * pollInterval)
		check("unchanged", 10*pollInterval)
		rewrite(t, path, "x")
		time.Sleep(5 * pollInterval)
		check("broken", 10*pollInterval)
		rewrite(t, path, two)
		time.Sleep(pollInterval - restInterval) // until the next look
		check("mended but not at rest", 10*pollInterval)
		time.Sleep(restInterval)
		check("mended", 16*pollInterval)
		expect(t, f, 2, "mended")
	})
}

func TestLastSyncOfAFileThatChangedBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := open(t, path)
		read := time.Now()
		time.Sleep(time.Minute)
		rewrite(t, path, two)
		topologytest.Must(t, f.Start())
		defer f.Stop()
		synctest.Wait()
		checkMetric(t, topologytest.LastSync, path, float64(read.Unix()))
	})
}

func TestNewFileErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	_, err := NewFile(missing)
	if !errors.Is(err, os.ErrNotExist) || err.Error() != missing+": "+systemtest.NoSuchFile() {
		t.Errorf("error %v", err)
	}
	path := write(t, "# fine\n10.0.0.1/8 a\n")
	want := path + ":2: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"
	if _, err := NewFile(path); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	odd := filepath.Join(t.TempDir(), "a\n\x1b[31mb")
	if _, err := NewFile(odd); err == nil || !strings.Contains(err.Error(), `a\n\x1b[31mb: `) {
		t.Errorf("error %q", err)
	}
}

func TestOddPathInLogAndMetrics(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux takes any bytes for the name of a file")
	}
	synctest.Test(t, func(t *testing.T) {
		log := topologytest.Logged(t)
		directory := t.TempDir()
		path := filepath.Join(directory, "a\n\x1b[31m\xff")
		rewrite(t, path, "")
		started(t, path)
		rewrite(t, path, one)
		poll()
		topologytest.Must(t, os.Remove(path))
		poll()
		shown := directory + `/a\n\x1b[31m\xff`
		for _, want := range []string{
			": networks: 1, before: 0\n", ": no such file or directory; the last good table stays\n",
		} {
			if !strings.Contains(log(), shown+want) {
				t.Errorf("%q is not in the log: %q", shown+want, log())
			}
		}
		if got, _ := topologytest.Metric(t, topologytest.Entries, shown); got != 1 {
			t.Errorf("%v entries, want 1", got)
		}
	})
}

func TestFileStartStopLeavesNoGoroutine(t *testing.T) {
	f := open(t, write(t, one))
	before := runtime.NumGoroutine()
	for range 100 {
		topologytest.Must(t, f.Start())
		topologytest.Must(t, f.Start()) // does nothing
		topologytest.Must(t, f.Stop())
		topologytest.Must(t, f.Stop())
	}
	topologytest.Eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestStoppedFileIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		topologytest.Must(t, f.Stop())
		rewrite(t, path, two)
		poll()
		expect(t, f, 1, "stopped")
		topologytest.Must(t, f.Start())
		poll()
		expect(t, f, 2, "started again")
	})
}

// TestStopDoesNotWaitForARead stops a File whose file system does not answer.
func TestStopDoesNotWaitForARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t, write(t, one))
		answer := make(chan struct{})
		f.shared.look = func(string, version, os.FileInfo) look {
			<-answer
			return look{version: version{table: &Table{}}}
		}
		topologytest.Must(t, f.Start())
		time.Sleep(time.Hour)
		before := f.Table()
		topologytest.Must(t, f.Stop())
		close(answer)
		synctest.Wait()
		if f.Table() != before {
			t.Error("the result of the read was used after Stop")
		}
	})
}

// TestStopWaitsForTheEnd stops a File that is logging what it has read.
func TestStopWaitsForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		f := started(t, path)
		release := make(chan struct{})
		golog.SetOutput(blockedWriter(release))
		defer golog.SetOutput(os.Stdout)
		rewrite(t, path, two)
		poll()
		stopped := false
		go func() {
			f.Stop()
			stopped = true
		}()
		synctest.Wait()
		if stopped {
			t.Error("Stop did not wait")
		}
		close(release)
		synctest.Wait()
		if !stopped {
			t.Error("Stop did not return")
		}
	})
}

type blockedWriter chan struct{}

func (w blockedWriter) Write(p []byte) (int, error) {
	<-w
	return len(p), nil
}

func TestLocationsAreThoseOfTheFile(t *testing.T) {
	f := open(t, write(t, two))
	if got := f.Table().Find(netip.MustParseAddr("11.1.2.3")).String(); got != "b" {
		t.Errorf("11.1.2.3 is at %q, want b", got)
	}
}
