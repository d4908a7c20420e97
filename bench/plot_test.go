//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// crowded has lines that end close together, and a row without figures.
func crowded() (sizes []int, reports []report) {
	sizes = []int{3, 10, 100}
	var rows []row
	for i, ratio := range []float64{1.05, 1.04, 1.06, 20} {
		figures := map[int]figures{}
		for _, size := range sizes {
			figures[size] = figuresOf(ratio)
		}
		rows = append(rows, row{contender: contender{name: "a", line: string(rune('a' + i))}, figures: figures})
	}
	rows = append(rows, row{contender: contender{name: "b", line: "absent"}, skipped: "did not start"})
	return sizes, []report{{rows: rows}, {skipped: "not installed"}}
}

func figuresOf(ratio float64) figures {
	c := cost{cpu: 12345, ratio: ratio}
	return figures{qps: 54321, full: c, half: c}
}

func TestPlotIsWellFormed(t *testing.T) {
	sizes, reports := crowded()
	svg := plot(sizes, reports)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	if got := strings.Count(svg, "<polyline"); got != 4 {
		t.Errorf("%d lines, want 4", got)
	}
	if strings.Contains(svg, "absent") {
		t.Error("a contender without figures is in the plot")
	}
}

func TestLabelsStandApart(t *testing.T) {
	sizes, reports := crowded()
	lines := plotLines(sizes, reports)
	placeLabels(lines, scale{1, 20, plotBottom, plotTop})
	slices.SortFunc(lines, func(a, b *plotLine) int { return int(a.label - b.label) })
	for i := 1; i < len(lines); i++ {
		if space := lines[i].label - lines[i-1].label; space < labelSpace {
			t.Errorf("%s and %s: %v apart, want %d", lines[i-1].name, lines[i].name, space, labelSpace)
		}
	}
}

func TestMarkdownHasACellForEveryColumn(t *testing.T) {
	sizes, reports := crowded()
	for line := range strings.Lines(reports[0].markdown(sizes)) {
		if n := strings.Count(line, "|"); n != 0 && n != 1+1+3*3 && n != 1+1+2*3 {
			t.Errorf("%d bars in %q", n, line)
		}
	}
}

func TestReadmeHasThePlaceToWriteTo(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	begin, end := strings.Index(string(text), measuredBegin), strings.Index(string(text), measuredEnd)
	if begin < 0 || end < begin {
		t.Errorf("README.md lacks %q or %q", measuredBegin, measuredEnd)
	}
}
