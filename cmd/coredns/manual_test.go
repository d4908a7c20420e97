package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manual is the page on the commands explain and check.
const manual = "../../docs/explain.md"

var (
	describedFlag = regexp.MustCompile("(?m)^\\* `-(\\w+)")
	helpFlag      = regexp.MustCompile(`(?m)^  -(\w+)`)
)

func TestManualDescribesEveryFlag(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for command, heading := range map[string]string{"explain": "Explain", "check": "Check"} {
		help, err := exec.Command("coredns", command, "-h").Output()
		if err != nil {
			t.Fatal(err)
		}
		_, options, _ := strings.Cut(string(help), "\nOptions:\n")
		_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		described, flags := firstGroups(describedFlag, section), firstGroups(helpFlag, options)
		if len(flags) == 0 || !slices.Equal(described, flags) {
			t.Errorf("%s describes the flags\n%v, coredns %s -h has\n%v", manual, described, command, flags)
		}
	}
}

// firstGroups returns what the first group of e matches in text, sorted.
func firstGroups(e *regexp.Regexp, text string) (all []string) {
	for _, m := range e.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}
