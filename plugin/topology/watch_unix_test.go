//go:build unix

package topology

import (
	"syscall"
	"testing"
)

// TestFileThatCannotBeWatched has a system that gives no more descriptors while the watch is set up.
func TestFileThatCannotBeWatched(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	f, err := NewFile(path)
	must(t, err)
	rewrite(t, path, "10.0.0.0/8 a\n11.0.0.0/8 b\n")

	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	err = f.Start()
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	must(t, err)

	eventually(t, "the change that came before the watch is seen", f.has(2))
	must(t, f.Stop())
}
