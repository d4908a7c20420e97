package main

import (
	"bytes"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
)

var update = flag.Bool("update", false, "write what the commands print into the pages of TestTranscripts")

// root is the root directory of the repository.
const root = "../.."

// TestTranscripts runs the commands that these pages show, and compares what they print with what the
// pages show. Each section of a page has a directory and servers of its own. In it, a code block is
//
//   - a file, if it begins with "corefile" or with "txt NAME": it is written at that point,
//   - a transcript, if it begins with "console session": commands behind "$ ", and what they print,
//   - the start of a server, if it begins with "sh" and has "go run ./cmd/coredns -conf".
//
// Any other block is only text. A command that ends with & runs until the section ends, or until the
// next such command.
func TestTranscripts(t *testing.T) {
	for _, program := range []string{"bash", "curl", "dig"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	for _, name := range []string{
		"README.md", "docs/examples.md", "docs/explain.md", "docs/install.md", "docs/migrating.md", "docs/reference.md",
		"docs/troubleshooting.md",
	} {
		page := filepath.Join(root, name)
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n```console session\n") {
			t.Errorf("%s has no transcript", name)
		}
		var written strings.Builder
		for _, section := range sections(string(text)) {
			heading, _, _ := strings.Cut(section, "\n")
			t.Run(name+" "+heading, func(t *testing.T) {
				section = newTerminal(t).show(section)
			})
			written.WriteString(section)
		}
		if *update {
			if err := os.WriteFile(page, []byte(written.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// sections cuts a page in front of each heading of the second level.
func sections(page string) (all []string) {
	for i, section := range strings.Split(page, "\n## ") {
		if i > 0 {
			section = "## " + section
		}
		all = append(all, section+"\n")
	}
	last := len(all) - 1
	all[last] = strings.TrimSuffix(all[last], "\n")
	return all
}

// A terminal runs the commands of one section.
type terminal struct {
	t      *testing.T
	dir    string
	ports  *strings.Replacer // from the ports in the page to free ones
	paper  *strings.Replacer // from what commands print to what the page shows
	server *exec.Cmd         // nil: none runs

	inCluster bool // the server reads places from an API server
}

// newTerminal returns a terminal whose directory has the examples, what the pages name without showing
// it, and a kubeconfig for the cluster of testdata/cluster.json.
func newTerminal(t *testing.T) *terminal {
	t.Helper()
	c := &terminal{t: t, dir: t.TempDir()}
	var there, back []string
	for _, port := range []string{"1053", "1054", "9153"} {
		free := strconv.Itoa(systemtest.FreePort(t))
		there = append(there, port, free)
		back = append(back, free, port)
	}
	c.ports = strings.NewReplacer(there...)
	c.paper = strings.NewReplacer(append(back, c.dir, "/etc/coredns")...)
	for from, to := range map[string]string{"examples": "examples", "test/docs/testdata": "."} {
		if err := os.CopyFS(filepath.Join(c.dir, to), os.DirFS(filepath.Join(root, from))); err != nil {
			t.Fatal(err)
		}
	}
	corefiles, err := filepath.Glob(filepath.Join(c.dir, "examples/*/Corefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range corefiles {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c.write(path, string(text))
	}
	objects, err := os.ReadFile("testdata/cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, stop, err := startAPIServer(string(objects))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := os.Mkdir(filepath.Join(c.dir, ".kube"), 0o755); err != nil {
		t.Fatal(err)
	}
	// No port in it is replaced: that of the API server is any, also one like 41053.
	if err := os.WriteFile(filepath.Join(c.dir, ".kube/config"), kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// write writes a file of the page.
func (c *terminal) write(path, text string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(c.ports.Replace(text)), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// show does what the code blocks of a section say. It returns the section with what the commands
// print.
func (c *terminal) show(section string) string {
	c.t.Helper()
	var shown strings.Builder
	for {
		before, rest, found := strings.Cut(section, "\n```")
		shown.WriteString(before)
		if !found {
			return shown.String()
		}
		info, rest, _ := strings.Cut(rest, "\n")
		text, rest, _ := strings.Cut(rest, "```\n")
		language, file, _ := strings.Cut(info, " ")
		switch {
		case info == "console session":
			text = c.run(text)
		case language == "corefile":
			c.write(filepath.Join(c.dir, "Corefile"), text)
		case language == "txt" && file != "":
			c.write(filepath.Join(c.dir, file), text)
		case language == "sh" && strings.Contains(text, "go run ./cmd/coredns -conf"):
			c.inCluster = strings.Contains(text, "KUBECONFIG") // that is read while the server answers
			c.start(strings.TrimSpace(text))
		}
		shown.WriteString("\n```" + info + "\n" + text + "```\n")
		section = rest
	}
}

// run runs the commands of a transcript, and returns it with what they print.
func (c *terminal) run(transcript string) string {
	c.t.Helper()
	var shown strings.Builder
	for _, part := range strings.Split("\n"+transcript, "\n$ ")[1:] {
		command, want, _ := strings.Cut(part, "\n")
		want = strings.TrimRight(want, "\n")
		got := ""
		if server, ok := strings.CutSuffix(command, " &"); ok {
			c.start(server)
		} else if !c.hasSource(command) {
			got = want
		} else if got = c.output(command, want); matches(want, got) {
			got = want
		} else if !*update {
			c.t.Errorf("%s\nprints\n%s\nthe page shows\n%s", command, got, want)
		}
		shown.WriteString("$ " + command + "\n")
		if got != "" {
			shown.WriteString(got + "\n")
		}
	}
	return shown.String()
}

// source matches the address that a dig command sends from.
var source = regexp.MustCompile(`dig -b (\S+)`)

// hasSource reports whether this machine has the address that a command sends from. Only Linux has all
// of 127.0.0.0/8.
func (c *terminal) hasSource(command string) bool {
	m := source.FindStringSubmatch(command)
	if m == nil {
		return true
	}
	conn, err := net.ListenPacket("udp", m[1]+":0")
	if err != nil {
		c.t.Logf("not run: %s: %v", command, err)
		return false
	}
	conn.Close()
	return true
}

// matches reports whether a page that shows want says what a command prints. In want, … stands for any
// text inside a line.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

// waiting matches the commands that look at what a server does after a while. They take no turn.
var waiting = regexp.MustCompile(`^(grep|curl) |^coredns explain -wait `)

// output returns what a command prints. What takes a while to be there is waited for.
func (c *terminal) output(command, want string) (got string) {
	c.t.Helper()
	waits := c.inCluster || waiting.MatchString(command)
	deadline := time.Now().Add(30 * time.Second)
	for {
		printed, _ := c.command(command).CombinedOutput() // a status that is not 0 may be meant
		got = strings.TrimRight(c.paper.Replace(string(printed)), "\n")
		shown := matches(want, got) && (got != "" || !*update)
		if shown || !waits || time.Now().After(deadline) {
			return got
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// command returns a shell command of the page.
func (c *terminal) command(line string) *exec.Cmd {
	line = strings.ReplaceAll(c.ports.Replace(line), "go run ./cmd/coredns", "coredns")
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "HOME="+c.dir)
	return cmd
}

// start starts a server and waits until it serves. It stops the one that runs.
func (c *terminal) start(line string) {
	c.t.Helper()
	c.stop()
	var printed bytes.Buffer
	c.server = c.command("exec env " + line)
	c.server.Stdout, c.server.Stderr = &printed, &printed
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", c.ports.Replace("127.0.0.1:1053"))
		if err == nil {
			// It listens for TCP first. Once it closes this connection, it listens for all else too.
			conn.(*net.TCPConn).CloseWrite()
			conn.SetReadDeadline(deadline)
			io.Copy(io.Discard, conn)
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			c.stop()
			c.t.Fatalf("%s does not listen on port 1053: %s", line, printed.String())
		}
	}
}

// stop stops the server that runs.
func (c *terminal) stop() {
	if c.server != nil {
		c.server.Process.Kill()
		c.server.Wait()
		c.server = nil
	}
}
