//go:build unix

package topology

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// otherKinds returns paths at which there is no regular file, with the errors that follow them.
func otherKinds(t *testing.T) map[string]string {
	directory := t.TempDir()
	at := func(name string) string { return filepath.Join(directory, name) }
	link := func(target, name string) string {
		topologytest.Must(t, os.Symlink(target, at(name)))
		return at(name)
	}
	socket, err := net.Listen("unix", at("socket"))
	topologytest.Must(t, err)
	t.Cleanup(func() { socket.Close() })
	topologytest.Must(t, syscall.Mkfifo(at("pipe"), 0o600))
	return map[string]string{
		directory:                         ": is a directory, not a regular file",
		"/dev/zero":                       ": is a device, not a regular file",
		"/dev/null":                       ": is a device, not a regular file",
		at("pipe"):                        ": is a named pipe, not a regular file",
		at("socket"):                      ": is a socket, not a regular file",
		link("/dev/zero", "to zero"):      ": is a device, not a regular file",
		link(at("pipe"), "to pipe"):       ": is a named pipe, not a regular file",
		link(directory, "to directory"):   ": is a directory, not a regular file",
		link(at("nothing"), "to nothing"): ": no such file or directory",
		link(at("itself"), "itself"):      ": too many levels of symbolic links",
	}
}

func TestNewFileRefusesOtherKinds(t *testing.T) {
	for path, want := range otherKinds(t) {
		if _, err := NewFile(path); err == nil || err.Error() != path+want {
			t.Errorf("error %v\nwant  %s%s", err, path, want)
		}
	}
}

// TestFileThatBecomesAnotherKind puts something else in the place of a file that is followed.
func TestFileThatBecomesAnotherKind(t *testing.T) {
	for other, want := range otherKinds(t) {
		synctest.Test(t, func(t *testing.T) {
			log := topologytest.Logged(t)
			path := write(t, one)
			f := started(t, path)
			topologytest.Must(t, os.Remove(path))
			topologytest.Must(t, os.Symlink(other, path))
			poll()
			expect(t, f, 1, other)
			if !strings.Contains(log(), path+want+"; the last good table stays\n") || failureCount(t, f) == 0 {
				t.Errorf("%s: %d failures, log:\n%s", other, failureCount(t, f), log())
			}
		})
	}
}

// TestReadVersionChecksAgain puts something else in the place of a file after its kind was checked.
func TestReadVersionChecksAgain(t *testing.T) {
	info, err := os.Stat(write(t, one))
	topologytest.Must(t, err)
	for path, want := range otherKinds(t) {
		if strings.HasSuffix(path, "/socket") {
			_, err := os.Open(path) // which fails, in words that differ between systems
			want = ": " + errors.Unwrap(err).Error()
		}
		if v := readVersion(path, info); v.err == nil || v.err.Error() != path+want || v.table != nil {
			t.Errorf("error %v\nwant  %s%s", v.err, path, want)
		}
	}
}
