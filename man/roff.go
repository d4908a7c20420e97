package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/russross/blackfriday/v2"
)

// title returns the first line of the page, in the form that go-md2man expects. CoreDNS's own manual
// pages have the same fields.
func (p page) title() string {
	return fmt.Sprintf("%% %q %d %q %q %q\n\n", strings.ToUpper(p.name), p.section, "November 2026", "CoreDNS", p.manual)
}

// toRoff returns the manual page for Markdown in CoreDNS's form. The page starts with the section
// Name; toRoff returns an error if there is no such section.
func toRoff(p page, markdown []byte) ([]byte, error) {
	const name = "\n## Name\n"
	start := bytes.Index(markdown, []byte(name))
	if start < 0 {
		return nil, errors.New("no section Name, with which a manual page starts: add the heading ## Name")
	}
	markdown = append([]byte(p.title()), markdown[start:]...)
	base := md2man.NewRoffRenderer()
	roff := blackfriday.Run(markdown,
		blackfriday.WithRenderer(renderer{base, p.source}),
		blackfriday.WithExtensions(base.GetExtensions()))
	// An empty line before a macro would be printed in addition to the macro's own space.
	return bytes.ReplaceAll(roff, []byte("\n\n."), []byte("\n.")), nil
}

// renderer writes roff as go-md2man does, with these differences: words are not hyphenated,
// headings of sections are in capitals, code blocks are indented, readers can copy code, and a link
// into the repository is only its text.
type renderer struct {
	blackfriday.Renderer
	source string // the path of the Markdown in the repository
}

// header follows what go-md2man writes at the top of a page, since a line that asks for a
// preprocessor must be the first. go-md2man turns hyphenation off with .nh, which groff's macros
// turn on again; they heed the register HY.
const header = `.nr HY 0
.\" Generated from %s by go generate ./man
`

// RenderHeader writes what comes before the title line.
func (r renderer) RenderHeader(w io.Writer, document *blackfriday.Node) {
	r.Renderer.RenderHeader(w, document)
	fmt.Fprintf(w, header, r.source)
}

// RenderNode writes one node to w.
func (r renderer) RenderNode(w io.Writer, node *blackfriday.Node, entering bool) blackfriday.WalkStatus {
	switch {
	case node.Type == blackfriday.Text && node.Parent.Type == blackfriday.Heading && node.Parent.Level == 2:
		node.Literal = bytes.ToUpper(node.Literal)
	case node.Type == blackfriday.Code:
		return r.renderCode(w, node)
	case node.Type == blackfriday.CodeBlock:
		io.WriteString(w, "\n.PP\n.RS")
		r.renderCode(w, node)
		io.WriteString(w, ".RE\n")
		return blackfriday.GoToNext
	case node.Type == blackfriday.Link && !strings.Contains(string(node.Destination), "://"):
		return blackfriday.GoToNext // to the text of the link
	}
	return r.Renderer.RenderNode(w, node, entering)
}

// asciiCode makes roff print these characters as they are typed, and not as a hyphen, quotation
// marks and accents.
var asciiCode = strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// renderCode writes a code span or a code block, whose text readers can copy from the page.
func (r renderer) renderCode(w io.Writer, node *blackfriday.Node) blackfriday.WalkStatus {
	var roff strings.Builder
	status := r.Renderer.RenderNode(&roff, node, true)
	asciiCode.WriteString(w, roff.String())
	return status
}
