// Package program runs programs that are not part of this repository inside tests, in particular
// other DNS servers.
package program

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Timeout is how long a program may take to start or to answer. It does not measure speed: nothing
// that works takes this long.
const Timeout = time.Minute

// Find returns the path of a program. It skips the test if the program is not installed, or if this
// is not Linux: elsewhere its clients cannot have every address of 127.0.0.0/8.
func Find(t testing.TB, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("every address of 127.0.0.0/8 is local only on Linux")
	}
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
	out := new(Transcript)
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

// Eventually waits until done returns true. After Timeout it fails the test with what.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Timeout); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Timeout, what)
		}
	}
}

// WriteFile writes a file into dir, which programs of other users can read too, and returns its path.
func WriteFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Random returns a source of randomness with a new seed, or with the seed in an environment variable.
// It logs the seed.
func Random(t testing.TB, variable string) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(variable); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
	}
	t.Logf("%s=%d", variable, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A Transcript collects what is printed or logged. It is safe for concurrent use.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String returns what has been collected so far.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
