package quote

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzOneLine(f *testing.F) {
	f.Add("a\r\nb")
	f.Add("\xe2\x80\xa8" + strings.Repeat("\xff", 100))
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{Word(text), Quoted(text), Line(text)} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
				t.Errorf("%q becomes %q", text, got)
			}
		}
		if n := utf8.RuneCountInString(Word(text)); n > 10*MaxRunes+3 {
			t.Errorf("%q is shown with %d characters", text, n)
		}
	})
}
