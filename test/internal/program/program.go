// Package program runs programs that are not part of this repository inside tests.
package program

import (
	"bytes"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Timeout is how long a program may take to start or to answer. It does not measure speed: nothing
// that works takes this long.
const Timeout = 30 * time.Second

// Find returns the path of a program. It skips the test if the program is not installed.
func Find(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// Start starts cmd, which is killed when the test ends, and waits until ready returns true, cmd
// exits, or Timeout passes. It returns what cmd has printed so far and whether it is ready.
func Start(t testing.TB, cmd *exec.Cmd, ready func() bool) (output string, ok bool) {
	t.Helper()
	out := new(transcript)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("%s printed\n%s", cmd.Path, out)
		}
	})
	for deadline := time.Now().Add(Timeout); time.Now().Before(deadline); {
		select {
		case <-exited:
			return out.String(), false
		case <-time.After(20 * time.Millisecond):
		}
		if ready() {
			return out.String(), true
		}
	}
	return out.String(), false
}

// A transcript collects the output of a command. It is safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
