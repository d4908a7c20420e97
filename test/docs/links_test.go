package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

func TestLinksIntoTheRepositoryHaveTargets(t *testing.T) {
	followed := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/explugins/*.md", "bench/*.md", ".github/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range link.FindAllStringSubmatch(string(text), -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				followed++
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
					t.Errorf("%s links to %s, which does not exist", page, m[1])
				}
			}
		}
	}
	if followed == 0 {
		t.Error("no page links into the repository, so this test proves nothing")
	}
}
