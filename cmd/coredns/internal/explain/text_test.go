package explain

import (
	"strings"
	"testing"
)

func TestNamesWithControlCharactersAreQuoted(t *testing.T) {
	r := &report{Rule: &rule{"a\x1b[31m\nb:2", "."}, Topology: "t\x1b[31m.txt, 1 network"}
	got := strings.Join(sideBySide([]*report{r}, func(line string) string { return line }), "\n")
	for _, want := range []string{`rule    a\x1b[31m\nb:2  ordering, zone .`, `topology: t\x1b[31m.txt, 1 network`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
