package validators

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"
)

// startUnbound starts unbound as a resolver that asks server for everything in example.org. It
// returns its address. It repeats a query only after 20 seconds, so that queries can be counted on
// a slow machine too. settings are further lines of its section "server:".
func startUnbound(t *testing.T, path string, server netip.AddrPort, settings string) netip.AddrPort {
	t.Helper()
	addr := freeAddress(t)
	dir := t.TempDir()
	conf := fmt.Sprintf(`server:
	interface: %[1]v@%[2]d
	access-control: 127.0.0.0/8 allow
	outgoing-interface: %[1]v
	directory: %[3]q
	pidfile: ""
	username: ""
	chroot: ""
	use-syslog: no
	do-daemonize: no
	num-threads: 1
	do-ip6: no
	do-not-query-localhost: no
	qname-minimisation: no
	prefetch: no
	minimal-responses: yes
	unknown-server-time-limit: 20000
	infra-cache-min-rtt: 20000
%[4]s
remote-control:
	control-enable: no
stub-zone:
	name: example.org
	stub-addr: %[5]v@%[6]d
	stub-first: no
`, addr.Addr(), addr.Port(), dir, settings, server.Addr(), server.Port())
	cmd := exec.Command(path, "-d", "-c", program.WriteFile(t, dir, "unbound.conf", conf))
	if !program.StartServer(t, cmd, func() bool { return hasZone(addr) }) {
		t.Fatalf("another process has taken %v", addr)
	}
	return addr
}
