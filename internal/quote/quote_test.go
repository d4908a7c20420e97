package quote

import (
	"strings"
	"testing"
)

func TestWordAndQuoted(t *testing.T) {
	full, over := strings.Repeat("é", MaxRunes), strings.Repeat("é", MaxRunes+1)
	for _, test := range []struct{ name, word, plain, quoted string }{
		{"a word", "10.0.0.0/8", `10.0.0.0/8`, `"10.0.0.0/8"`},
		{"not ASCII", "zürich", `zürich`, `"zürich"`},
		{"a backslash", `C:\x`, `C:\x`, `"C:\\x"`},
		{"a replacement character", "a\ufffdb", "a\ufffdb", "\"a\ufffdb\""},
		{"nothing", "", `""`, `""`},
		{"a space", "a b", `"a b"`, `"a b"`},
		{"a quotation mark", `a"b`, `"a\"b"`, `"a\"b"`},
		{"a line break", "a\nb", `"a\nb"`, `"a\nb"`},
		{"an escape sequence", "\x1b[31m", `"\x1b[31m"`, `"\x1b[31m"`},
		{"a control character above ASCII", "a\u009bb", `"a\u009bb"`, `"a\u009bb"`},
		{"a change of direction", "a\u202eb", `"a\u202eb"`, `"a\u202eb"`},
		{"a line separator", "a\u2028b", `"a\u2028b"`, `"a\u2028b"`},
		{"not UTF-8", "a\xffb", `"a\xffb"`, `"a\xffb"`},
		{"as long as is shown", full, full, `"` + full + `"`},
		{"longer than is shown", over, full + "…", `"` + full + `"…`},
		{"a line break behind what is shown", full + "\n", full + "…", `"` + full + `"…`},
		{"a line break before the end of what is shown", "\n" + full, `"\n` + full[2:] + `"…`, `"\n` + full[2:] + `"…`},
	} {
		if got := Word(test.word); got != test.plain {
			t.Errorf("%s: the word is %s, want %s", test.name, got, test.plain)
		}
		if got := Quoted(test.word); got != test.quoted {
			t.Errorf("%s: quoted it is %s, want %s", test.name, got, test.quoted)
		}
	}
}

func TestLine(t *testing.T) {
	long := strings.Repeat("a path ", 100)
	for text, want := range map[string]string{
		"":                         "",
		"/a b/\"c\"\\d":            "/a b/\"c\"\\d",
		"a\nb\tc\x00d":             `a\nb\tc\x00d`,
		"\x1b[31mred\u202e\u2028é": `\x1b[31mred\u202e\u2028é`,
		"a\xff\xe2\x82b\ufffd":     `a\xff\xe2\x82b` + "\ufffd",
		long:                       long,
	} {
		if got := Line(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
