//go:build linux

package main

import (
	"fmt"
	"strings"
)

// markdown returns a heading, the conditions, and two tables: at full load and at half load.
func (r groupResult) markdown(sizes []int) string {
	var t strings.Builder
	fmt.Fprintf(&t, "### %s\n\n", r.heading())
	if r.Skipped != "" {
		fmt.Fprintf(&t, "Skipped: %s.\n", r.Skipped)
		return t.String()
	}
	if r.Conditions != "" {
		fmt.Fprintf(&t, "%s\n\n", r.Conditions)
	}
	r.writeTable(&t, sizes, "QPS | CPU, µs | ratio", func(f figures) string {
		return fmt.Sprintf("%s | %.1f | %s", f.qpsText(), f.Full.CPU, f.Full.ratioText())
	})
	fmt.Fprint(&t, "\nAt half load:\n\n")
	r.writeTable(&t, sizes, "CPU, µs | ratio", func(f figures) string {
		return fmt.Sprintf("%.1f | %s", f.Half.CPU, f.Half.ratioText())
	})
	return t.String()
}

// writeTable writes a row for each variant. Each size has the same columns; cells returns their
// text.
func (r groupResult) writeTable(t *strings.Builder, sizes []int, columns string, cells func(figures) string) {
	n := strings.Count(columns, "|") + 1
	fmt.Fprint(t, "| |")
	for _, size := range sizes {
		fmt.Fprintf(t, " %d: %s |", size, columns)
	}
	fmt.Fprint(t, "\n|---|", strings.Repeat("--:|", n*len(sizes)), "\n")
	for _, v := range r.Variants {
		fmt.Fprintf(t, "| %s |", v.Name)
		for _, size := range sizes {
			if v.Skipped != "" {
				fmt.Fprint(t, strings.Repeat(" – |", n))
				continue
			}
			fmt.Fprintf(t, " %s |", cells(v.Figures[size]))
		}
		fmt.Fprintln(t)
	}
}

func (r groupResult) heading() string {
	heading := strings.TrimSpace(r.Name + " " + r.Version)
	if r.Note != "" {
		heading += ", " + r.Note
	}
	return heading
}

// ratioText returns the ratio, with its quartiles in brackets.
func (c cost) ratioText() string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", c.Ratio, c.Low, c.High)
}

// qpsText returns thousands of queries per second, marked with ">" where the server could have
// answered more than dnsperf sent.
func (f figures) qpsText() string {
	mark := ""
	if f.DnsperfBound {
		mark = "> "
	}
	return fmt.Sprintf("%s%.1fk", mark, f.QPS/1000)
}
