package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestPageIsUpToDate(t *testing.T) {
	readme, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	want, err := roff(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what README.md makes: run go generate ./man", page)
	}
}

func TestMarkdownBecomesRoff(t *testing.T) {
	for name, c := range map[string]struct{ markdown, roff string }{
		"heading":                 {"## See Also", ".SH \"SEE ALSO\"\n"},
		"heading below":           {"### Of a zone", ".SS \"OF A ZONE\"\n"},
		"paragraph":               {"one\ntwo\n\nthree", ".PP\none\ntwo\n.PP\nthree\n"},
		"list":                    {"* one\n  more\n* two", ".IP \\(bu 4\none\nmore\n.IP \\(bu 4\ntwo\n"},
		"list and paragraph":      {"* one\n\ntwo", ".IP \\(bu 4\none\n.PP\ntwo\n"},
		"block":                   {"```corefile\n. {\n  log\n}\n```", ".PP\n.RS\n.nf\n\\&. {\n  log\n}\n.fi\n.RE\n"},
		"mark in a block":         {"```\n* `a` *b*\n```", ".PP\n.RS\n.nf\n* \\(gaa\\(ga *b*\n.fi\n.RE\n"},
		"code":                    {"the `answer_limit`", ".PP\nthe \\fBanswer\\_limit\\fR\n"},
		"emphasis":                {"the *file* plugin", ".PP\nthe \\fIfile\\fP plugin\n"},
		"strong":                  {"**ZONES** are", ".PP\n\\fBZONES\\fP are\n"},
		"emphasis over a line":    {"the *file\nplugin*", ".PP\nthe \\fIfile\nplugin\\fP\n"},
		"link":                    {"[Go](https://go.dev)", ".PP\nGo \\[la]https://go.dev\\[ra]\n"},
		"link in the tree":        {"[it](docs/it.md)", ".PP\nit\n"},
		"backslash":               {`a\b`, ".PP\na\\eb\n"},
		"request":                 {".com", ".PP\n\\&.com\n"},
		"apostrophe in front":     {"'tis", ".PP\n\\(aqtis\n"},
		"star that marks nothing": {"2 * 3", ".PP\n2 * 3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := roff("# it\n\n## Name\n\n" + c.markdown + "\n")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(got, header+".SH \"NAME\"\n"); got != c.roff {
				t.Errorf("%q becomes\n%q, want\n%q", c.markdown, got, c.roff)
			}
		})
	}
}

func TestPageNeedsAReadmeThatItCanRead(t *testing.T) {
	for readme, want := range map[string]string{
		"# it\n\n## Description\n":         "no section Name",
		"# it\n\n## Name\n\n```\nno end\n": "does not end",
	} {
		if _, err := roff(readme); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", readme, err, want)
		}
	}
}

func TestFormatterFindsNothingWrongWithThePage(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	var complaints bytes.Buffer
	cmd := exec.Command(groff, "-man", "-ww", "-Tutf8", page)
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, &complaints)
	}
}
