//go:build unix

package chain

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// TestDatabaseThatAServerHoldsLocked has a database of dynupdate whose zone is not that of the zone file
// any more, while a server has it open.
func TestDatabaseThatAServerHoldsLocked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	seed, database := filepath.Join(dir, "zone"), filepath.Join(dir, "database")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(seed, zone)
	text := input("example.org {\n\tordering\n" + strings.ReplaceAll(updatable, "DIR", dir) + "}\n")
	explain := func() []string {
		t.Helper()
		c, err := Open(text)
		if err != nil {
			t.Fatal(err)
		}
		got := addrs(asked(t, c, "10.1.0.9", "www.example.org.", dns.TypeA))
		if _, err := os.Stat(database); os.IsNotExist(err) { // what dynupdate has made of the zone file
			made, err := os.ReadFile(c.copies.byPath[database])
			if err != nil {
				t.Fatal(err)
			}
			write(database, string(made))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		return got
	}
	want := strings.Join(explain(), " ")

	server, err := os.Open(database)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := syscall.Flock(int(server.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(seed); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(explain(), " "); got != want || want == "" {
		t.Errorf("the addresses are %s, want %s", got, want)
	}
	if errs, warnings := Check(text); len(errs)+len(warnings) > 0 {
		t.Errorf("errors %v and warnings %v", errs, warnings)
	}
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("there are the files %v, want only the database", got)
	}
}
