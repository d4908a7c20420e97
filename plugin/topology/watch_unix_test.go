//go:build unix

package topology

import (
	"syscall"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// TestFileThatCannotBeWatched has a system that gives no more descriptors while the watch is set up.
func TestFileThatCannotBeWatched(t *testing.T) {
	path := write(t, "10.0.0.0/8 a\n")
	f, err := NewFile(path)
	topologytest.Must(t, err)
	rewrite(t, path, "10.0.0.0/8 a\n11.0.0.0/8 b\n")

	var limit syscall.Rlimit
	topologytest.Must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	topologytest.Must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	err = f.Start()
	topologytest.Must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	topologytest.Must(t, err)

	topologytest.Eventually(t, "the change that came before the watch is seen", f.has(2))
	topologytest.Must(t, f.Stop())
}
