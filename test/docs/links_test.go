package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*)$`)
)

func TestLinksIntoTheRepositoryHaveTargets(t *testing.T) {
	files, anchors := 0, 0
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(prose(fileText(t, page)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := page
			if m[1] != "" {
				target = path.Join(path.Dir(page), m[1])
				files++
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
				continue
			}
			if m[2] == "" {
				continue
			}
			anchors++
			if path.Ext(target) != ".md" || !anchorsOf(fileText(t, target))[m[2]] {
				t.Errorf("%s links to the heading #%s, which %s does not have", page, m[2], target)
			}
		}
	}
	if files == 0 || anchors == 0 {
		t.Errorf("%d links to files, %d to headings: this test proves nothing", files, anchors)
	}
}

// prose returns a Markdown text without its code blocks.
func prose(markdown string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(markdown) {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")
		if fence {
			code = !code
		}
		if !code && !fence {
			b.WriteString(line)
		}
	}
	return b.String()
}

// anchorsOf returns the anchors that GitHub gives the headings of a Markdown text: letters, digits,
// hyphens and underscores, in lower case, with a hyphen for each space, and a number if the anchor
// is there already.
func anchorsOf(markdown string) map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(prose(markdown)) {
		m := heading.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, m[1])
		for n, unique := 1, anchor; ; n++ {
			if !anchors[unique] {
				anchors[unique] = true
				break
			}
			unique = anchor + "-" + strconv.Itoa(n)
		}
	}
	return anchors
}
