//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The lengths of the plot, in points.
const (
	plotWidth  vg.Length = 760
	rowHeight  vg.Length = 36 // of each variant
	axisHeight vg.Length = 90 // of the title and the horizontal axis
	margin     vg.Length = 12 // on each side
)

// legendRows is the height of the legend, which is above the first row.
const legendRows = 1.4

// sizeStyles tell the sizes of answers apart by shape, and by colours that people who cannot tell
// red from green can distinguish.
var sizeStyles = []draw.GlyphStyle{
	{Shape: draw.CircleGlyph{}, Radius: 3.5, Color: color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}},
	{Shape: draw.PyramidGlyph{}, Radius: 4, Color: color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}},
	{Shape: draw.BoxGlyph{}, Radius: 3.5, Color: color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}},
}

var (
	gridStyle     = draw.LineStyle{Color: color.Gray{Y: 0xdc}, Width: 0.5}
	baselineStyle = draw.LineStyle{Color: color.Gray{Y: 0x60}, Width: 1}
)

// The horizontal axis ends at highestRatio. A point with a higher ratio is drawn there, with its
// ratio as text, so that one expensive variant does not leave little room for all others. The axis
// starts at lowestRatio, or lower if a point does.
const (
	lowestRatio  = 0.95
	highestRatio = 3.2
)

// svg returns a plot with a row for each variant that has a label and figures. A row has a point
// for each size of answer: the ratio at full load, and a bar between its quartiles if they are
// recorded. The background is white and opaque, so that the plot is as readable on a dark page as
// on a light one.
func (r results) svg() ([]byte, error) {
	rows := r.plottedVariants()
	if len(rows) == 0 {
		return nil, errors.New("nothing to plot: no variant with a plot label has figures")
	}
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = "CPU time per query, relative to the same server with ordering off"
	p.Title.Padding = 10
	p.X.Label.Text = "ratio at full load, logarithmic scale"
	p.X.Label.Padding = 6
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = ratioTicks()
	p.X.Min, p.X.Max = lowestRatio, highestRatio
	p.Legend.Top = true
	p.Legend.TextStyle.Font.Size = 10
	p.Legend.Padding = 3
	labelRows(p, rows)
	addLines(p)
	for i, size := range r.Sizes {
		addPoints(p, rows, size, i, len(r.Sizes))
	}
	p.X.Max = highestRatio

	canvas := vgsvg.New(plotWidth, axisHeight+rowHeight*vg.Length(legendRows+float64(len(rows))))
	whole := draw.New(canvas)
	whole.SetColor(p.BackgroundColor)
	whole.Fill(whole.Rectangle.Path())
	p.Draw(draw.Crop(whole, margin, -margin, margin, -margin))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return nil, err
	}
	// Few readers have Liberation Sans. Arial and Helvetica have the same widths.
	return bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// plottedVariants returns the variants that are in the plot, from top to bottom.
func (r results) plottedVariants() (rows []variantResult) {
	for _, g := range r.Groups {
		for _, v := range g.Variants {
			if g.Skipped == "" && v.Skipped == "" && v.PlotLabel != "" {
				rows = append(rows, v)
			}
		}
	}
	return rows
}

func ratioTicks() (ticks plot.ConstantTicks) {
	for _, ratio := range []float64{1, 1.1, 1.2, 1.3, 1.5, 2, 2.5, 3} {
		ticks = append(ticks, plot.Tick{Value: ratio, Label: strconv.FormatFloat(ratio, 'g', -1, 64)})
	}
	return ticks
}

// labelRows puts the label of row i at the height -i.
func labelRows(p *plot.Plot, rows []variantResult) {
	var ticks plot.ConstantTicks
	for i, v := range rows {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: v.PlotLabel})
	}
	p.Y.Tick.Marker = ticks
	p.Y.Tick.Length = 0
	p.Y.Padding = 0
	p.Y.Min, p.Y.Max = 0.5-float64(len(rows)), 0.5+legendRows
}

// addLines draws a vertical line for each tick, a stronger one at the ratio of the baseline, and a
// line above each row.
func addLines(p *plot.Plot) {
	grid := plotter.NewGrid()
	grid.Vertical, grid.Horizontal = gridStyle, draw.LineStyle{}
	p.Add(grid, rowLines{})
	p.Add(&plotter.Line{XYs: plotter.XYs{{X: 1, Y: p.Y.Min}, {X: 1, Y: p.Y.Max}}, LineStyle: baselineStyle})
}

// rowLines draws the lines above each row.
type rowLines struct{}

func (rowLines) Plot(c draw.Canvas, p *plot.Plot) {
	_, height := p.Transforms(&c)
	for y := p.Y.Min + 1; y < 1; y++ {
		c.StrokeLine2(gridStyle, c.Min.X, height(y), c.Max.X, height(y))
	}
}

// addPoints draws the points of all rows for one size of answers and adds the size to the legend.
// The points of a row are below each other, so that equal ratios do not hide each other. index is
// the place of this size among all sizes.
func addPoints(p *plot.Plot, rows []variantResult, size, index, sizes int) {
	style := sizeStyles[index%len(sizeStyles)]
	points := &plotter.Scatter{GlyphStyle: style}
	bars := &plotter.XErrorBars{
		LineStyle: draw.LineStyle{Color: style.Color, Width: 1},
		CapWidth:  plotter.DefaultCapWidth,
	}
	beyond := &plotter.Labels{Offset: vg.Point{X: -8, Y: 1.5}}
	for row, v := range rows {
		c := v.Figures[size].Full
		point := plotter.XY{X: min(c.Ratio, highestRatio), Y: rowSpread(index, sizes) - float64(row)}
		points.XYs = append(points.XYs, point)
		if c.Ratio > highestRatio {
			beyond.XYs = append(beyond.XYs, point)
			beyond.Labels = append(beyond.Labels, fmt.Sprintf("%.2f →", c.Ratio))
			beyond.TextStyle = append(beyond.TextStyle, p.Y.Tick.Label) // right-aligned
		} else {
			bars.XYs = append(bars.XYs, point)
			bars.XErrors = append(bars.XErrors, struct{ Low, High float64 }{c.Ratio - c.Low, c.High - c.Ratio})
		}
	}
	p.Add(bars, points, beyond)
	p.Legend.Add(fmt.Sprintf("%d addresses", size), points)
}

// rowSpread returns how far the point of a size is above the middle of its row, in rows.
func rowSpread(index, sizes int) float64 {
	return 0.27 * (float64(sizes-1)/2 - float64(index))
}
