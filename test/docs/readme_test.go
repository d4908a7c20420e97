package docs

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// mostBytes is how long README.md may be. What does not fit belongs on a page in docs/.
const mostBytes = 9 << 10

func TestReadmeIsShort(t *testing.T) {
	if size := len(fileText(t, "README.md")); size > mostBytes {
		t.Errorf("README.md has %d bytes, want at most %d", size, mostBytes)
	}
}

func TestReadmeNamesTheVersionsOfGoMod(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Go      string
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(text, &mod); err != nil {
		t.Fatal(err)
	}
	versions := []string{"Go " + strings.Join(strings.Split(mod.Go, ".")[:2], ".")}
	for _, r := range mod.Require {
		if r.Path == "github.com/coredns/coredns" {
			versions = append(versions, "CoreDNS "+strings.TrimPrefix(r.Version, "v"))
		}
	}
	if len(versions) != 2 {
		t.Fatalf("go.mod requires %v, want CoreDNS among it", versions)
	}
	readme := fileText(t, "README.md")
	for _, v := range versions {
		if !strings.Contains(readme, "**"+v+"**") {
			t.Errorf("README.md does not say that it is tested with **%s**, the version in go.mod", v)
		}
	}
}

func TestReadmeNamesEveryProperty(t *testing.T) {
	named := map[string]bool{}
	for line := range strings.Lines(fileText(t, "README.md")) {
		if row, isRow := strings.CutPrefix(line, "| `"); isRow {
			name, _, _ := strings.Cut(strings.ReplaceAll(row, "`", " "), " ")
			named[name] = true
		}
	}
	for _, name := range properties(t) {
		if !named[name] {
			t.Errorf("README.md has no row for the property %s", name)
		}
	}
}
