//go:build linux

package netns

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"
)

// Every namespace of these tests is called ordering-PID-NAME, so that processes do not share any.
const namespacePrefix = "ordering-"

// A host is a network namespace that is connected to one subnet.
type host string

func (h host) namespace() string { return fmt.Sprintf("%s%d-%s", namespacePrefix, os.Getpid(), h) }

// etc returns the directory whose files "ip netns exec" puts over those in /etc.
func (h host) etc() string { return filepath.Join("/etc/netns", h.namespace()) }

// command returns a command that runs in h. It is killed when the thread that starts it ends.
func (h host) command(args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.namespace()}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// The hosts and the subnets:
//
//	own                       10.1.1.0/24      2001:db8:1:1::/64   servers, clients
//	other   in the same zone  10.7.1.0/24      2001:db8:7:1::/64   servers
//	far     in another zone   10.1.2.0/24      2001:db8:1:2::/64   servers, DNS
//	inside  behind the NAT    192.168.7.0/24   fd00:7::/64         clients
//
// far has the longer common prefix with own than other has. The outer addresses of the NAT are in
// own.
const (
	router  = host("router")
	nat     = host("nat")
	own     = host("own")
	other   = host("other")
	far     = host("far")
	ip4     = host("ip4")     // a client with IPv4 only
	ip6     = host("ip6")     // a client with IPv6 only
	dual    = host("dual")    // a client with both
	natIP4  = host("natip4")  // a client behind the NAT with IPv4 only
	natDual = host("natdual") // a client behind the NAT with both
)

// interfaces are the hosts with their bridge and their addresses. A bridge is in the namespace of
// the router, or in that of the NAT. The servers on one subnet have prefixes of different lengths
// in common with the clients, so that a client that sorts by those is found out.
var interfaces = []struct {
	host      host
	gateway   host
	bridge    string
	addresses string
}{
	{own, router, "own", "10.1.1.17/24 10.1.1.64/24 10.1.1.96/24 " +
		"2001:db8:1:1::11/64 2001:db8:1:1::40/64 2001:db8:1:1::60/64"},
	{other, router, "other", "10.7.1.17/24 10.7.1.64/24 10.7.1.96/24 " +
		"2001:db8:7:1::11/64 2001:db8:7:1::40/64 2001:db8:7:1::60/64"},
	{far, router, "far", "10.1.2.17/24 10.1.2.64/24 10.1.2.96/24 " +
		"2001:db8:1:2::11/64 2001:db8:1:2::40/64 2001:db8:1:2::60/64 " + dns4 + "/24 " + dns6 + "/64"},
	{ip4, router, "own", "10.1.1.97/24"},
	{ip6, router, "own", "2001:db8:1:1::61/64"},
	{dual, router, "own", "10.1.1.98/24 2001:db8:1:1::62/64"},
	{nat, router, "own", "10.1.1.99/24 2001:db8:1:1::63/64"},
	{natIP4, nat, "inside", "192.168.7.101/24"},
	{natDual, nat, "inside", "192.168.7.102/24 fd00:7::102/64"},
}

// gateways are the addresses of the bridges.
var gateways = map[string][]string{
	"own":    {"10.1.1.1/24", "2001:db8:1:1::1/64"},
	"other":  {"10.7.1.1/24", "2001:db8:7:1::1/64"},
	"far":    {"10.1.2.1/24", "2001:db8:1:2::1/64"},
	"inside": {"192.168.7.1/24", "fd00:7::1/64"},
}

const (
	dns4 = "10.1.2.53"
	dns6 = "2001:db8:1:2::53"
)

// topology says where the subnets are.
const topology = `10.1.1.0/24 region/near/own
2001:db8:1:1::/64 region/near/own
10.7.1.0/24 region/near/other
2001:db8:7:1::/64 region/near/other
10.1.2.0/24 region/far/far
2001:db8:1:2::/64 region/far/far
`

// buildNetwork makes the namespaces, which are deleted when the test ends. It skips the test if
// this process may not make any.
func buildNetwork(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	nft := program.Find(t, "nft")
	program.Find(t, "ip")
	deleteAbandoned(t)

	hosts := []host{router}
	for _, i := range interfaces {
		hosts = append(hosts, i.host)
	}
	for _, h := range hosts {
		if output, err := exec.Command("ip", "netns", "add", h.namespace()).CombinedOutput(); err != nil {
			t.Skipf("this process may not make network namespaces: %v: %s", err, output)
		}
		t.Cleanup(func() { deleteNamespace(t, h.namespace()) })
		ip(t, h, "link set lo up\n")
		// Addresses can be used at once.
		settings := []string{"net/ipv6/conf/default/accept_ra=0", "net/ipv6/conf/default/accept_dad=0"}
		switch h {
		case ip4, natIP4:
			settings = append(settings, "net/ipv6/conf/all/disable_ipv6=1")
		case router, nat:
			settings = append(settings, "net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
		}
		set(t, h, settings)
	}
	for n, i := range interfaces {
		var gateway, batch strings.Builder
		if !bridgeExists(i.gateway, i.bridge) {
			fmt.Fprintf(&gateway, "link add %s type bridge\nlink set %[1]s up\n", i.bridge)
			for _, addr := range gateways[i.bridge] {
				fmt.Fprintf(&gateway, "addr add %s dev %s nodad\n", addr, i.bridge)
			}
		}
		fmt.Fprintf(&gateway, "link add port%d type veth peer name eth0 netns %s\n", n, i.host.namespace())
		fmt.Fprintf(&gateway, "link set port%d master %s up\n", n, i.bridge)
		ip(t, i.gateway, gateway.String())

		fmt.Fprintln(&batch, "link set eth0 up")
		for addr := range strings.FieldsSeq(i.addresses) {
			fmt.Fprintf(&batch, "addr add %s dev eth0", addr)
			if strings.Contains(addr, ":") {
				batch.WriteString(" nodad")
			}
			batch.WriteString("\n")
		}
		for _, addr := range gateways[i.bridge] {
			via, _, _ := strings.Cut(addr, "/")
			if strings.Contains(addr, ":") && strings.Contains(i.addresses, ":") {
				fmt.Fprintf(&batch, "route add default via %s\n", via)
			}
			if strings.Contains(addr, ".") && strings.Contains(i.addresses, ".") {
				fmt.Fprintf(&batch, "route add default via %s\n", via)
			}
		}
		ip(t, i.host, batch.String())
	}

	masquerade := nat.command(nft, "-f", "-")
	masquerade.Stdin = strings.NewReader(`table inet nat {
	chain postrouting {
		type nat hook postrouting priority 100
		oifname "eth0" masquerade
	}
}
`)
	if output, err := masquerade.CombinedOutput(); err != nil {
		t.Skipf("this system has no NAT: %v: %s", err, output)
	}
	for _, h := range []host{ip4, ip6, dual, natIP4, natDual} {
		h.writeEtc(t, "resolv.conf", "nameserver "+h.nameserver()+"\n")
		h.writeEtc(t, "nsswitch.conf", "hosts: dns\n")
		h.writeEtc(t, "gai.conf", "")
	}
}

// nameserver returns the address of the DNS server, in a family that h has.
func (h host) nameserver() string {
	if h == ip6 {
		return dns6
	}
	return dns4
}

// bridgeExists reports whether a host has a network interface of this name.
func bridgeExists(h host, name string) bool {
	return exec.Command("ip", "-n", h.namespace(), "link", "show", name).Run() == nil
}

// ip runs commands of ip in the namespace of a host.
func ip(t *testing.T, h host, commands string) {
	t.Helper()
	cmd := exec.Command("ip", "-n", h.namespace(), "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s\nin\n%s", h, err, output, commands)
	}
}

// set sets parameters of the kernel, name=value, in the namespace of a host.
func set(t *testing.T, h host, parameters []string) {
	t.Helper()
	const script = `for p; do echo "${p#*=}" >"/proc/sys/${p%=*}" || exit; done`
	args := append([]string{"sh", "-c", script, "sh"}, parameters...)
	if output, err := h.command(args...).CombinedOutput(); err != nil {
		t.Skipf("this system does not let %v be set: %v: %s", parameters, err, output)
	}
}

// writeEtc gives a host its own version of a file in /etc. It does nothing if the system has no
// such file: it could not be put over anything.
func (h host) writeEtc(t *testing.T, name, text string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("/etc", name)); err != nil {
		return
	}
	if err := os.MkdirAll(h.etc(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.etc(), name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// deleteNamespace deletes a namespace and its files in /etc/netns. Processes in it are killed: all
// of them were started by these tests.
func deleteNamespace(t *testing.T, namespace string) {
	pids, _ := exec.Command("ip", "netns", "pids", namespace).Output()
	for pid := range strings.FieldsSeq(string(pids)) {
		if n, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
	if output, err := exec.Command("ip", "netns", "del", namespace).CombinedOutput(); err != nil {
		t.Errorf("%s is left: %v: %s", namespace, err, output)
	}
	os.RemoveAll(filepath.Join("/etc/netns", namespace))
	os.Remove("/etc/netns") // only if it is empty
}

// deleteAbandoned deletes the namespaces of tests that were killed before they could do it.
func deleteAbandoned(t *testing.T) {
	list, _ := exec.Command("ip", "netns", "list").Output()
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		namespace, _, _ := strings.Cut(lines.Text(), " ")
		rest, ours := strings.CutPrefix(namespace, namespacePrefix)
		pid, _, _ := strings.Cut(rest, "-")
		n, err := strconv.Atoi(pid)
		if ours && err == nil && syscall.Kill(n, 0) == syscall.ESRCH {
			deleteNamespace(t, namespace)
		}
	}
}
