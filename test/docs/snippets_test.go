package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/server"
)

// root is that of the repository.
const root = "../.."

// A block is a fenced block of Markdown.
type block struct {
	file  string
	line  int    // of its text
	info  string // behind the fence: "corefile", "corefile wrong", "sh"
	text  string
	after string // the text of the next block
}

// String returns where b is.
func (b block) String() string { return b.file + ":" + strconv.Itoa(b.line) }

// blocks returns the fenced blocks of the Markdown files that a pattern below root names.
func blocks(t *testing.T, pattern string) (all []block) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, blocksOf(filepath.ToSlash(name), string(text))...)
	}
	return all
}

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

// snippets returns the Corefiles in the documentation that are marked so.
func snippets(t *testing.T, info string) (all []block) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md"} {
		for _, b := range blocks(t, pattern) {
			if b.info == info {
				all = append(all, b)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("no block is marked %q", info)
	}
	return all
}

// examples returns the Corefiles in examples/.
func examples(t *testing.T) (all []block) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "Corefile") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, block{file: strings.TrimPrefix(filepath.ToSlash(path), root+"/"), line: 1, text: string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Corefile in examples/")
	}
	return all
}

// start starts a Corefile from a directory with the files that the documentation names, and returns what server.Start does.
func start(t *testing.T, corefile string) (udp string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(examples, filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for {
		instance, err := server.Start(t, "Corefile", local(t, corefile))
		switch {
		case err == nil:
			return server.UDP(instance), nil
		case !strings.Contains(err.Error(), "address already in use"): // a port that was free a moment ago can be someone else's
			return "", err
		}
	}
}

// local returns a Corefile changed so far that it starts on any machine, on ports of 127.0.0.1 that are free, without asking
// anybody else. Every line stays where it is. A directive alone is put into a server block.
func local(t *testing.T, corefile string) string {
	t.Helper()
	if words := strings.Fields(uncommented(corefile)); words[0] == "ordering" {
		corefile = ". {\n" + corefile + "}\n"
	}
	ports := map[string]string{}
	port := func(named string) string {
		if ports[named] == "" {
			free, err := server.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			ports[named] = strconv.Itoa(free)
		}
		return ports[named]
	}
	var b strings.Builder
	depth := 0
	for line := range strings.Lines(corefile) {
		words := strings.Fields(uncommented(line))
		if len(words) > 0 {
			b.WriteString(localLine(words, depth, port))
			depth += count(words, "{") - count(words, "}")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func count(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// localLine returns the words of a line at a depth of braces as local wants them.
func localLine(words []string, depth int, port func(named string) string) string {
	open := ""
	if words[len(words)-1] == "{" {
		words, open = words[:len(words)-1], " {"
	}
	switch {
	case depth == 0 && open != "" && !strings.HasPrefix(words[0], "("):
		for i, zone := range words {
			name, named, found := strings.Cut(zone, ":")
			if !found {
				named = "53"
			}
			words[i] = name + ":" + port(named)
		}
		open = " { bind 127.0.0.1"
	case depth == 1:
		switch words[0] {
		case "bind", "reload":
			words = nil
		case "health", "pprof", "prometheus", "ready":
			words = []string{words[0], "127.0.0.1:0"}
		case "forward":
			words = []string{words[0], words[1], "127.0.0.1:1"}
		case "kubernetes":
			own := " { kubeconfig kubeconfig\nstartup_timeout 1ns\n"
			if open == "" {
				own += "}"
			}
			return strings.Join(words, " ") + own
		}
	case depth == 2 && words[0] == "lameduck":
		words[1] = "0s"
	case depth == 2 && len(words) == 2 && words[0] == "topology" && words[1] == "kubernetes":
		words = append(words, "kubeconfig")
	}
	return strings.Join(words, " ") + open
}
