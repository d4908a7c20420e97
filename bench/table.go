//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// A report is what has been measured of a group.
type report struct {
	group
	versionText string
	skipped     string
	rows        []row
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// installedVersion returns the version number that the program gives, or "".
func (g group) installedVersion() string {
	out, _ := exec.Command(g.version[0], g.version[1:]...).CombinedOutput()
	// Some print the time first.
	for _, line := range strings.Split(string(out), "\n") {
		if i := strings.LastIndexAny(line, "]"); i >= 0 {
			line = line[i:]
		}
		if v := versionNumber.FindString(line); v != "" {
			return v
		}
	}
	return ""
}

// markdown returns the report as two tables: full load and half load.
func (r report) markdown(sizes []int) string {
	var t strings.Builder
	fmt.Fprintf(&t, "### %s\n\n", strings.TrimSpace(r.heading()))
	if r.skipped != "" {
		fmt.Fprintf(&t, "Skipped: %s.\n", r.skipped)
		return t.String()
	}
	r.table(&t, sizes, "QPS | CPU, µs | ratio", func(f figures) string {
		return fmt.Sprintf("%s | %.1f | %.2f", f.qpsText(), f.full.cpu/1000, f.full.ratio)
	})
	fmt.Fprint(&t, "\nAt half load:\n\n")
	r.table(&t, sizes, "CPU, µs | ratio", func(f figures) string {
		return fmt.Sprintf("%.1f | %.2f", f.half.cpu/1000, f.half.ratio)
	})
	return t.String()
}

// table writes a row for each contender with the same columns for each size.
func (r report) table(t *strings.Builder, sizes []int, columns string, cells func(figures) string) {
	n := strings.Count(columns, "|") + 1
	fmt.Fprint(t, "| |")
	for _, size := range sizes {
		fmt.Fprintf(t, " %d: %s |", size, columns)
	}
	fmt.Fprint(t, "\n|---|", strings.Repeat("--:|", n*len(sizes)), "\n")
	for _, row := range r.rows {
		fmt.Fprintf(t, "| %s |", row.name)
		for _, size := range sizes {
			if row.skipped != "" {
				fmt.Fprint(t, strings.Repeat(" – |", n))
				continue
			}
			fmt.Fprintf(t, " %s |", cells(row.figures[size]))
		}
		fmt.Fprintln(t)
	}
}

func (r report) heading() string {
	before, after, _ := strings.Cut(r.name, " without")
	if after != "" {
		after = ", without" + after
	}
	return before + " " + r.versionText + after
}

// qpsText gives queries per second in thousands, with a mark where dnsperf could
// not ask faster.
func (f figures) qpsText() string {
	mark := ""
	if f.driverBound {
		mark = "> "
	}
	return fmt.Sprintf("%s%.1fk", mark, f.qps/1000)
}
