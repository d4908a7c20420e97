package topology

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestFileExplains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.txt")
	text := "\ufeff# offices\n10.0.0.0/8 west\n10.20.0.0/16\twest/lab # a comment\n\n" +
		"2001:db8::/32 east\n10.20.1.7 west/lab/desk\n10.20.0.0/15 west/park\n"
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
		"192.0.2.1":   "not in places.txt (5 networks)",
	} {
		if got := f.Explain(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got, want := f.Describe(), "places.txt, 5 networks"; got != want {
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

// A named source gives its labels names.
type named struct{ *fixedSource }

func (named) Levels() []string { return []string{"region", "zone"} }

func TestJoinExplainsWithTheOneThatDecides(t *testing.T) {
	file := func(name, text string) *File {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := NewFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := file("a", "10.0.0.0/8 west\n10.1.0.0/16 west/lab\n")
	b := file("b", "10.0.0.0/8 east\n10.1.2.0/24 east/lab\n192.0.2.0/24 east\n")
	j := Join(a, b).(Explainer)
	for addr, want := range map[string]string{
		"10.7.0.1":         "a:1", // both have it
		"10.1.7.1":         "a:2",
		"10.1.2.1":         "b:2",
		"::ffff:10.1.2.1":  "b:2",
		"192.0.2.1":        "b:3",
		"::ffff:192.0.2.1": "b:3",
		"198.51.100.1":     "not in a (2 networks), not in b (3 networks)",
	} {
		if got := j.Explain(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is explained as %q, want %q", addr, got, want)
		}
	}
	addr := netip.MustParseAddr("198.51.100.1")
	if got, want := j.Mend(addr), "add a line for 198.51.100.1 to b"; got != want {
		t.Errorf("it is mended by %q, want %q", got, want)
	}
	if got, want := j.Describe(), "a, 2 networks; b, 3 networks"; got != want {
		t.Errorf("it is described as %q, want %q", got, want)
	}
	if levels := j.(Leveled).Levels(); levels != nil {
		t.Errorf("the labels of two files have the names %v", levels)
	}
	mixed := Join(named{&fixedSource{table: new(Table)}}, file("c", "10.0.0.0/8 west"))
	if levels := mixed.(Leveled).Levels(); len(levels) != 2 {
		t.Errorf("the labels of a source with names and a file have the names %v", levels)
	}
	if got, want := mixed.(Explainer).Explain(addr), "not in c (1 network)"; got != want {
		t.Errorf("with a source that explains nothing, %q is said, want %q", got, want)
	}
}
