// Package ossfuzz has the files with which OSS-Fuzz builds the fuzz targets of this module.
package ossfuzz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/coredns-ordering/ordering"

// TestEveryTargetIsBuilt compares the targets in build.sh with those of the module. Each target must be
// in a file fuzz_test.go, the only test that the builder takes along.
func TestEveryTargetIsBuilt(t *testing.T) {
	script, err := os.ReadFile("build.sh")
	if err != nil {
		t.Fatal(err)
	}
	var built, names []string
	for _, m := range regexp.MustCompile(`(?m)^compile_native_go_fuzzer \$module(\S*) (\S+) (\S+)$`).FindAllStringSubmatch(string(script), -1) {
		built, names = append(built, module+m[1]+" "+m[2]), append(names, m[3])
	}
	targets := targetsOfTheModule(t)
	slices.Sort(built)
	slices.Sort(targets)
	if !slices.Equal(built, targets) {
		t.Errorf("build.sh builds\n%s\nthe module has\n%s", strings.Join(built, "\n"), strings.Join(targets, "\n"))
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != len(built) {
		t.Errorf("%d names for %d fuzzers", n, len(built))
	}
}

// targetsOfTheModule returns the package and the name of each fuzz target of the module. It fails the
// test for a target in another file than fuzz_test.go, and for one whose name is the beginning of
// another in the same directory or below, because the builder would not find that.
func targetsOfTheModule(t *testing.T) (all []string) {
	t.Helper()
	names := map[string][]string{} // by directory
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != ".." && (exists(filepath.Join(name, "go.mod")) || strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir // another module
		}
		if !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		dir := path.Join(module, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), ".."))
		for _, target := range targetsIn(t, name) {
			if filepath.Base(name) != "fuzz_test.go" {
				t.Errorf("%s is in %s", target, name)
			}
			all = append(all, dir+" "+target)
			names[dir] = append(names[dir], target)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, targets := range names {
		for other, others := range names {
			for _, name := range others {
				ambiguous := func(target string) bool {
					return (dir != other || target != name) && strings.HasPrefix(name, target)
				}
				if strings.HasPrefix(other+"/", dir+"/") && slices.ContainsFunc(targets, ambiguous) {
					t.Errorf("%s in %s begins like a target in %s", name, other, dir)
				}
			}
		}
	}
	return all
}

// targetsIn returns the names of the fuzz targets in a file.
func targetsIn(t *testing.T, file string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
			all = append(all, f.Name.Name)
		}
	}
	return all
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
