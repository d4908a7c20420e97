package ranking

import (
	"strings"
	"testing"
	"unicode"
)

func FuzzMask(f *testing.F) {
	for _, word := range []string{"255.255.248.0", "/21", "21", "0x7ff", "0xffffffff", "255.0.255.0", "::", "0x", "", "/", "255.255.255.0.0", "31", "000000ff", "10.0.0.0/8"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		n, err := ParseMask(word)
		if err == nil && (n < ClassfulMask || n > 32) {
			t.Errorf("ParseMask(%q) = %d", word, n)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("ParseMask(%q) says %q", word, err)
		}
	})
}
