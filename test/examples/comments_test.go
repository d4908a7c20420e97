package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The commands on docs/examples.md are under test, so those in the comments are, too.
func TestCommandsInCommentsAreOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/examples.md")
	if err != nil {
		t.Fatal(err)
	}
	corefiles, err := filepath.Glob("../../examples/*/Corefile")
	if err != nil || len(corefiles) == 0 {
		t.Fatalf("no Corefile in examples/: %v", err)
	}
	for _, path := range corefiles {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		digs, explains := 0, 0
		for line := range strings.Lines(string(text)) {
			command, ok := strings.CutPrefix(line, "#     ")
			if !ok {
				continue
			}
			command = strings.Join(strings.Fields(command), " ")
			if !strings.Contains(string(page), command+"\n") {
				t.Errorf("%s shows a command that docs/examples.md does not: %s", path, command)
			}
			digs += strings.Count(command, "dig ")
			explains += strings.Count(command, "explain ")
		}
		if digs == 0 || explains == 0 {
			t.Errorf("%s shows %d dig commands and %d explain commands, want some of each", path, digs, explains)
		}
	}
}
