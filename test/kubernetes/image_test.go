package kubernetes

import (
	"context"
	"debug/elf"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestImage builds the last stage of the Dockerfile with the binary and starts it as Kubernetes
// does. It pulls no image, because the stage starts from scratch.
func TestImage(t *testing.T) {
	needs(t, "buildah", "setcap", "capsh")
	if os.Getuid() != 0 {
		t.Skip("not root: a file capability cannot be set")
	}
	if dynamicallyLinked(t) {
		t.Skipf("%s is dynamically linked: an image from scratch takes one built with CGO_ENABLED=0", binary)
	}
	b := newImage(t)
	t.Run("runs as an unprivileged user", func(t *testing.T) { testImageUser(t, b) })
	t.Run("listens on a low port", func(t *testing.T) { testLowPort(t, b) })
	t.Run("runs without privilege escalation", func(t *testing.T) { testNoNewPrivileges(t, b) })
	t.Run("does not start without the capability", func(t *testing.T) { testWithoutCapability(t, b) })
}

// needs skips the test unless all of these commands are installed.
func needs(t *testing.T, commands ...string) {
	t.Helper()
	for _, command := range commands {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("%s is not installed", command)
		}
	}
}

// dynamicallyLinked reports whether the binary needs an interpreter, which the image does not have.
func dynamicallyLinked(t *testing.T) bool {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return true
		}
	}
	return false
}

// image is the image that the last stage of the Dockerfile builds from the binary.
type image struct {
	storage []string // arguments that give buildah storage of its own
	build   string   // directory that replaces the stage that the last one copies from
	etc     string   // directory with a Corefile that listens on port
	port    int      // below 1024
}

const imageName = "ordering-under-test"

func newImage(t *testing.T) image {
	t.Helper()
	dir := t.TempDir()
	// The server runs as another user, which needs access to dir.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	b := image{
		storage: []string{"--storage-driver", "vfs", "--root", dir + "/root", "--runroot", dir + "/run"},
		build:   filepath.Join(dir, "build"), etc: filepath.Join(dir, "etc"), port: lowPort(t),
	}
	certificates, copyright := b.build+"/etc/ssl/certs", b.build+"/usr/share/doc/ca-certificates"
	run(t, "mkdir", "-p", b.build+"/image", certificates, copyright, b.etc)
	run(t, "cp", binary, b.build+"/image/coredns")
	run(t, "setcap", "cap_net_bind_service=+ep", b.build+"/image/coredns")
	write(t, certificates+"/ca-certificates.crt", "")
	write(t, copyright+"/copyright", "")
	write(t, b.build+"/image/LICENSE", "")
	write(t, b.build+"/image/THIRD-PARTY-LICENSES.txt", "")
	write(t, b.etc+"/Corefile", fmt.Sprintf(".:%d {\n bind 127.0.0.1\n ordering\n whoami\n}\n", b.port))
	write(t, dir+"/Dockerfile", lastStage(t))
	run(t, "buildah", b.with("build", "--quiet", "--isolation", "chroot", "--build-context", "build="+b.build,
		"--tag", imageName, "--file", dir+"/Dockerfile", dir)...)
	return b
}

// lastStage returns the last stage of the Dockerfile.
func lastStage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, found := strings.Cut(string(text), "\nFROM scratch\n")
	if !found {
		t.Fatal("the Dockerfile has no stage from scratch")
	}
	return "FROM scratch\n" + stage
}

func (b image) with(arguments ...string) []string { return append(b.storage, arguments...) }

// container creates a container from the image with these capabilities and no others. It returns
// the name.
func (b image) container(t *testing.T, capabilities ...string) string {
	t.Helper()
	arguments := b.with("from", "--cap-drop", "all")
	for _, capability := range capabilities {
		arguments = append(arguments, "--cap-add", capability)
	}
	name := strings.TrimSpace(run(t, "buildah", append(arguments, "localhost/"+imageName)...))
	t.Cleanup(func() { run(t, "buildah", b.with("rm", name)...) })
	return name
}

// command returns a command that runs the entry point of the image with the Corefile in b.etc.
func (b image) command(ctx context.Context, container string) *exec.Cmd {
	return exec.CommandContext(ctx, "buildah", b.with("run", "--isolation", "chroot", "--volume", b.etc+":/etc/coredns:ro",
		container, "--", "/coredns", "-conf", "/etc/coredns/Corefile")...)
}

func testImageUser(t *testing.T, b image) {
	got := run(t, "buildah", b.with("inspect", "--type", "image", "--format",
		"{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.ExposedPorts}}", "localhost/"+imageName)...)
	if want := "65532:65532 [/coredns] map[53/tcp:{} 53/udp:{}]"; strings.TrimSpace(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func testLowPort(t *testing.T, b image) {
	b.answers(t, b.command(t.Context(), b.container(t, "CAP_NET_BIND_SERVICE")))
}

// testNoNewPrivileges tests `allowPrivilegeEscalation: false`. The process then gets a capability
// that both the file and the process have. Without the one on the file, the process loses it.
func testNoNewPrivileges(t *testing.T, b image) {
	withCapability := func(file string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "capsh", "--keep=1", "--uid=65532", "--caps=cap_net_bind_service=pe",
			"--no-new-privs", "--shell="+file, "--", "-conf", b.etc+"/Corefile")
	}
	b.answers(t, withCapability(b.build+"/image/coredns"))

	run(t, "cp", binary, b.build+"/incapable")
	out, err := withCapability(b.build + "/incapable").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "permission denied") {
		t.Errorf("a file without the capability: %v\n%s", err, out)
	}
}

func testWithoutCapability(t *testing.T, b image) {
	out, err := b.command(t.Context(), b.container(t)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "operation not permitted") {
		t.Errorf("%v\n%s", err, out)
	}
}

// answers starts the server, waits until it answers, and stops it.
func (b image) answers(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	log := new(transcript)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // buildah passes the signal on
	cmd.WaitDelay = timeout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Cancel()
		cmd.Wait()
	}()
	server := fmt.Sprintf("127.0.0.1:%d", b.port)
	eventually(t, "an answer from the image", func() error {
		client := dns.Client{Timeout: time.Second}
		if _, _, err := client.Exchange(question("example.org", dns.TypeA), server); err != nil {
			return fmt.Errorf("%w; the server says:\n%s", err, log.tail())
		}
		return nil
	})
}

// lowPort returns a free port below 1024.
func lowPort(t *testing.T) int {
	t.Helper()
	for port := 1023; port > 512; port-- {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", address)
		tcp.Close()
		if err != nil {
			continue
		}
		udp.Close()
		return port
	}
	t.Fatal("no low port is free")
	return 0
}

// run runs a command, which must succeed, and returns its output.
func run(t *testing.T, command string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(command, arguments...)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, failure.String())
	}
	return string(out)
}

// write writes a file.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
