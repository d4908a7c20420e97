package netns

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tries is how often a client connects: as often as there are addresses in a tier, so that each of
// them comes first once.
const tries = 3

// A situation is a column of the table: a client, and the families of the names that it asks for.
type situation struct {
	title    string
	client   host
	families string // ending of the names
}

var situations = []situation{
	{"IPv4 only", ip4, "4"},
	{"IPv6 only", ip6, "6"},
	{"IPv4 client, names with both", ip4, ""},
	{"dual stack", dual, ""},
	{"behind NAT, IPv4", natIP4, "4"},
	{"behind NAT, dual stack", natDual, ""},
}

// names are what clients ask for, with the addresses in each subnet, nearest first.
var names = []struct {
	name    string
	title   string
	subnets []host
}{
	{"own", "own subnet", []host{own, other, far}},
	{"other", "another subnet", []host{other, far}},
}

// zoneFile returns the zone example.org: each of names with addresses of both families, and with the
// endings 4 and 6 for those of one family.
func zoneFile() string {
	var b strings.Builder
	b.WriteString("$ORIGIN example.org.\n$TTL 30\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\nns A " + dns4 + "\n")
	for _, n := range names {
		for _, subnet := range slices.Backward(n.subnets) { // the nearest last
			for _, addr := range subnet.servers() {
				rrtype, family := "A", "4"
				if addr.Is6() {
					rrtype, family = "AAAA", "6"
				}
				fmt.Fprintf(&b, "%s %s %v\n%[1]s%[4]s %[2]s %[3]v\n", n.name, rrtype, addr, family)
			}
		}
	}
	return b.String()
}

// servers returns the addresses of h that clients connect to.
func (h host) servers() (all []netip.Addr) {
	for _, i := range interfaces {
		for addr := range strings.FieldsSeq(i.addresses) {
			if a := netip.MustParsePrefix(addr).Addr(); i.host == h && a.String() != dns4 && a.String() != dns6 {
				all = append(all, a)
			}
		}
	}
	return all
}

// A dnsServer is the server under test, which runs on the subnet far.
type dnsServer struct {
	log  string // path of its log
	read int    // how much of the log is read
}

// startServer builds the server and starts it.
func startServer(t *testing.T) *dnsServer {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "coredns")
	if output, err := exec.Command("go", "build", "-o", binary, "../../cmd/coredns").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, text := range map[string]string{"zone": zoneFile(), "topology": topology, "Corefile": `example.org {
	metadata
	log . "first {type} {name} {/ordering/first}"
	ordering {
		topology topology
	}
	file zone
}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &dnsServer{log: filepath.Join(dir, "log")}
	cmd := far.command("sh", "-c", `cd "$1" && exec ./coredns -conf Corefile >log 2>&1`, "sh", dir)
	start(t, cmd, func() bool {
		text, _ := os.ReadFile(s.log)
		return strings.Contains(string(text), "CoreDNS-")
	})
	return s
}

// firsts returns the first addresses of the answers for a name since it was called last.
func (s *dnsServer) firsts(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text[s.read:])) {
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[len(fields)-2] == name+"." && fields[len(fields)-4] == "first" {
			all = append(all, fields[len(fields)-1])
		}
	}
	s.read = len(text)
	return all
}

// measure has a client connect to a name several times, and says to which address it connects.
func (s *dnsServer) measure(t *testing.T, r resolver, client host, name string, near []netip.Addr) string {
	t.Helper()
	result := "first"
	for range tries {
		s.firsts(t, name)
		got := r.connect(t, client, name)
		addr, err := netip.ParseAddr(got)
		if err != nil {
			t.Fatalf("%s connects to %q", r.name, got)
		}
		firsts := s.firsts(t, name)
		t.Logf("%s on %s: %s has first %v; connects to %v", r.name, client, name, firsts, addr)
		switch {
		case len(firsts) == 0:
			t.Fatalf("%s on %s did not ask for %s", r.name, client, name)
		case slices.Contains(firsts, addr.String()):
		case slices.Contains(near, addr):
			if result == "first" {
				result = "nearest"
			}
		default:
			return "farther"
		}
	}
	return result
}

// The last column of the table in docs/clients.md is about both names of a row.
func TestWhatClientsConnectTo(t *testing.T) {
	runtime.LockOSThread() // the programs are killed when this thread ends
	buildNetwork(t)
	all := resolvers(t)
	startListeners(t)
	s := startServer(t)

	var b strings.Builder
	b.WriteString("| resolver | nearest addresses are on |")
	for _, at := range situations {
		fmt.Fprintf(&b, " %s |", at.title)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(situations)) + "\n")
	for _, r := range all {
		title := r.name
		for _, n := range names {
			fmt.Fprintf(&b, "| %s | %s |", title, n.title)
			title = ""
			for _, at := range situations {
				if r.prepare != nil {
					r.prepare(t, at.client)
				}
				name := n.name + at.families + ".example.org"
				fmt.Fprintf(&b, " %s |", s.measure(t, r, at.client, name, n.subnets[0].servers()))
			}
			b.WriteString("\n")
		}
	}
	t.Logf("measured:\n%s", b.String())
}
