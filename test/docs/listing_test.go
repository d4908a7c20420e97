package docs

import (
	"slices"
	"strings"
	"testing"
)

// The head of docs/explugins/ordering.md is what coredns.io makes its list of plugins from.
func TestListingHasTheHeadThatCorednsIoReads(t *testing.T) {
	page := fileText(t, "docs/explugins/ordering.md")
	rest, starts := strings.CutPrefix(page, "+++\n")
	head, body, ends := strings.Cut(rest, "\n+++\n")
	if !starts || !ends {
		t.Fatal("the page has no head between two lines of +++")
	}
	var keys []string
	for line := range strings.SplitSeq(head, "\n") {
		key, value, found := strings.Cut(line, " = ")
		if !found || value == "" {
			t.Errorf("the head has the line %q, want key = value", line)
		}
		keys = append(keys, key)
	}
	if want := strings.Fields("title description weight tags categories date repo home"); !slices.Equal(keys, want) {
		t.Errorf("the head has the keys %v, want %v", keys, want)
	}
	for _, heading := range []string{"Description", "Syntax", "Examples"} {
		if !strings.Contains(body, "\n## "+heading+"\n") {
			t.Errorf("the page has no section %s", heading)
		}
	}
}
