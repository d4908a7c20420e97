package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// zones counts the zones that freshZone returned.
var zones atomic.Int32

// freshZone returns the name of a zone that no other test of this process uses. Turns are counted
// for the whole process, so only the names of a fresh zone are certain to start at turn 0.
func freshZone() string { return fmt.Sprintf("zone%d.example", zones.Add(1)) }

// zoneFile writes a file for the zone example.org with SOA, NS and these records, and returns its
// path.
func zoneFile(t *testing.T, records string) string {
	t.Helper()
	return zoneFileOf(t, "example.org", records)
}

// zoneFileOf is zoneFile for another origin.
func zoneFileOf(t *testing.T, origin, records string) string {
	t.Helper()
	text := "$ORIGIN " + dns.Fqdn(origin) + `
$TTL 300
@ IN SOA ns hostmaster 1 7200 900 1209600 300
@ IN NS ns
ns IN A 192.0.2.53
` + records
	return writeFile(t, "db."+origin, text)
}

// writeFile writes a file that is removed when the test ends, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// host returns A and AAAA records for name, in the order of addresses.
func host(name, addresses string) string {
	var b strings.Builder
	for _, a := range strings.Fields(addresses) {
		qtype := "A"
		if strings.Contains(a, ":") {
			qtype = "AAAA"
		}
		fmt.Fprintf(&b, "%s 300 IN %s %s\n", name, qtype, a)
	}
	return b.String()
}

// rrs parses the records in text, one per line.
func rrs(t *testing.T, text string) (all []dns.RR) {
	t.Helper()
	p := dns.NewZoneParser(strings.NewReader(text), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		all = append(all, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// rotated returns the words of s, rotated left by n.
func rotated(s string, n int) string {
	words := strings.Fields(s)
	n %= len(words)
	return strings.Join(append(words[n:len(words):len(words)], words[:n]...), " ")
}
