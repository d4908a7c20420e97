//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The plot's geometry, in pixels.
const (
	plotWidth, plotHeight   = 860, 480
	plotLeft, plotRight     = 60, 560
	plotTop, plotBottom     = 50, 420
	labelSpace              = 16 // between the labels of two lines
	plotTitle               = "CPU per query, over the same server that does not order"
	plotX, plotY            = "addresses in the answer", "ratio"
	gridColour, labelColour = "#d0d7de", "#24292f"
)

// lineColours can be told apart without seeing red and green.
var lineColours = []string{"#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"}

// A scale maps a range of values to a range of pixels, by logarithm.
type scale struct {
	low, high float64
	from, to  float64
}

func (s scale) at(value float64) float64 {
	part := math.Log(value/s.low) / math.Log(s.high/s.low)
	return s.from + part*(s.to-s.from)
}

// plotLine is one contender's cost by number of addresses.
type plotLine struct {
	name   string
	cost   []float64
	colour string
	label  float64 // where its name stands
}

// plot returns an SVG of the cost of every contender that has a line in it.
func plot(sizes []int, reports []report) string {
	lines := plotLines(sizes, reports)
	low, high := 0.95, 1.5
	for _, l := range lines {
		low, high = min(low, slices.Min(l.cost)), max(high, slices.Max(l.cost))
	}
	x := scale{float64(sizes[0]), float64(sizes[len(sizes)-1]), plotLeft, plotRight}
	y := scale{low * 0.98, high * 1.1, plotBottom, plotTop}
	placeLabels(lines, y)

	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	drawGrid(&svg, sizes, x, y)
	for _, l := range lines {
		drawLine(&svg, sizes, l, x, y)
	}
	fmt.Fprintln(&svg, "</svg>")
	return svg.String()
}

func plotLines(sizes []int, reports []report) []*plotLine {
	var lines []*plotLine
	for _, r := range reports {
		for _, row := range r.rows {
			if row.line == "" || row.skipped != "" || r.skipped != "" {
				continue
			}
			l := &plotLine{name: row.line, colour: lineColours[len(lines)%len(lineColours)]}
			for _, size := range sizes {
				l.cost = append(l.cost, row.figures[size].full.ratio)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// placeLabels puts each line's name beside its end, from the bottom up, moved
// up where it would stand on another.
func placeLabels(lines []*plotLine, y scale) {
	byEnd := slices.SortedFunc(slices.Values(lines), func(a, b *plotLine) int {
		return int(math.Copysign(1, a.cost[len(a.cost)-1]-b.cost[len(b.cost)-1]))
	})
	lowest := math.Inf(1)
	for _, l := range byEnd {
		l.label = min(y.at(l.cost[len(l.cost)-1]), lowest)
		lowest = l.label - labelSpace
	}
}

func drawGrid(svg *strings.Builder, sizes []int, x, y scale) {
	text := func(px, py float64, anchor, s string) {
		fmt.Fprintf(svg, `<text x="%.0f" y="%.0f" text-anchor="%s" fill="%s">%s</text>`+"\n", px, py, anchor, labelColour, s)
	}
	rule := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(svg, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, gridColour)
	}
	for _, tick := range []float64{1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100} {
		if tick < y.low || tick > y.high {
			continue
		}
		rule(plotLeft, y.at(tick), plotRight, y.at(tick))
		text(plotLeft-8, y.at(tick)+4, "end", fmt.Sprint(tick))
	}
	for _, size := range sizes {
		rule(x.at(float64(size)), plotTop, x.at(float64(size)), plotBottom)
		text(x.at(float64(size)), plotBottom+20, "middle", fmt.Sprint(size))
	}
	text(plotLeft, 24, "start", plotTitle)
	text(plotLeft-8, plotTop-8, "end", plotY)
	text((plotLeft+plotRight)/2, plotBottom+42, "middle", plotX)
}

func drawLine(svg *strings.Builder, sizes []int, l *plotLine, x, y scale) {
	var points []string
	for i, cost := range l.cost {
		px, py := x.at(float64(sizes[i])), y.at(cost)
		points = append(points, fmt.Sprintf("%.1f,%.1f", px, py))
		fmt.Fprintf(svg, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", px, py, l.colour)
	}
	fmt.Fprintf(svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), l.colour)
	fmt.Fprintf(svg, `<text x="%d" y="%.1f" fill="%s">%s</text>`+"\n", plotRight+10, l.label+4, l.colour, l.name)
}
