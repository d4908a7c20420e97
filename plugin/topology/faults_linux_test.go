package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

// TestFullDisk writes a file that its file system has no room for. In place, that leaves a part of
// it, cut off in the middle of a line. If a new file is to be renamed to the path, it does nothing.
func TestFullDisk(t *testing.T) {
	const line = "10.%d.%d.0/24 region-1/zone-1" // the disk is full after a network, in front of its location
	directory := t.TempDir()
	if err := syscall.Mount("none", directory, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no file system of our own: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(directory, syscall.MNT_DETACH) })
	var large strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&large, line+"\n", i/256, i%256)
	}
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(directory, "networks")
		rewrite(t, path, three)
		f := started(t, path)
		for _, name := range []string{path + ".new", path} {
			if err := os.WriteFile(name, []byte(large.String()), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("writing %s: %v, want no space", name, err)
			}
			poll()
			expect(t, f, 3, "no space for "+filepath.Base(name))
			topologytest.Must(t, os.Remove(name))
		}
		if failureCount(t, f) == 0 {
			t.Error("no failure counted")
		}
		rewrite(t, path, two)
		poll()
		expect(t, f, 2, "space again")
	})
}
