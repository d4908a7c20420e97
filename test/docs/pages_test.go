package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// root is the root directory of the repository.
var root = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

// A block is a fenced code block of Markdown.
type block struct {
	file  string
	line  int    // of the first line of text
	info  string // the word after the fence: "corefile", "corefile wrong", "sh"
	text  string
	after string // the text of the next block in the file
}

// String returns the file and line of b.
func (b block) String() string { return b.file + ":" + strconv.Itoa(b.line) }

// blocksOf returns the code blocks of a Markdown text. file is the name that they get.
func blocksOf(file, markdown string) (all []block) {
	var open *block
	fence, line := "", 0
	for text := range strings.Lines(markdown) {
		line++
		trimmed := strings.TrimSpace(text)
		switch {
		case open == nil && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")):
			fence = trimmed[:3]
			open = &block{file: file, line: line + 1, info: strings.TrimSpace(trimmed[3:])}
		case open != nil && trimmed == fence:
			if len(all) > 0 {
				all[len(all)-1].after = open.text
			}
			all, open = append(all, *open), nil
		case open != nil:
			open.text += text
		}
	}
	return all
}

// pages returns the paths of the Markdown files of the repository, relative to root.
func pages(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".md":
			all = append(all, relative(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// relative returns a path in the repository relative to root, with slashes.
func relative(t *testing.T, path string) string {
	t.Helper()
	name, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(name)
}

// fileText returns the text of a file, whose path is relative to root.
func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reference is the page that describes the plugin completely.
const reference = "docs/reference.md"

// section returns the text of a page under a heading, up to the next heading of that level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(fileText(t, page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %s", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}
