//go:build linux

package netns

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/test/internal/program"
)

const port = "8080" // of every server that clients connect to

// roleVariable is set when a test starts its own executable as a program.
const roleVariable = "ORDERING_NETNS_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "listen":
		exit(listen())
	case "connect":
		exit(connect(os.Args[1]))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// listen accepts connections to all addresses of this host and tells each the address that it
// arrived at. It returns when standard input ends.
func listen() error {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil
		}
		fmt.Fprintln(conn, conn.LocalAddr().(*net.TCPAddr).IP)
		conn.Close()
	}
}

// connect connects to a name, as Go's resolver and dialer do it, and prints what it receives. It
// does not try IPv4 at the same time as IPv6, because that would depend on speed.
func connect(name string) error {
	d := net.Dialer{Resolver: &net.Resolver{PreferGo: true}, FallbackDelay: -1, Timeout: program.Timeout}
	conn, err := d.Dial("tcp", net.JoinHostPort(name, port))
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, conn)
	return err
}

// A resolver is a way for a client to find an address of a name and to connect to it.
type resolver struct {
	name string
	// connect returns the address that a client on h connects to. It fails the test if there is
	// none.
	connect func(t *testing.T, h host, name string) string
}

// run returns what cmd prints, without white space at the ends. It fails the test if cmd fails.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errors strings.Builder
	cmd.Stderr = &errors
	kill := time.AfterFunc(program.Timeout, func() { cmd.Process.Kill() })
	defer kill.Stop()
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, output, errors.String())
	}
	return strings.TrimSpace(string(output))
}

// resolvers returns those whose programs are installed. It logs which are not.
func resolvers(t *testing.T) (all []resolver) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	glibc := compile(t, program.Find(t, "gcc"))
	dig, noDig := exec.LookPath("dig")
	if noDig == nil {
		all = append(all, resolver{"dig", digFirst(dig)})
	} else {
		t.Log(noDig)
	}
	glibcVersion := version(output("getconf", "GNU_LIBC_VERSION"))
	all = append(all,
		resolver{"glibc " + glibcVersion, func(t *testing.T, h host, name string) string {
			return run(t, h.command(glibc, name, port))
		}},
		resolver{"Go " + version(runtime.Version()), func(t *testing.T, h host, name string) string {
			cmd := h.command(self, name)
			cmd.Env = append(os.Environ(), roleVariable+"=connect", "GODEBUG=netdns=go")
			return run(t, cmd)
		}},
	)
	if compiler, err := exec.LookPath("musl-gcc"); err == nil {
		musl := compile(t, compiler, "-static")
		loaders, _ := filepath.Glob("/lib/ld-musl-*.so.1") // it prints its version
		muslVersion := version(output(strings.Join(loaders, "")))
		all = append(all, resolver{"musl " + muslVersion, func(t *testing.T, h host, name string) string {
			return run(t, h.command(musl, name, port))
		}})
	} else {
		t.Log(err)
	}
	if resolved := newResolved(t); resolved != nil {
		if noDig == nil {
			all = append(all, resolver{resolved.name + ", dig", func(t *testing.T, h host, name string) string {
				resolved.start(t, h)
				return digFirst(dig, "@"+stub)(t, h, name)
			}})
		}
		all = append(all, resolver{resolved.name + ", glibc", func(t *testing.T, h host, name string) string {
			resolved.start(t, h)
			return run(t, resolved.command(h, glibc, name, port))
		}})
	}
	return all
}

// versions matches the version in what glibc, musl, systemd and Go say of themselves.
var versions = regexp.MustCompile(`(?:glibc |Version |systemd )([0-9.]+)|go([0-9]+\.[0-9]+)`)

// version returns the version in text, or "" if there is none.
func version(text string) string {
	if found := versions.FindStringSubmatch(text); found != nil {
		return found[1] + found[2]
	}
	return ""
}

// output returns what a program prints, whether it fails or not. musl's loader prints its version
// and fails.
func output(name string, args ...string) string {
	text, _ := exec.Command(name, args...).CombinedOutput()
	return string(text)
}

// compile compiles the program that connects, and returns its path.
func compile(t *testing.T, compiler string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "connect-"+filepath.Base(compiler))
	args := append(options, "-O1", "-Wall", "-Werror", "-o", path, "testdata/connect.c")
	if output, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", compiler, err, output)
	}
	return path
}

// digFirst returns a resolver's connect method for a script that connects to the first address that
// dig prints. It asks for IPv6 addresses where there is only IPv6.
func digFirst(dig string, options ...string) func(t *testing.T, h host, name string) string {
	return func(t *testing.T, h host, name string) string {
		rrtype := "A"
		if h == ip6 {
			rrtype = "AAAA"
		}
		lines := strings.Fields(run(t, h.command(append([]string{dig, "+short", name, rrtype}, options...)...)))
		if len(lines) == 0 {
			t.Fatalf("dig finds no address of %s", name)
		}
		return lines[0]
	}
}

// startListeners starts a server on each of the three subnets.
func startListeners(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []host{own, other, far} {
		cmd := h.command(self)
		cmd.Env = append(os.Environ(), roleVariable+"=listen")
		if _, err := cmd.StdinPipe(); err != nil { // it ends together with this process
			t.Fatal(err)
		}
		start(t, cmd, func() bool {
			return dialable(h)
		})
	}
}

// dialable reports whether a server listens on a host.
func dialable(h host) bool {
	output, err := h.command("cat", "/proc/net/tcp6").Output()
	return err == nil && strings.Contains(string(output), ":1F90 00000000000000000000000000000000:0000 0A")
}

// start starts cmd and waits until ready returns true.
func start(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	if output, ok := program.Start(t, cmd, ready); !ok {
		t.Fatalf("%s does not start:\n%s", cmd, output)
	}
}
