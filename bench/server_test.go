//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/procfs"
)

// process is what the tests set of a process. Times are in hundredths of a second.
type process struct{ group, user, system int }

// fakeProc writes a /proc with these processes, by process ID, into dir.
func fakeProc(t *testing.T, dir string, processes map[int]process) procfs.FS {
	t.Helper()
	for pid, p := range processes {
		own := filepath.Join(dir, fmt.Sprint(pid))
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		stat := fmt.Sprintf("%d (a) b (c) S 1 %d %[2]d 0 -1 4194560 100 0 0 0 %d %d 0 0 20 0 1 0 77 "+
			"1000 10 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
			pid, p.group, p.user, p.system)
		if err := os.WriteFile(filepath.Join(own, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	proc, err := procfs.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return proc
}

func TestCPUTimeIsThatOfTheProcessGroup(t *testing.T) {
	dir := t.TempDir()
	proc := fakeProc(t, dir, map[int]process{40: {40, 150, 25}, 42: {40, 1000, 0}, 50: {50, 7, 7}})
	// The directory of a process that has just ended: it is listed, but there is no file stat.
	if err := os.Mkdir(filepath.Join(dir, "43"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := groupCPUTime(proc, 40)
	if err != nil {
		t.Fatal(err)
	}
	if want := 11.75; got != want {
		t.Errorf("%v s, want %v s", got, want)
	}
}

func TestUnreadableProcessIsAnError(t *testing.T) {
	dir := t.TempDir()
	proc := fakeProc(t, dir, map[int]process{40: {40, 150, 25}})
	if err := os.WriteFile(filepath.Join(dir, "40", "stat"), []byte("40 (a) S 1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := groupCPUTime(proc, 40); err == nil {
		t.Error("no error")
	}
}
