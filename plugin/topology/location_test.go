package topology

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/plugin/topology/internal/topologytest"
)

func location(tb testing.TB, path string) *Location {
	tb.Helper()
	if path == "" {
		return nil
	}
	l, err := ParseLocation(path)
	topologytest.Must(tb, err)
	return l
}

func TestShared(t *testing.T) {
	for _, test := range []struct {
		l, m string
		want int
	}{
		{"r/z/n", "r/z/n", 3},
		{"r/z/n", "r/z/o", 2},
		{"r/z/n", "r/y/n", 1},
		{"r/z/n", "s/z/n", 0},
		{"r/z/n", "r/z", 2},
		{"r/z/n", "r", 1},
		{"r", "rr", 0},
		{"", "r", 0},
		{"", "", 0},
		{"-/z/n", "-/z/n", 3},
		{"-/z/n", "-/z/o", 2}, // a zone is in one region
		{"-/z/n", "-/y/o", 0},
		{"-/-/n", "-/-/o", 0},
		{"-/-/n", "-/-/n", 3},
		{"r/-/n", "r/-/o", 1},
		{"r/-/n", "r/-/n", 3},
		{"r/z/n", "-/z/n", 0},
		{"-/z", "-/z/n", 2},
		{"-/-/-/-/z/a", "-/-/-/-/z/b", 5},
	} {
		l, m := location(t, test.l), location(t, test.m)
		if got := l.Shared(m); got != test.want {
			t.Errorf("%q and %q share %d labels, want %d", test.l, test.m, got, test.want)
		}
		if l.Shared(m) != m.Shared(l) {
			t.Errorf("%q and %q: not the same both ways", test.l, test.m)
		}
		common := l.Common(m)
		if common.Labels() != test.want || common.Shared(l) != test.want || common.String() != l.Prefix(test.want) {
			t.Errorf("%q and %q have %q in common, want %q", test.l, test.m, common, l.Prefix(test.want))
		}
	}
}

func TestParseLocation(t *testing.T) {
	for path, want := range map[string]string{
		"a":               "",
		"1/2/3/4/5/6/7/8": "",
		"-/-/-/-/-/-/-/a": "",
		"zürich/日本":       "",

		"1/2/3/4/5/6/7/8/9": "1/2/3/4/5/6/7/8/9 has 9 labels: at most 8 are allowed",
		"":                  `"" is not a location`,
		"//":                `"//" is not a location`,
		"/a":                "/a has an empty label: did you mean a?",
		"a/":                "a/ has an empty label: did you mean a?",
		"-":                 "- ends in an unknown label: leave it out",
		"a b":               `"a b" has ' ' in a label`,
		"a\u00a0b":          `"a\u00a0b" has '\u00a0' in a label`,
		"a#b":               `"a#b" has '#' in a label`,
		"a\nb":              `"a\nb" has '\n' in a label`,
		"a\u202eb":          `"a\u202eb" has '\u202e' in a label`,
		"a\xffb":            `"a\xffb" has '�' in a label`,
	} {
		l, err := ParseLocation(path)
		switch {
		case want == "" && (err != nil || l.String() != path || l.Labels() != 1+strings.Count(path, "/")):
			t.Errorf("%q becomes %q, error %v", path, l, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%q: error %v, want %s", path, err, want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, test := range []struct {
		path string
		n    int
		want string
	}{
		{"r/z/n", -1, ""}, {"r/z/n", 0, ""}, {"r/z/n", 1, "r"}, {"r/z/n", 2, "r/z"},
		{"r/z/n", 3, "r/z/n"}, {"r/z/n", 4, "r/z/n"}, {"r", 1, "r"}, {"", 2, ""},
	} {
		if got := location(t, test.path).Prefix(test.n); got != test.want {
			t.Errorf("the first %d labels of %q are %q, want %q", test.n, test.path, got, test.want)
		}
	}
}

// TestUnknownLabelsAreNotShared has locations that differ in how many unknown labels they begin with.
func TestUnknownLabelsAreNotShared(t *testing.T) {
	for _, test := range [][2]string{{"-/z1", "z1"}, {"-/-/n1", "-/n1"}, {"-/-/n1", "n1"}, {"-/z1/n1", "-/z2/n1"}} {
		if got := location(t, test[0]).Shared(location(t, test[1])); got != 0 {
			t.Errorf("%s and %s share %d labels, want 0", test[0], test[1], got)
		}
	}
	if got := location(t, "-/z1/n1").Shared(location(t, "-/z1/n2")); got != 2 {
		t.Errorf("two nodes of one zone of an unknown region share %d labels, want 2", got)
	}
}

func TestNilIsUnknown(t *testing.T) {
	var l *Location
	if l.String() != "" || l.Labels() != 0 {
		t.Errorf("%q with %d labels", l, l.Labels())
	}
}

func TestLocationsOfTwoTablesCompare(t *testing.T) {
	addr := netip.MustParseAddr("10.0.0.1")
	find := func(text string) *Location {
		table, err := parse("f", strings.NewReader(text))
		topologytest.Must(t, err)
		return table.Find(addr)
	}
	if got := find("10.0.0.0/8 other\n10.0.0.1 r/z/n").Shared(find("10.0.0.1 r/z/o")); got != 2 {
		t.Errorf("%d labels, want 2", got)
	}
}
