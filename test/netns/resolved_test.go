//go:build linux

package netns

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// stub is the address that systemd-resolved answers at.
const stub = "127.0.0.53"

// resolvedUser is the user that systemd-resolved becomes.
const resolvedUser = "systemd-resolve"

// resolvedPaths are where systemd-resolved can be. .ci/tools unpacks the last: installing the
// package would replace the resolver of the machine.
var resolvedPaths = []string{
	"/usr/lib/systemd/systemd-resolved", "/lib/systemd/systemd-resolved", "/usr/local/lib/ordering/systemd-resolved",
}

// A resolved runs systemd-resolved on hosts, without caches and without D-Bus.
type resolved struct {
	name    string
	path    string
	dir     string
	running map[host]bool
}

// newResolved returns nil if systemd-resolved is not installed.
func newResolved(t *testing.T) *resolved {
	t.Helper()
	for _, path := range resolvedPaths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		found := version(output(path, "--version"))
		if found == "" {
			t.Logf("%s does not run: its libraries may be missing", path)
			continue
		}
		return &resolved{"resolved " + found, path, t.TempDir(), map[host]bool{}}
	}
	t.Log("systemd-resolved is not installed")
	return nil
}

// start starts systemd-resolved on h if it is not running there. It asks the server that h asks.
func (r *resolved) start(t *testing.T, h host) {
	t.Helper()
	if r.running[h] {
		return
	}
	r.running[h] = true
	if _, err := user.Lookup(resolvedUser); err != nil {
		for _, file := range []string{"passwd", "group"} {
			text, err := os.ReadFile("/etc/" + file)
			if err != nil {
				t.Fatal(err)
			}
			line := map[string]string{"passwd": ":x:65500:65500::/:/bin/false\n", "group": ":x:65500:\n"}[file]
			h.writeEtc(t, file, string(text)+resolvedUser+line)
		}
	}
	configuration := filepath.Join(r.dir, string(h))
	if err := os.Mkdir(configuration, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "[Resolve]\nDNS=" + h.nameserver() +
		"\nFallbackDNS=\nDomains=~.\nCache=no\nDNSSEC=no\nLLMNR=no\nMulticastDNS=no\n"
	if err := os.WriteFile(filepath.Join(configuration, "resolved.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// The command has its own mounts, so these are for systemd-resolved alone.
	const script = `mount -t tmpfs tmpfs /run && mount --bind "$1" /etc/systemd && mkdir -p /run/systemd/resolve &&
		chown ` + resolvedUser + `:` + resolvedUser + ` /run/systemd/resolve && exec "$2"`
	start(t, h.command("sh", "-c", script, "sh", configuration, r.path), func() bool {
		sockets, err := h.command("cat", "/proc/net/udp").Output()
		return err == nil && strings.Contains(string(sockets), "3500007F:0035 ")
	})
}

// command returns a command that runs in h with systemd-resolved as its only name server.
func (r *resolved) command(h host, args ...string) *exec.Cmd {
	const script = `echo "nameserver ` + stub + `" >"$1" && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`
	return h.command(append([]string{"sh", "-c", script, "sh", filepath.Join(r.dir, "resolv.conf")}, args...)...)
}
