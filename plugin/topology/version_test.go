package topology

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func TestSizeLimit(t *testing.T) {
	path := write(t, "")
	check := func(size int64, want string) {
		t.Helper()
		topologytest.Must(t, os.Truncate(path, size))
		if _, err := NewFile(path); err == nil || err.Error() != path+want {
			t.Errorf("%d bytes: error %v\nwant  %s%s", size, err, path, want)
		}
	}
	check(maxFileSize, ":1: the line is longer than 4096 bytes")
	check(maxFileSize+1, ": has 67108865 bytes: at most 67108864 are allowed")
	check(300<<20, ": has 314572800 bytes: at most 67108864 are allowed")

	info, err := os.Stat(path)
	topologytest.Must(t, err)
	if v := readVersion(path, info); v.err == nil || !strings.HasSuffix(v.err.Error(), "at most 67108864 are allowed") {
		t.Errorf("grown after its size was checked: error %v", v.err)
	}
}

func TestUnchangedFileIsNotReadAgain(t *testing.T) {
	path := write(t, one)
	first := currentVersion(path, version{})
	topologytest.Must(t, first.err)
	// The text changes, but neither size nor time.
	info, err := os.Stat(path)
	topologytest.Must(t, err)
	topologytest.Must(t, os.WriteFile(path, []byte(strings.ToUpper(one)), 0o600))
	topologytest.Must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))

	if v := currentVersion(path, first); v.table != first.table || v.at.Before(first.at) || v.at.Equal(first.at) {
		t.Error("read again, or not known to be current later than before")
	}
	if l := lookAt(path, first, nil); l.changing || l.table != first.table || !l.at.After(first.at) {
		t.Error("read again by the poll")
	}
	rewrite(t, path, strings.ToUpper(one))
	if v := currentVersion(path, first); v.table == first.table {
		t.Error("not read again with another time")
	}
}

// TestRecentlyWrittenFileIsReadAgain has files whose time may stay the same when they are written
// once more.
func TestRecentlyWrittenFileIsReadAgain(t *testing.T) {
	const filetime = 100 * time.Nanosecond // in which NTFS counts time
	synctest.Test(t, func(t *testing.T) {
		for age, again := range map[time.Duration]bool{
			0:                        true,
			timestampUnit - filetime: true,
			timestampUnit:            false,
			time.Hour:                false,
			filetime - timestampUnit: true, // in the future
			-timestampUnit:           false,
			-time.Hour:               false,
		} {
			path := write(t, one)
			at := time.Now().Add(-age)
			topologytest.Must(t, os.Chtimes(path, at, at))
			first := currentVersion(path, version{})
			topologytest.Must(t, os.WriteFile(path, []byte(strings.ToUpper(one)), 0o600))
			topologytest.Must(t, os.Chtimes(path, at, at))
			if got := currentVersion(path, first).table != first.table; got != again {
				t.Errorf("written %v ago: read again %v, want %v", age, got, again)
			}
			info, err := os.Stat(path)
			topologytest.Must(t, err)
			l := lookAt(path, first, info)
			if l.changing || (l.table != first.table) != again || !sameInfo(l.seen, info) {
				t.Errorf("written %v ago: read again by the poll %v, want %v", age, l.table != first.table, again)
			}
		}
	})
}

func TestTwoWritesAtOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, one)
		at := time.Now()
		topologytest.Must(t, os.Chtimes(path, at, at))
		f := started(t, path)
		topologytest.Must(t, os.WriteFile(path, []byte(strings.ReplaceAll(one, "a", "b")), 0o600))
		topologytest.Must(t, os.Chtimes(path, at, at))
		poll()
		if got := lines(f.Table()); got != "10.0.0.0/8 b\n" {
			t.Errorf("the table is\n%s", got)
		}
	})
}

// TestFileThatChangesWhileItIsRead has another size when it was read than when it was looked at.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for _, text := range []string{two, "broken"} {
		path := write(t, one)
		info, err := os.Stat(path)
		topologytest.Must(t, err)
		rewrite(t, path, text)
		if v := readVersion(path, info); !v.changing || v.info != nil {
			t.Errorf("%q: a version that can be used", text)
		}
		after, err := os.Stat(path)
		topologytest.Must(t, err)
		if v := readVersion(path, after); v.changing || v.info == nil {
			t.Errorf("%q: no version that can be used", text)
		}
	}
}

func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if n, ok := detach(t.Context(), func() int { return 7 }); n != 7 || !ok {
			t.Errorf("%d, %v", n, ok)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		never := make(chan int)
		begin := time.Now()
		if n, ok := detach(ctx, func() int { return <-never }); n != 0 || ok || time.Since(begin) != time.Minute {
			t.Errorf("%d, %v after %v", n, ok, time.Since(begin))
		}
		close(never)
	})
}
