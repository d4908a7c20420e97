package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// examples/kubernetes reads the path of the kubeconfig from the environment.
func init() { os.Setenv("KUBECONFIG", "kubeconfig") }

// migrating returns the text of docs/migrating.md under a heading of the third level.
func migrating(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/migrating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("docs/migrating.md has no section %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n### ")
	return section
}

// startWith starts a server that has a zone with one more record.
func startWith(t *testing.T, record string) error {
	t.Helper()
	zone := filepath.Join(t.TempDir(), "zone")
	text := "$ORIGIN example.org.\n$TTL 300\n@ IN SOA ns hostmaster 1 24h 2h 30d 1h\n IN NS ns\nns IN A 192.0.2.53\n" + record + "\n"
	if err := os.WriteFile(zone, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := start(t, "example.org {\nordering\nfile "+zone+"\n}\n")
	return err
}

// refusedRecord matches a row of the table of records: the record and the message.
var refusedRecord = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|")

func TestFileRefusesTheRecordsOnThePage(t *testing.T) {
	rows := refusedRecord.FindAllStringSubmatch(migrating(t, "Records that CoreDNS refuses"), -1)
	if len(rows) == 0 {
		t.Fatal("the section has no table of records")
	}
	for _, row := range rows {
		record, message := row[1], row[2]
		t.Run(record, func(t *testing.T) {
			if err := startWith(t, record); err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("the server fails with %v, want %s", err, message)
			}
		})
	}
}

func TestMendedRecordsStart(t *testing.T) {
	aged := regexp.MustCompile(`\[AG[^]]*\]`) // as in the sed command of the page
	if !strings.Contains(migrating(t, "Records that CoreDNS refuses"), `s/\[AG[^]]*\]//`) {
		t.Error("the page shows another sed command than this test")
	}
	for _, record := range []string{
		aged.ReplaceAllString("host [AGE:3640560] 1200 A 10.1.0.20", ""),
		`host IN TYPE34 \# 11 0047007900010200000000`,
		`@ IN TYPE65281 \# 20 0001000000000005000003840000000` + "10a010007",
	} {
		t.Run(record, func(t *testing.T) {
			if err := startWith(t, record); err != nil {
				t.Error(err)
			}
		})
	}
}

// A zone as Windows exports it starts after the mend on the page, and not before.
func TestExportedZoneStarts(t *testing.T) {
	section := migrating(t, "Bring the zones over")
	for _, mend := range []string{`@('$TTL 3600') + `, `(echo '$TTL 3600'; sed 's/\[AG[^]]*\]//' example.org.dns)`} {
		if !strings.Contains(section, mend) {
			t.Errorf("the page does not have %s, which this test does", mend)
		}
	}
	_, exported, found := strings.Cut(section, "```txt\n;\n")
	if !found {
		t.Fatal("the section does not show an exported zone")
	}
	exported, _, _ = strings.Cut(exported, "```")
	exported = strings.ReplaceAll(exported, "\n", "\r\n") // as Windows ends lines
	mended := "$TTL 3600\n" + regexp.MustCompile(`\[AG[^]]*\]`).ReplaceAllString(exported, "")
	for _, test := range []struct{ name, zone, want string }{
		{"exported", exported, "missing TTL with no previous value"},
		{"mended", mended, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "zone")
			if err := os.WriteFile(path, []byte(test.zone), 0o644); err != nil {
				t.Fatal(err)
			}
			server, err := start(t, "example.org {\nordering\nfile "+path+"\n}\n")
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("the server fails with %v, want %s", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(dig(t, server, strings.Fields("dig www.example.org"))); len(got) != 2 {
				t.Errorf("www.example.org has the addresses %v, want 2", got)
			}
		})
	}
}

// A zone without a TTL whose records have their class starts, and has the TTL 0.
func TestZoneWithoutTTL(t *testing.T) {
	const says = "gives the TTL 0 to records that have their class"
	if page := strings.Join(strings.Fields(migrating(t, "Zone files")), " "); !strings.Contains(page, says) {
		t.Errorf("the page does not say %q", says)
	}
	const soa = "@ IN SOA ns.example.org. hostmaster.example.org. 1 7200 600 86400 3600\n"
	for _, test := range []struct {
		name, zone string
		want       uint32
	}{
		{"without", soa + "www IN A 10.1.0.80\n", 0},
		{"with the line of the page", "$TTL 3600\n" + soa + "www IN A 10.1.0.80\n", 3600},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "zone")
			if err := os.WriteFile(path, []byte(test.zone), 0o644); err != nil {
				t.Fatal(err)
			}
			server, err := start(t, "example.org {\nordering\nfile "+path+"\n}\n")
			if err != nil {
				t.Fatal(err)
			}
			res, err := dns.Exchange(new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA), server)
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Answer) != 1 || res.Answer[0].Header().Ttl != test.want {
				t.Errorf("the answer is %v, want TTL %d", res.Answer, test.want)
			}
		})
	}
}

// The Corefile on the page prefers addresses from 8 to 18 o'clock. The test moves these hours, so that
// now is inside or outside.
func TestOrderDependsOnTheTime(t *testing.T) {
	snippets := blocksOf("migrating.md", migrating(t, "An order that depends on the time"))
	if len(snippets) == 0 {
		t.Fatal("the section has no Corefile")
	}
	for _, test := range []struct {
		name        string
		from, until int // hours from now
		preferred   bool
	}{
		{"inside", 0, 1, true},
		{"before", 1, 24, false},
		{"after", -24, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for {
				hour := time.Now().Hour()
				corefile := strings.NewReplacer(">= 8", ">= "+strconv.Itoa(hour+test.from),
					"< 18", "< "+strconv.Itoa(hour+test.until)).Replace(snippets[0].text)
				server, err := start(t, corefile)
				if err != nil {
					t.Fatal(err)
				}
				firsts := map[string]bool{}
				for range 6 {
					firsts[strings.Fields(dig(t, server, strings.Fields("dig www.example.org")))[0]] = true
				}
				if time.Now().Hour() != hour {
					continue // the hour changed between the queries
				}
				if preferred := !firsts["198.51.100.10"]; preferred != test.preferred {
					t.Errorf("the first addresses are %v, want 192.0.2.0/25 preferred: %v", firsts, test.preferred)
				}
				return
			}
		})
	}
}

func TestDecimalMasksOnThePageAreTheDWORDs(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| (0x[0-9a-f]{8}) \\| .* \\| `netmask (0x[0-9a-f]{8})`")
	rows := row.FindAllStringSubmatch(migrating(t, "LocalNetPriorityNetMask"), -1)
	if len(rows) < 5 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, r := range rows {
		decimal, err := strconv.ParseUint(r[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		dword, err := strconv.ParseUint(r[2], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		if decimal != dword || r[2] != r[3] {
			t.Errorf("%v are three values, want one", slices.Clone(r[1:]))
		}
	}
}
