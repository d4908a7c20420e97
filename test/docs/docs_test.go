package docs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestCorefilesStart(t *testing.T) {
	for _, b := range append(snippets(t, "corefile"), examples(t)...) {
		t.Run(b.String(), func(t *testing.T) {
			if usesKubernetes(b.text) && os.Getenv(aloneVariable) == "" {
				runAlone(t)
				return
			}
			if _, err := start(t, b.text); err != nil {
				t.Errorf("%v\nin\n%s", err, b.text)
			}
		})
	}
}

func TestWrongCorefilesFailWithTheMessageShown(t *testing.T) {
	for _, b := range snippets(t, "corefile wrong") {
		t.Run(b.String(), func(t *testing.T) {
			message := strings.TrimSpace(b.after)
			_, err := start(t, b.text)
			if err == nil {
				t.Fatalf("starts:\n%s", b.text)
			}
			if message == "" || !strings.HasSuffix(err.Error(), message) {
				t.Errorf("fails with %q, but the documentation shows %q", err, message)
			}
		})
	}
}

func TestFilesShownAreThoseInTestdata(t *testing.T) {
	for page, file := range map[string]string{
		reference: "topology.txt", "docs/explain.md": "topology.txt", "docs/migrating.md": "weights.txt",
	} {
		text := fileText(t, "test/docs/testdata/"+file)
		if !slices.ContainsFunc(blocksOf(page, fileText(t, page)), func(b block) bool { return b.text == text }) {
			t.Errorf("%s does not show %s:\n%s", page, file, text)
		}
	}
}
