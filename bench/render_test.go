//go:build linux

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestReadmeAndPlotAreThoseOfTheResults(t *testing.T) {
	r, err := loadResults()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	updated, err := r.updateTables(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	if updated != string(readme) {
		t.Errorf("the tables in %s are not those of %s: run go run -C bench . -render", readmePath, resultsPath)
	}
	svg, err := os.ReadFile(plotPath)
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.svg()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(svg, want) {
		t.Errorf("%s is not the plot of %s: run go run -C bench . -render", plotPath, resultsPath)
	}
}

func TestTablesNeedTheirPlace(t *testing.T) {
	for _, readme := range []string{"", tablesBegin, tablesEnd, tablesEnd + tablesBegin} {
		if _, err := (results{}).updateTables(readme); err == nil {
			t.Errorf("%q: no error", readme)
		}
	}
}

// example has two variants with figures, one that was skipped, and a group that was skipped.
func example() results {
	withFigures := func(name string, ratio float64) variantResult {
		f := figures{
			QPS:  54321,
			Full: cost{CPU: 12.34, Ratio: ratio, Low: ratio - 0.02, High: ratio + 0.01},
			Half: cost{CPU: 23.45, Ratio: ratio, Low: ratio, High: ratio + 0.03},
		}
		return variantResult{Name: name, PlotLabel: "plotted " + name, Figures: map[int]figures{3: f, 10: f}}
	}
	return results{Sizes: []int{3, 10}, Groups: []groupResult{
		{Name: "server", Version: "1.2", Note: "with a note", Variants: []variantResult{
			withFigures("a", 1.05),
			withFigures("b", 20),
			{Name: "c", PlotLabel: "plotted c", Skipped: "did not start"},
		}},
		{Name: "other", Skipped: "not installed"},
	}}
}

func TestMarkdown(t *testing.T) {
	r := example()
	r.Groups[0].Variants[1].Figures[10] = figures{QPS: 99960, DnsperfBound: true}
	want := `### server 1.2, with a note

| | 3: QPS | CPU, µs | ratio | 10: QPS | CPU, µs | ratio |
|---|--:|--:|--:|--:|--:|--:|
| a | 54.3k | 12.3 | 1.05 (1.03–1.06) | 54.3k | 12.3 | 1.05 (1.03–1.06) |
| b | 54.3k | 12.3 | 20.00 (19.98–20.01) | > 100.0k | 0.0 | 0.00 (0.00–0.00) |
| c | – | – | – | – | – | – |

At half load:

| | 3: CPU, µs | ratio | 10: CPU, µs | ratio |
|---|--:|--:|--:|--:|
| a | 23.4 | 1.05 (1.05–1.08) | 23.4 | 1.05 (1.05–1.08) |
| b | 23.4 | 20.00 (20.00–20.03) | 0.0 | 0.00 (0.00–0.00) |
| c | – | – | – | – |
`
	if got := r.Groups[0].markdown(r.Sizes); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := r.Groups[1].markdown(r.Sizes), "### other\n\nSkipped: not installed.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// drawn returns the plot of r, which must be well-formed XML.
func drawn(t *testing.T, r results) string {
	t.Helper()
	svg, err := r.svg()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return string(svg)
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestPlotHasTheVariantsWithFigures(t *testing.T) {
	svg := drawn(t, example())
	for _, text := range []string{
		"plotted a", "plotted b", "3 addresses", "10 addresses", "20.00 →", "ratio at full load",
	} {
		if !strings.Contains(svg, text) {
			t.Errorf("no text %q in the plot", text)
		}
	}
	if strings.Contains(svg, "plotted c") {
		t.Error("a variant without figures is in the plot")
	}
	if _, err := (results{}).svg(); err == nil {
		t.Error("a plot of nothing is no error")
	}
}

func TestPlotHasAnOpaqueBackground(t *testing.T) {
	svg := drawn(t, example())
	size := regexp.MustCompile(`viewBox="0 0 ([\d.]+) ([\d.]+)"`).FindStringSubmatch(svg)
	if size == nil {
		t.Fatalf("no viewBox in\n%s", svg)
	}
	background := fmt.Sprintf(`<path d="M0,0L%s,0L%[1]s,%[2]sL0,%[2]sZ" style="fill:#FFFFFF" />`, size[1], size[2])
	if first := strings.Index(svg, "<path"); !strings.HasPrefix(svg[first:], background) {
		t.Errorf("the plot does not begin with %s", background)
	}
}

func TestPlotHasABarForEachRatioThatFits(t *testing.T) {
	r := example()
	all := drawn(t, r)
	variants := r.Groups[0].Variants
	variants[0].Figures[3] = variants[1].Figures[3] // 20.00, beyond the edge
	fewer := drawn(t, r)
	// A bar is a line between two caps.
	if got := strings.Count(all, "<path") - strings.Count(fewer, "<path"); got != 3 {
		t.Errorf("%d lines fewer, want 3", got)
	}
}
