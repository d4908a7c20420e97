package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/server"
)

// snippets returns the code blocks in the documentation with this info. There must be at least one.
func snippets(t *testing.T, info string) (all []block) {
	t.Helper()
	for _, page := range pages(t) {
		for _, b := range blocksOf(page, fileText(t, page)) {
			if b.info == info {
				all = append(all, b)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("no code block has the info %q", info)
	}
	return all
}

// examples returns the Corefiles in examples/. There must be at least one.
func examples(t *testing.T) (all []block) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "Corefile") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, block{file: relative(t, path), line: 1, text: string(text)})
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

// start starts a server with a Corefile, in a directory with the files that the documentation
// names. It returns the address for queries over UDP, or the error of a server that does not start.
func start(t *testing.T, corefile string) (udp string, err error) {
	t.Helper()
	t.Chdir(workplace(t))
	for {
		instance, err := server.Start(t, "Corefile", localCorefile(t, corefile))
		switch {
		case err == nil:
			return server.UDP(instance), nil
		case !systemtest.AddressInUse(err.Error()): // another process may have taken a free port
			return "", err
		}
	}
}

// usesKubernetes reports whether a Corefile has the *kubernetes* plugin.
func usesKubernetes(corefile string) bool {
	return slices.ContainsFunc(strings.Split(corefile, "\n"), func(line string) bool {
		words := strings.Fields(line)
		return len(words) > 0 && words[0] == "kubernetes"
	})
}

// aloneVariable is set in the environment of a process that runs one test alone.
const aloneVariable = "ORDERING_TEST_ALONE"

// runAlone runs the calling test again, in a process of its own. A test that starts *kubernetes* needs
// this: at each start, CoreDNS 1.15 sets the logger of klog, without a lock, and the informers of an
// earlier start in the same process may still read it.
func runAlone(t *testing.T) {
	t.Helper()
	var pattern []string
	for _, name := range strings.Split(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), aloneVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
}

// workplace returns a new directory with the files that the documentation names.
func workplace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "test/docs/testdata"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// localCorefile changes a Corefile so that it starts on any machine: it listens on free ports of
// 127.0.0.1 and sends no query to another server. Every line keeps its number. If the Corefile is
// an ordering directive alone, it gets a server block.
func localCorefile(t *testing.T, corefile string) string {
	t.Helper()
	if words := strings.Fields(uncommented(corefile)); words[0] == "ordering" {
		corefile = ". {\n" + corefile + "}\n"
	}
	ports := map[string]string{}
	port := func(number string) string {
		if ports[number] == "" {
			free := systemtest.FreePort(t)
			ports[number] = strconv.Itoa(free)
		}
		return ports[number]
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

// uncommented returns text without the lines that are comments.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// count returns how often word is in words.
func count(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// localLine returns a line of the Corefile as localCorefile changes it. depth is the number of open
// braces before it, and port returns the free port for one in the Corefile.
func localLine(words []string, depth int, port func(number string) string) string {
	open := ""
	if words[len(words)-1] == "{" {
		words, open = words[:len(words)-1], " {"
	}
	switch {
	case depth == 0 && open != "" && !strings.HasPrefix(words[0], "("):
		for i, zone := range words {
			name, number, found := strings.Cut(zone, ":")
			if !found {
				number = "53"
			}
			words[i] = name + ":" + port(number)
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
			added := " { kubeconfig kubeconfig\nstartup_timeout 1ns\n"
			if open == "" {
				added += "}"
			}
			return strings.Join(words, " ") + added
		}
	case depth == 2 && words[0] == "transfer":
		words[len(words)-1] = "127.0.0.1:1"
	case depth == 2 && words[0] == "lameduck":
		words[1] = "0s"
	case depth == 2 && len(words) == 2 && words[0] == "topology" && words[1] == "kubernetes":
		words = append(words, "kubeconfig")
	}
	return strings.Join(words, " ") + open
}
