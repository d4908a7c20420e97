package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The binary of the service is /bin/true here, because systemd-analyze looks for it.
func TestSystemdAcceptsTheServiceShown(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for _, b := range snippets(t, "ini") {
		path := filepath.Join(t.TempDir(), "coredns.service")
		text := strings.ReplaceAll(b.text, "/usr/local/bin/coredns", "/bin/true")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: systemd-analyze verify: %v\n%s", b, err, out)
		}
	}
}
