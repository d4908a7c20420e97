package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"

	"github.com/miekg/dns"
)

// The test makes a module of each program in the documentation, outside of this one, as the
// documentation says. It starts what the module builds, and asks it.
func TestProgramsCompileOrderingIn(t *testing.T) {
	compiled := map[string]bool{} // compiling takes long, and pages show the same program
	for _, b := range snippets(t, "go") {
		if compiled[b.text] {
			continue
		}
		compiled[b.text] = true
		t.Run(b.String(), func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.go"), b.text)
			// The hashes of all modules that it needs: to look them up takes longer than the rest.
			write(t, filepath.Join(dir, "go.sum"), fileText(t, "go.sum"))
			command(t, dir, "mod", "init", "example.org/coredns")
			command(t, dir, "mod", "edit", "-replace", "github.com/coredns-ordering/ordering="+root)
			command(t, dir, "mod", "tidy")
			server := filepath.Join(dir, "coredns.exe") // Windows needs the suffix
			command(t, dir, "build", "-o", server)

			address := run(t, server, `lucerne.example:PORT {
	bind 127.0.0.1
	ordering {
		ecs 127.0.0.1
	}
	file `+filepath.ToSlash(root)+`/examples/lucerne/lucerne.example.zone
}
`)
			got := dig(t, address, strings.Fields("dig +subnet=10.4.3.2/32 server1.lucerne.example"))
			if want := "10.0.0.14\n192.168.1.27\n172.16.20.4"; got != want {
				t.Errorf("the client 10.4.3.2 gets\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// command runs the go command in dir.
func command(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// run runs a server until the test ends. PORT in its Corefile becomes a free port. The result is the
// address where the server listens.
func run(t *testing.T, server, corefile string) string {
	t.Helper()
	for {
		port := systemtest.FreePort(t)
		path, address := filepath.Join(t.TempDir(), "Corefile"), fmt.Sprintf("127.0.0.1:%d", port)
		write(t, path, strings.ReplaceAll(corefile, "PORT", strconv.Itoa(port)))
		output, answers := program.Start(t, exec.Command(server, "-conf", path), func() bool {
			_, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(".", dns.TypeNS), address)
			return err == nil
		})
		switch {
		case answers:
			return address
		case !systemtest.AddressInUse(output): // another process may have taken a free port
			t.Fatalf("does not start:\n%s", output)
		}
	}
}
