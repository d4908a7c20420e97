package docs

import (
	"os"
	"strings"
	"testing"
)

func TestCorefilesStart(t *testing.T) {
	for _, b := range append(snippets(t, "corefile"), examples(t)...) {
		t.Run(b.String(), func(t *testing.T) {
			if _, err := start(t, b.text); err != nil {
				t.Errorf("%v\nin\n%s", err, b.text)
			}
		})
	}
}

func TestWrongCorefilesFailWithTheMessageBesideThem(t *testing.T) {
	for _, b := range snippets(t, "corefile wrong") {
		t.Run(b.String(), func(t *testing.T) {
			message := strings.TrimSpace(b.after)
			_, err := start(t, b.text)
			if err == nil {
				t.Fatalf("starts:\n%s", b.text)
			}
			if message == "" || !strings.HasSuffix(err.Error(), message) {
				t.Errorf("says %q, and beside it stands %q", err, message)
			}
		})
	}
}

func TestTopologyShownIsTheOneThatTheExampleReads(t *testing.T) {
	text, err := os.ReadFile("testdata/topology.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readme(t), "```txt\n"+string(text)+"```\n") {
		t.Errorf("README.md does not show\n%s", text)
	}
}
