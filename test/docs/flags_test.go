package docs

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manual is the page on explain and check.
const manual = "docs/explain.md"

var (
	describedFlag = regexp.MustCompile("(?m)^\\* `-(\\w+)")
	helpFlag      = regexp.MustCompile(`(?m)^  -(\w+)`)
)

func TestManualDescribesEveryFlag(t *testing.T) {
	for command, heading := range map[string]string{"explain": "Explain", "check": "Check"} {
		help, err := exec.Command(coredns(t), command, "-h").Output()
		if err != nil {
			t.Fatal(err)
		}
		_, options, _ := strings.Cut(string(help), "\nOptions:\n")
		described, want := matches(describedFlag, section(t, manual, heading)), matches(helpFlag, options)
		if len(want) == 0 || !slices.Equal(described, want) {
			t.Errorf("%s describes the flags\n%v, coredns %s -h has\n%v", manual, described, command, want)
		}
	}
}

// matches returns what the first group of e matches in text, sorted, each once.
func matches(e *regexp.Regexp, text string) []string {
	all := map[string]bool{}
	for _, m := range e.FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	return slices.Sorted(maps.Keys(all))
}
