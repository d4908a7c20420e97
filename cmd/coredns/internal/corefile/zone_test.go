package corefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin/file"
)

// A zone file as Windows writes it is refused, and the message says what to do.
func TestRefusalOfAZoneFromWindows(t *testing.T) {
	const (
		zone = "$TTL 3600\r\n@\tIN  SOA dc1 hostmaster (\r\n\t42 900 600 86400 3600 )\r\n@\tNS\tdc1\r\n"
		aged = "remove the time stamps of aging, which Windows writes as [AGE:…], from all records"
		mark = "save the zone file as ASCII or as UTF-8 without a byte order mark"
	)
	for _, test := range []struct{ name, zone, want string }{
		{"no $TTL", strings.TrimPrefix(zone, "$TTL 3600\r\n"), "which Windows and BIND use where a record has no TTL"},
		{"UTF-8 with a mark", "\ufeff" + zone, mark},
		{"UTF-8 with a mark, and a comment first", "\ufeff;\r\n" + zone, mark},
		{"UTF-16", "\xff\xfe" + strings.ReplaceAll(zone, "", "\x00")[1:], mark},
		{"WINS", zone + "@\t0\tWINS\tLOCAL L2 C900 ( 10.1.0.7  )\r\n", "remove this WINS record, which file does not know"},
		{"WINS with a class", zone + "@ 0 IN WINS LOCAL L2 C900 ( 10.1.0.7  )\r\n", "remove this WINS record, which file does not know"},
		{"WINSR", zone + "@\t0\tWINSR\tL2 C900 ( example.org. )\r\n", "remove this WINSR record, which file does not know"},
		{"WKS", zone + "pc\tA\t10.1.0.20\r\n\tWKS\t10.1.0.20 TCP ( smtp )\r\n", "remove this WKS record, which file does not know"},
		{"aging", zone + "pc\t[AGE:3640560]\t1200\tA\t10.1.0.20\r\n", aged},
		{"aging of a second record", zone + "pc\tA\t10.1.0.20\r\n\t[AGE:3640560]\t1200\tA\t10.1.0.21\r\n", aged},
		{"a mistake of another kind", zone + "pc\tA\t10.1.0.256\r\n", ` at line: 5:16`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "example.org.dns")
			if err := os.WriteFile(path, []byte(test.zone), 0o644); err != nil {
				t.Fatal(err)
			}
			text, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer text.Close()
			if _, err = file.Parse(text, "example.org.", path, 0); err == nil {
				t.Fatal("the zone is not refused")
			}
			got := Refusal(caddy.CaddyfileInput{}, err)
			if !strings.HasPrefix(got, err.Error()) || !strings.HasSuffix(got, test.want) {
				t.Errorf("Refusal says %q, want %q at the end", got, test.want)
			}
		})
	}
}
