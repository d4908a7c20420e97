package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// properties returns the keys of the variable properties in parse.go, sorted.
func properties(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "parse.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "properties" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return false
	})
	if len(names) == 0 {
		t.Fatal("parse.go has no map properties, so this test proves nothing")
	}
	slices.Sort(names)
	return names
}

// propertiesIn returns the properties of the ordering blocks in a Corefile or a part of one.
func propertiesIn(corefile string) map[string]bool {
	names := map[string]bool{}
	inside := false
	for line := range strings.Lines(uncommented(corefile)) {
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case words[0] == "ordering":
			inside = words[len(words)-1] == "{"
		case words[0] == "}":
			inside = false
		case inside:
			names[words[0]] = true
		}
	}
	return names
}

func TestSyntaxShowsThePropertiesOfTheParser(t *testing.T) {
	syntax := blocksOf(reference, section(t, reference, "Syntax"))
	if len(syntax) == 0 {
		t.Fatal("the section Syntax has no code block")
	}
	if got, want := slices.Sorted(maps.Keys(propertiesIn(syntax[0].text))), properties(t); !slices.Equal(got, want) {
		t.Errorf("the code block in Syntax has the properties\n%v, the parser has\n%v", got, want)
	}
}

func TestSyntaxDescribesThePropertiesOfTheParser(t *testing.T) {
	var described []string
	for line := range strings.Lines(section(t, reference, "Syntax")) {
		if rest, item := strings.CutPrefix(line, "* `"); item {
			name, _, _ := strings.Cut(rest, "`")
			described = append(described, name)
		}
	}
	slices.Sort(described)
	if want := properties(t); !slices.Equal(described, want) {
		t.Errorf("Syntax describes\n%v, the parser has\n%v", described, want)
	}
}

// TestCorefilesStart checks that the examples start.
func TestEveryPropertyHasAnExample(t *testing.T) {
	shown := map[string]bool{}
	for _, b := range blocksOf(reference, fileText(t, reference)) {
		if b.info == "corefile" {
			maps.Copy(shown, propertiesIn(b.text))
		}
	}
	for _, name := range properties(t) {
		if !shown[name] {
			t.Errorf("no Corefile in %s uses %s", reference, name)
		}
	}
}
