// Command man writes the manual pages from Markdown: coredns-ordering(7) from docs/reference.md and
// coredns-explain(1) from docs/explain.md. Run it with go generate after each change to these; a
// test fails while a page differs from its source.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run .

// A page is a manual page.
type page struct {
	name    string
	section int
	source  string // the path of its Markdown in the repository
	manual  string // the name of the manual that it belongs to
}

var pages = []page{
	{name: "coredns-ordering", section: 7, source: "docs/reference.md", manual: "CoreDNS Plugins"},
	{name: "coredns-explain", section: 1, source: "docs/explain.md", manual: "CoreDNS"},
}

// path returns where the page is, relative to this directory.
func (p page) path() string { return fmt.Sprintf("%s.%d", p.name, p.section) }

// roff returns the page that its source gives. This directory must be the working directory, as it
// is for go generate and go test.
func (p page) roff() ([]byte, error) {
	markdown, err := os.ReadFile(filepath.Join("..", p.source))
	if err != nil {
		return nil, err
	}
	text, err := toRoff(p, markdown)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.source, err)
	}
	return text, nil
}

func main() {
	for _, p := range pages {
		text, err := p.roff()
		if err == nil {
			err = os.WriteFile(p.path(), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "man:", err)
			os.Exit(1)
		}
	}
}
