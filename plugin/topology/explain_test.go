package topology

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestFileExplains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.txt")
	text := "\ufeff# offices\n10.0.0.0/8 west\n10.20.0.0/16\twest/lab # a comment\n\n2001:db8::/32 east\n10.20.1.7 west/lab/desk\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"10.1.2.3":    "places.txt:2",
		"10.20.1.2":   "places.txt:3",
		"10.20.1.7":   "places.txt:6",
		"2001:db8::1": "places.txt:5",
		"192.0.2.1":   "not in places.txt (4 networks)",
	} {
		if got := f.Explain(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got, want := f.Describe(), "places.txt, 4 networks"; got != want {
		t.Errorf("describes itself as %q, want %q", got, want)
	}

	// The table is still the one that was read, so a line of the new file proves nothing.
	if err := os.WriteFile(path, []byte("10.0.0.0/8 east\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := f.Explain(netip.MustParseAddr("10.1.2.3")), "places.txt"; got != want {
		t.Errorf("after a change: %q, want %q", got, want)
	}
}
