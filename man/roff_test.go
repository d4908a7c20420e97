package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestPagesAreUpToDate(t *testing.T) {
	for _, p := range pages {
		want, err := p.roff()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p.path())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what %s gives: run go generate ./man", p.path(), p.source)
		}
	}
}

// example is a page about nothing.
var example = page{name: "example", section: 5, source: "docs/example.md", manual: "Examples"}

func TestMarkdownBecomesRoff(t *testing.T) {
	const pageStart = ".nh\n.nr HY 0\n" + `.\" Generated from docs/example.md by go generate ./man
.TH "EXAMPLE" 5 "November 2026" "CoreDNS" "Examples"
.SH NAME`
	for name, tc := range map[string]struct{ markdown, roff string }{
		"section":                {"## See Also", "\n.SH SEE ALSO"},
		"subsection":             {"### Of a zone", "\n.SS Of a zone"},
		"paragraphs":             {"one\ntwo\n\nthree", "\none\ntwo\n.PP\nthree\n"},
		"list":                   {"* one\n  more\n* two", "\n.IP \\(bu 2\none\nmore\n.IP \\(bu 2\ntwo\n"},
		"code block":             {"```corefile\n. {\n  log\n}\n```", "\n.PP\n.RS\n.EX\n\\&. {\n  log\n}\n.EE\n.RE\n"},
		"markup in a code block": {"```\n* `a` *b*\n```", "\n.PP\n.RS\n.EX\n* \\(gaa\\(ga *b*\n.EE\n.RE\n"},
		"code":                   {"the `-conf '~'`", "\nthe \\fB\\-conf \\(aq\\(ti\\(aq\\fR\n"},
		"hyphen and apostrophe":  {"a client's own-subnet", "\na client's own-subnet\n"},
		"emphasis":               {"the *file* plugin", "\nthe \\fIfile\\fP plugin\n"},
		"strong emphasis":        {"**ZONES** are", "\n\\fBZONES\\fP are\n"},
		"link":                   {"[Go](https://go.dev/a-b)", "\nGo\n\\[la]https://go.dev/a\\-b\\[ra]\n"},
		"link to a file":         {"[the *page*](docs/it.md) says", "\nthe \\fIpage\\fP says\n"},
		"line like a macro":      {"a\n.com", "\na\n\\&.com\n"},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := toRoff(example, []byte("# it\n\n## Name\n\n"+tc.markdown+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			got, found := strings.CutPrefix(string(page), pageStart)
			if !found {
				t.Fatalf("the page starts with\n%s, want\n%s", page, pageStart)
			}
			if got != tc.roff {
				t.Errorf("%q becomes\n%q, want\n%q", tc.markdown, got, tc.roff)
			}
		})
	}
}

func TestPageWithoutNameIsRefused(t *testing.T) {
	_, err := toRoff(example, []byte("# it\n\n## Description\n"))
	if err == nil || !strings.Contains(err.Error(), "no section Name") {
		t.Errorf("error %v, want one that says there is no section Name", err)
	}
}

// groff warns of macros that it does not know and of tables that are too wide.
func TestGroffHasNoWarnings(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	for _, p := range pages {
		cmd := exec.Command(groff, "-Kutf8", "-t", "-man", "-ww", "-Tutf8", p.path())
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("groff %s: %v\n%s", p.path(), err, &warnings)
		}
	}
}

// whatis and apropos find a page by the names in its first section, if each is one word.
func TestWhatisFindsThePages(t *testing.T) {
	lexgrog, err := exec.LookPath("lexgrog")
	if err != nil {
		t.Skip("lexgrog is not installed")
	}
	for _, tc := range []struct{ page, name string }{
		{"coredns-ordering.7", "ordering"},
		{"coredns-explain.1", "coredns-explain"},
		{"coredns-explain.1", "coredns-check"},
	} {
		out, err := exec.Command(lexgrog, tc.page).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"`+tc.name+" - ") {
			t.Errorf("lexgrog %s: %v, want a description of %s in\n%s", tc.page, err, tc.name, out)
		}
	}
}

// Man pages hyphenate words by default, and a property's name must stay in one piece.
func TestNoWordIsHyphenated(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	words := strings.Repeat("canonical authoritative ", 20)
	page, err := toRoff(example, []byte("# it\n\n## Name\n\n"+words+"\n\n## List\n\n* "+words+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(groff, "-man", "-Tutf8")
	cmd.Stdin = bytes.NewReader(page)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	const hyphen = "\u2010"
	if !bytes.Contains(text, []byte("canonical")) || bytes.Contains(text, []byte(hyphen)) {
		t.Errorf("no words, or hyphens in them:\n%s", text)
	}
}
