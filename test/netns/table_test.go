//go:build linux

package netns

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-ordering/ordering/internal/systemtest"
	"github.com/coredns-ordering/ordering/test/internal/program"
)

// tries is how often a client connects: as often as there are addresses in a tier, so that each of
// them comes first once.
const tries = 3

// A situation is a client, and the families of the names that it asks for.
type situation struct {
	title    string
	client   host
	families []string // types of records that the names have
}

var situations = []situation{
	{"IPv4 only", ip4, justA},
	{"IPv6 only", ip6, justAAAA},
	{"IPv4 only, names with both", ip4, both},
	{"dual stack, names with IPv4", dual, justA},
	{"dual stack, names with both", dual, both},
	{"behind NAT, IPv4 only", natIP4, justA},
	{"behind NAT, dual stack, names with both", natDual, both},
}

var (
	justA    = []string{"A"}
	justAAAA = []string{"AAAA"}
	both     = []string{"A", "AAAA"}
)

// places are where the addresses of a name are, nearest first.
var places = []struct {
	title   string
	subnets []host
}{
	{"on its own subnet", []host{own, other, far}},
	{"on another subnet", []host{other, far}},
}

// cellName returns the name that is asked for to measure one cell of the table. No other cell has
// it, so no other client takes its turns.
func cellName(situation, place, resolver int) string {
	return fmt.Sprintf("s%d-p%d-r%d.example.org", situation, place, resolver)
}

// zoneFile returns the zone example.org with the names of all cells.
func zoneFile(resolvers int) string {
	var b strings.Builder
	b.WriteString("example.org. 30 SOA ns hostmaster 1 3600 600 86400 30\nexample.org. 30 NS ns.example.org.\n")
	b.WriteString("ns.example.org. 30 A " + dns4 + "\n")
	for i, at := range situations {
		for j, place := range places {
			for k := range resolvers {
				for _, subnet := range slices.Backward(place.subnets) { // the nearest last
					for _, addr := range subnet.servers() {
						if rrtype := typeOf(addr); slices.Contains(at.families, rrtype) {
							fmt.Fprintf(&b, "%s. 30 %s %v\n", cellName(i, j, k), rrtype, addr)
						}
					}
				}
			}
		}
	}
	return b.String()
}

// typeOf returns the type of the record for an address.
func typeOf(addr netip.Addr) string {
	if addr.Is6() {
		return "AAAA"
	}
	return "A"
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
	log string // path of its log
}

// startServer builds the server and starts it with a zone file for example.org.
func startServer(t *testing.T, zone string) dnsServer {
	t.Helper()
	lookAtSource(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "coredns")
	if output, err := exec.Command("go", "build", "-o", binary, "../../cmd/coredns").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, text := range map[string]string{"zone": zone, "topology": topology, "Corefile": `example.org {
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
	s := dnsServer{log: filepath.Join(dir, "log")}
	cmd := far.command("sh", "-c", `cd "$1" && exec ./coredns -conf Corefile >log 2>&1`, "sh", dir)
	start(t, cmd, func() bool {
		text, _ := os.ReadFile(s.log)
		return strings.Contains(string(text), "CoreDNS-")
	})
	return s
}

// lookAtSource reads the directories with the source of the server. Otherwise go test would not run
// this test again after a change: it knows only what this process imports and reads.
func lookAtSource(t *testing.T) {
	t.Helper()
	const root = "../.."
	if _, err := os.ReadDir(root); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"cmd", "internal", "plugin"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// firsts returns the first address of every answer so far for a name and type.
func (s dnsServer) firsts(t *testing.T, name, rrtype string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, answer, _ := strings.Cut(line, " first ")
		if first, ok := strings.CutPrefix(answer, rrtype+" "+name+". "); ok && strings.HasSuffix(first, "\n") {
			all = append(all, strings.TrimSpace(first))
		}
	}
	return all
}

// measure has a client connect to a name several times. It returns what it connects to: "first" if
// that is always the first address of the answer, "nearest" if it is always one of near, else
// "farther".
func (s dnsServer) measure(t *testing.T, r resolver, client host, name string, near []netip.Addr) string {
	t.Helper()
	result := "first"
	for range tries {
		before := map[string]int{"A": len(s.firsts(t, name, "A")), "AAAA": len(s.firsts(t, name, "AAAA"))}
		got := r.connect(t, client, name)
		addr, err := netip.ParseAddr(got)
		if err != nil {
			t.Fatalf("%s connects to %q", r.name, got)
		}
		// The server writes its log after it has answered.
		var firsts []string
		for deadline := time.Now().Add(program.Timeout); len(firsts) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s on %s connects to %v but did not ask for %s", r.name, client, addr, name)
			}
			firsts = s.firsts(t, name, typeOf(addr))[before[typeOf(addr)]:]
		}
		t.Logf("%s on %s: of %s %v is first; it connects to %v", r.name, client, name, firsts, addr)
		switch {
		case slices.Contains(firsts, addr.String()):
		case slices.Contains(near, addr):
			result = "nearest"
		default:
			return "farther"
		}
	}
	return result
}

// page is where the results are for readers.
const page = "../../docs/clients.md"

// TestWhatClientsConnectTo measures a table and compares it with the one in docs/clients.md.
// Columns for programs that are not installed, or in another version, are not compared.
func TestWhatClientsConnectTo(t *testing.T) {
	if systemtest.Raced() {
		t.Skip("the server and the clients are other processes, in which the race detector sees nothing")
	}
	runtime.LockOSThread() // the programs are killed when this thread ends
	buildNetwork(t)
	all := resolvers(t)
	startListeners(t)
	s := startServer(t, zoneFile(len(all)))

	measured := table{header: []string{"client", "nearest addresses"}}
	for _, r := range all {
		measured.header = append(measured.header, r.name)
	}
	for i, at := range situations {
		for j, place := range places {
			row := []string{at.title, place.title}
			for k, r := range all {
				row = append(row, s.measure(t, r, at.client, cellName(i, j, k), place.subnets[0].servers()))
			}
			measured.rows = append(measured.rows, row)
		}
	}
	t.Logf("measured:\n%s", measured)

	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	documented := parseTable(t, string(text), measured.header[0])
	for i, column := range measured.header {
		if !slices.Contains(documented.header, column) {
			t.Logf("%s has no column %q to compare with", page, column)
			continue
		}
		for _, row := range measured.rows {
			if want := documented.cell(row[:2], column); row[i] != want {
				t.Errorf("%s has %q for %q and %s, but %q is measured", page, want, row[:2], column, row[i])
			}
		}
	}
	if len(documented.rows) != len(measured.rows) {
		t.Errorf("%s has %d rows, but %d are measured", page, len(documented.rows), len(measured.rows))
	}
}

// A table is one in Markdown.
type table struct {
	header []string
	rows   [][]string
}

// String returns the table in Markdown.
func (t table) String() string {
	var b strings.Builder
	write := func(row []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | ")) }
	write(t.header)
	b.WriteString(strings.Repeat("|---", len(t.header)) + "|\n")
	for _, row := range t.rows {
		write(row)
	}
	return b.String()
}

// parseTable returns the table in a page whose header begins with the cell first.
func parseTable(t *testing.T, text, first string) (found table) {
	t.Helper()
	_, text, ok := strings.Cut(text, "\n| "+first+" |")
	if !ok {
		t.Fatalf("%s has no table that begins with %q", page, first)
	}
	for line := range strings.Lines("| " + first + " |" + text) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		found.rows = append(found.rows, row)
	}
	if len(found.rows) < 3 {
		t.Fatalf("%s has an empty table", page)
	}
	found.header, found.rows = found.rows[0], found.rows[2:]
	return found
}

// cell returns the cell in the row that begins with two cells, in a column. It returns "" if there
// is none.
func (t table) cell(begin []string, column string) string {
	i := slices.Index(t.header, column)
	for _, row := range t.rows {
		if i >= 0 && len(row) > i && slices.Equal(row[:2], begin) {
			return row[i]
		}
	}
	return ""
}
