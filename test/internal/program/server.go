package program

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/internal/systemtest"
)

// StartServer starts a server and waits until answers returns true. It returns false if another
// process has taken the server's port. It skips the test if the server has no permission to read its
// configuration.
func StartServer(t testing.TB, cmd *exec.Cmd, answers func() bool) bool {
	t.Helper()
	output, ok := Start(t, cmd, answers)
	switch {
	case ok:
		return true
	case systemtest.AddressInUse(output):
	case strings.Contains(strings.ToLower(output), "permission denied"):
		t.Skipf("%s has no permission to read its configuration:\n%s", cmd.Path, output)
	default:
		t.Fatalf("%s does not answer:\n%s", cmd.Path, output)
	}
	return false
}

// StartOnFreePort starts the server at path on a free port of 127.0.0.1, waits until answers returns
// true for its address, and returns that. args returns its arguments for a port. It skips the test
// as StartServer does.
func StartOnFreePort(
	t testing.TB, path string, args func(port int) []string, answers func(addr netip.AddrPort) bool,
) netip.AddrPort {
	t.Helper()
	for {
		port := systemtest.FreePort(t)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
		if StartServer(t, exec.Command(path, args(port)...), func() bool { return answers(addr) }) {
			return addr
		}
	}
}

// StartNamed is StartOnFreePort for named of BIND 9. The files of its zones are in dir, options are
// further statements of its options block, and statements follow that block.
func StartNamed(
	t testing.TB, path, dir, options, statements string, answers func(addr netip.AddrPort) bool,
) netip.AddrPort {
	t.Helper()
	return StartOnFreePort(t, path, func(port int) []string {
		conf := fmt.Sprintf(`options {
	directory %q;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none; lock-file none; session-keyfile none;
	notify no; dnssec-validation no; empty-zones-enable no;
	%s
};
controls { };
%s`, dir, port, options, statements)
		return []string{"-g", "-n", "1", "-c", WriteFile(t, dir, "named.conf", conf)}
	}, answers)
}
