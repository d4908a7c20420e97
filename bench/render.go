//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	readmePath = "README.md"
	plotPath   = "cost.svg"
)

// The tables in README.md are between these two lines.
const (
	tablesBegin = "<!-- Tables written by go run -C bench . -write; do not edit. -->"
	tablesEnd   = "<!-- End of the tables. -->"
)

// renderSaved updates README.md and cost.svg from results.json.
func renderSaved() error {
	r, err := loadResults()
	if err != nil {
		return err
	}
	return r.render()
}

// render updates the tables in README.md and writes cost.svg.
func (r results) render() error {
	text, err := os.ReadFile(readmePath)
	if err != nil {
		return err
	}
	updated, err := r.updateTables(string(text))
	if err != nil {
		return err
	}
	svg, err := r.svg()
	if err != nil {
		return err
	}
	if err := os.WriteFile(readmePath, []byte(updated), 0o644); err != nil {
		return err
	}
	return os.WriteFile(plotPath, svg, 0o644)
}

// updateTables returns the text of README.md with the tables replaced.
func (r results) updateTables(readme string) (string, error) {
	head, rest, begins := strings.Cut(readme, tablesBegin)
	_, tail, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return "", fmt.Errorf("%s: the tables go between the lines %q and %q: add them", readmePath, tablesBegin, tablesEnd)
	}
	var tables string
	for _, g := range r.Groups {
		tables += g.markdown(r.Sizes) + "\n"
	}
	return head + tablesBegin + "\n\n" + tables + tablesEnd + tail, nil
}
