package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A transcript is a command after "$ " in a code block console, and what it prints. It refers to the
// Corefile that the page has shown or named with -conf last: dig asks a server that runs it, and
// explain and check without -conf read it.
type transcript struct {
	place    string
	command  string
	output   string
	corefile *corefile
}

// A corefile is the text of one that a page shows, or the path of one in the repository.
type corefile struct {
	text, path string
}

var confOption = regexp.MustCompile(`-conf (examples/\S+)`)

// transcripts returns the transcripts of a page, in their order.
func transcripts(page, markdown string) (all []transcript) {
	var last *corefile
	for _, b := range blocksOf(page, markdown) {
		switch b.info {
		case "corefile", "corefile wrong":
			last = &corefile{text: b.text}
		case "sh", "console":
			for run := range strings.SplitSeq("\n"+b.text, "\n$ ") {
				command, output, _ := strings.Cut(run, "\n")
				for _, m := range confOption.FindAllStringSubmatch(run, -1) {
					if last == nil || last.path != m[1] {
						last = &corefile{path: m[1]}
					}
				}
				if command != "" {
					all = append(all, transcript{b.String(), command, strings.TrimRight(output, "\n"), last})
				}
			}
		}
	}
	return all
}

// shellPages are the pages whose transcripts this test runs.
var shellPages = []string{"README.md", "docs/explain.md", "docs/install.md", reference}

func TestCommandsPrintWhatIsShown(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is not installed")
	}
	binary := build(t)
	path := "PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH")
	for _, page := range shellPages {
		t.Run(page, func(t *testing.T) {
			all := transcripts(page, fileText(t, page))
			if len(all) == 0 {
				t.Fatal("no transcripts, so this test proves nothing")
			}
			dir, server := workplace(t), ""
			for i, run := range all {
				if run.corefile != nil && run.corefile.path == "" {
					if err := os.WriteFile(filepath.Join(dir, "Corefile"), []byte(run.corefile.text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if i == 0 || all[i-1].corefile != run.corefile {
					server = ""
				}
				var got string
				switch words := strings.Fields(run.command); words[0] {
				case "dig":
					if server == "" {
						server = serve(t, binary, run.corefile)
					}
					got = dig(t, server, words)
				default:
					cmd := exec.Command(shell, "-c", strings.Replace(run.command, "go run ./cmd/coredns", "coredns", 1))
					cmd.Dir, cmd.Env = dir, append(os.Environ(), path)
					out, _ := cmd.CombinedOutput() // the output shows whether it fails
					got = strings.TrimRight(string(out), "\n")
				}
				if got != run.output {
					t.Errorf("%s: %s\nprints\n%s\nshown is\n%s", run.place, run.command, got, run.output)
				}
			}
		})
	}
}
