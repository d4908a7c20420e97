package network

import (
	"strings"
	"testing"
	"unicode"
)

func FuzzParse(f *testing.F) {
	for _, word := range []string{"10.0.0.0/8;", "10.1./16", "[::1]:53", "10.*.*", "::ffff:10.0.0.0/104", "a\nb", "*.*.*", "//", ".", ".."} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		n, err := Parse(word)
		switch {
		case err == nil && (!n.IsValid() || n != n.Masked() || n.Addr().Is4In6()):
			t.Errorf("%q is %v", word, n)
		case err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl):
			t.Errorf("%q gives %q", word, err)
		case err != nil:
			_, mended, found := strings.Cut(err.Error(), ": did you mean ")
			if _, again := Parse(strings.TrimSuffix(mended, "?")); found && again != nil {
				t.Errorf("%q gives %q, which gives %q", word, err, again)
			}
		}
	})
}
