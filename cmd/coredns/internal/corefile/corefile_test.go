package corefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

func TestRefusalOfACorefileInUTF16(t *testing.T) {
	const refused = "Corefile:1 - Unknown directive"
	for _, test := range []struct{ name, corefile, want string }{
		{"UTF-16", "\xff\xfe.\x00", refused + ": the Corefile is in UTF-16: save it as UTF-8"},
		{"UTF-8", ". {}", refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Refusal(caddy.CaddyfileInput{Contents: []byte(test.corefile)}, errors.New(refused))
			if got != test.want {
				t.Errorf("Refusal says %q, want %q", got, test.want)
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
