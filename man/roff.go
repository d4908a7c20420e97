package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// header is that of CoreDNS's own manual pages.
const header = `.\" Generated from README.md by go generate
.TH "COREDNS-ORDERING" 7 "November 2026" "CoreDNS" "CoreDNS Plugins"
`

// roff returns the manual page that a README in CoreDNS's form makes: from the section Name on, with headings of two levels,
// paragraphs, lists, fenced blocks, and in the text code, emphasis and links.
func roff(readme string) (string, error) {
	_, text, found := strings.Cut(readme, "\n## Name\n")
	if !found {
		return "", errors.New("no section Name: manual pages begin with it")
	}
	p := &printer{}
	p.WriteString(header)
	for line := range strings.Lines("## Name\n" + text) {
		p.line(strings.TrimRight(line, "\n"))
	}
	p.endParagraph()
	if p.fenced {
		return "", errors.New("the last fenced block does not end")
	}
	return p.String(), nil
}

// A printer writes roff for lines of Markdown.
type printer struct {
	strings.Builder
	paragraph []string // lines since it began
	item      bool     // the paragraph is an item of a list
	fenced    bool     // between fences
}

func (p *printer) line(line string) {
	switch fence := strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~"); {
	case fence && p.fenced:
		p.WriteString(".fi\n.RE\n")
		p.fenced = false
	case p.fenced:
		p.WriteString(guard(escape(line)) + "\n")
	case fence:
		p.endParagraph()
		p.WriteString(".PP\n.RS\n.nf\n")
		p.fenced = true
	case strings.HasPrefix(line, "## "):
		p.heading(".SH", line[3:])
	case strings.HasPrefix(line, "### "):
		p.heading(".SS", line[4:])
	case line == "":
		p.endParagraph()
	case strings.HasPrefix(line, "* "):
		p.endParagraph()
		p.item = true
		p.paragraph = append(p.paragraph, line[2:])
	default:
		p.paragraph = append(p.paragraph, strings.TrimSpace(line))
	}
}

func (p *printer) heading(macro, title string) {
	p.endParagraph()
	fmt.Fprintf(p, "%s \"%s\"\n", macro, strings.ToUpper(title))
}

// endParagraph writes the paragraph at hand, if there is one.
func (p *printer) endParagraph() {
	if len(p.paragraph) == 0 {
		return
	}
	if p.item {
		p.WriteString(".IP \\(bu 4\n")
	} else {
		p.WriteString(".PP\n")
	}
	for line := range strings.SplitSeq(inline(strings.Join(p.paragraph, "\n")), "\n") {
		p.WriteString(guard(line) + "\n")
	}
	p.paragraph, p.item = nil, false
}

// escape keeps a text from being read as roff.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `_`, `\_`, `'`, `\(aq`, "`", "\\(ga").Replace(text)
}

// guard keeps a line from being read as a request.
func guard(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// span is code, a link, strong or emphasized text.
var span = regexp.MustCompile("`([^`]+)`|\\[([^]]+)\\]\\(([^)]+)\\)|\\*\\*([^*]+)\\*\\*|\\*([^*]+)\\*")

// inline returns text with what is marked in it, in roff.
func inline(text string) string {
	var b strings.Builder
	end := 0
	for _, m := range span.FindAllStringSubmatchIndex(text, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		b.WriteString(escape(text[end:m[0]]))
		switch code, name, target, strong := group(1), group(2), group(3), group(4); {
		case code != "":
			b.WriteString(`\fB` + escape(code) + `\fR`)
		case name != "":
			b.WriteString(link(name, target))
		case strong != "":
			b.WriteString(`\fB` + escape(strong) + `\fP`)
		default:
			b.WriteString(`\fI` + escape(group(5)) + `\fP`)
		}
		end = m[1]
	}
	b.WriteString(escape(text[end:]))
	return b.String()
}

// link returns the name of a link with its target, where that says more outside of the repository.
func link(name, target string) string {
	if !strings.Contains(target, "://") || name == target {
		return escape(name)
	}
	return escape(name) + ` \[la]` + escape(target) + `\[ra]`
}
