package corefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
)

func TestRefusalOfFilesWithAByteOrderMark(t *testing.T) {
	const refused = "Corefile:1 - Unknown directive"
	zone := func(text string) error {
		parser := dns.NewZoneParser(strings.NewReader(text), "example.org.", "zone")
		for _, ok := parser.Next(); ok; _, ok = parser.Next() {
		}
		return parser.Err()
	}
	for _, test := range []struct {
		name, corefile string
		err            error
		want           string
	}{
		{"Corefile in UTF-16", "\xff\xfe.\x00", errors.New(refused), refused + ": the Corefile is in UTF-16: save it as UTF-8"},
		{"Corefile in UTF-8", ". {}", errors.New(refused), refused},
		{"zone in UTF-16", ". {}", zone("\xff\xfe;\x00\n\x00"), "save the zone file as ASCII or as UTF-8 without a byte order mark"},
		{"zone with a mark", ". {}", zone("\ufeff; a comment\n"), "save the zone file as ASCII or as UTF-8 without a byte order mark"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.err == nil {
				t.Fatal("the zone is not refused")
			}
			got := Refusal(caddy.CaddyfileInput{Contents: []byte(test.corefile)}, test.err)
			if !strings.HasSuffix(got, test.want) {
				t.Errorf("Refusal says %q, want %q at the end", got, test.want)
			}
		})
	}
}

func TestReadSaysHowToNameACorefile(t *testing.T) {
	_, err := Read(filepath.Join(t.TempDir(), "Corefile"))
	if !errors.Is(err, os.ErrNotExist) || !strings.HasSuffix(err.Error(), ": name the server's Corefile with -conf") {
		t.Errorf("Read fails with %v", err)
	}
}
