package docs

import (
	"regexp"
	"strings"
	"testing"
)

// fieldManager matches the field manager in a command line of kubectl.
var fieldManager = regexp.MustCompile(`--field-manager=(\S+)`)

// Who follows two pages applies the same objects twice. With another field manager the second time,
// the API server reports conflicts with the first.
func TestKustomizationsAreAppliedWithOneFieldManager(t *testing.T) {
	managers := map[string]string{}
	for _, page := range pages(t) {
		for line := range strings.Lines(fileText(t, page)) {
			if !strings.Contains(line, "kubectl apply") || !strings.Contains(line, "--kustomize") {
				continue
			}
			manager := "the default"
			if found := fieldManager.FindStringSubmatch(line); found != nil {
				manager = found[1]
			}
			managers[manager] = page + ": " + line
		}
	}
	if len(managers) != 1 {
		t.Errorf("there are %d field managers, want 1:\n%v", len(managers), managers)
	}
}
