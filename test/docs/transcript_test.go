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

func TestDigPrintsWhatIsShown(t *testing.T) {
	if shown := testTranscripts(t, isDig, func(t *testing.T, page []transcript) {
		var server string
		for i, run := range page {
			if run.corefile == nil {
				t.Fatalf("%s: %s\nno Corefile before it, neither shown nor named", run.place, run.command)
			}
			if i == 0 || page[i-1].corefile != run.corefile {
				server = serve(t, run.corefile)
			}
			if got := dig(t, server, strings.Fields(run.command)); got != run.output {
				t.Errorf("%s: %s\nprints\n%s\nshown is\n%s", run.place, run.command, got, run.output)
			}
		}
	}); shown == 0 {
		t.Error("no page shows what dig prints, so this test proves nothing")
	}
}

func TestExplainAndCheckPrintWhatIsShown(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("sh is not installed")
	}
	if shown := testTranscripts(t, isExplainOrCheck, func(t *testing.T, page []transcript) {
		binary := coredns(t)
		dir := workplace(t)
		for _, run := range page {
			if run.corefile != nil && run.corefile.path == "" {
				if err := os.WriteFile(filepath.Join(dir, "Corefile"), []byte(run.corefile.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(shell, "-c", strings.Replace(run.command, "go run ./cmd/coredns", "coredns", 1))
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, _ := cmd.CombinedOutput() // the output shows whether it fails
			if got := strings.TrimRight(string(out), "\n"); got != run.output {
				t.Errorf("%s: %s\nprints\n%s\nshown is\n%s", run.place, run.command, got, run.output)
			}
		}
	}); shown == 0 {
		t.Error("no page shows what explain prints, so this test proves nothing")
	}
}

// testTranscripts runs a subtest for each page that has transcripts of a kind. It returns their
// number.
func testTranscripts(t *testing.T, kind func(transcript) bool, test func(*testing.T, []transcript)) (shown int) {
	for _, page := range pages(t) {
		var some []transcript
		for _, run := range transcripts(page, read(t, page)) {
			if kind(run) {
				some = append(some, run)
			}
		}
		if len(some) > 0 {
			shown += len(some)
			t.Run(page, func(t *testing.T) { test(t, some) })
		}
	}
	return shown
}

func isDig(run transcript) bool { return strings.HasPrefix(run.command, "dig ") }

var explainOrCheck = regexp.MustCompile(`^(go run \./cmd/)?coredns (explain|check) `)

func isExplainOrCheck(run transcript) bool { return explainOrCheck.MatchString(run.command) }
