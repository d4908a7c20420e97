package netns

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// connect connects to a name, as Go's resolver and dialer do it, and prints what it receives. It does
// not try IPv4 at the same time as IPv6, because that would depend on speed.
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
	// connect returns the address that a client on h connects to. It fails the test if there is none.
	connect func(t *testing.T, h host, name string) string
	// prepare is called once for each host; nil does nothing.
	prepare func(t *testing.T, h host)
}

// run returns what a command prints in namespace h, without white space at the ends. It fails the
// test if the command fails.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errors strings.Builder
	cmd.Stderr = &errors
	ctx, cancel := context.WithTimeout(context.Background(), program.Timeout)
	defer cancel()
	go func() {
		<-ctx.Done()
		if ctx.Err() == context.DeadlineExceeded {
			cmd.Process.Kill()
		}
	}()
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, output, errors.String())
	}
	return strings.TrimSpace(string(output))
}

// resolvers returns those whose programs are installed. It logs the others.
func resolvers(t *testing.T) []resolver {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := []resolver{
		{name: "glibc, `getaddrinfo`", connect: runner(compile(t, program.Find(t, "gcc")))},
		{name: "Go, `net`", connect: func(t *testing.T, h host, name string) string {
			cmd := h.command(self, name)
			cmd.Env = append(os.Environ(), roleVariable+"=connect", "GODEBUG=netdns=go")
			return run(t, cmd)
		}},
	}
	if dig, err := exec.LookPath("dig"); err == nil {
		all = append([]resolver{{name: "`dig +short`, first line", connect: digFirst(dig, "")}}, all...)
	} else {
		t.Log("dig is not installed")
	}
	if musl, err := exec.LookPath("musl-gcc"); err == nil {
		all = append(all, resolver{name: "musl, `getaddrinfo`", connect: runner(compile(t, musl, "-static"))})
	} else {
		t.Log("musl-gcc is not installed")
	}
	return all
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

// runner returns a resolver's connect method that runs a program with a name and a port.
func runner(path string) func(t *testing.T, h host, name string) string {
	return func(t *testing.T, h host, name string) string { return run(t, h.command(path, name, port)) }
}

// digFirst returns a resolver's connect method for a script that connects to the first address that
// dig prints. It asks for IPv6 addresses where there is only IPv6.
func digFirst(dig, server string) func(t *testing.T, h host, name string) string {
	return func(t *testing.T, h host, name string) string {
		rrtype := "A"
		if h == ip6 {
			rrtype = "AAAA"
		}
		args := []string{dig, "+short", name, rrtype}
		if server != "" {
			args = append(args, "@"+server)
		}
		lines := strings.Fields(run(t, h.command(args...)))
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

// waitFor waits until done returns true.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(program.Timeout); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", program.Timeout, what)
		}
	}
}
