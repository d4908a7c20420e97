package monitoring

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A tile is a panel with the results of its queries.
type tile struct {
	panel      panel
	results    [][]timeSeries // by query
	begin, end time.Time
}

// The size of a unit of Grafana's grid, and the space around a tile, in points.
const (
	unitWidth  vg.Length = 44
	unitHeight vg.Length = 24
	gap        vg.Length = 4
)

var (
	ink        = color.Gray{Y: 0x24}
	gridStyle  = draw.LineStyle{Color: color.Gray{Y: 0xe6}, Width: 0.5}
	otherColor = []string{"#3274D9", "#FF780A", "#56A64B", "#8F3BB8", "#1FA2B8"} // of series without an own one
)

// svg returns the tiles at their places in the dashboard.
func svg(tiles []tile) []byte {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	units := 0
	for _, t := range tiles {
		units = max(units, t.panel.GridPos.Y+t.panel.GridPos.H)
	}
	canvas := vgsvg.New(24*unitWidth, vg.Length(units)*unitHeight)
	whole := draw.New(canvas)
	whole.SetColor(color.Gray{Y: 0xf4})
	whole.Fill(whole.Rectangle.Path())
	for _, t := range tiles {
		g := t.panel.GridPos
		c := whole
		c.Min = vg.Point{X: vg.Length(g.X)*unitWidth + gap, Y: vg.Length(units-g.Y-g.H)*unitHeight + gap}
		c.Max = vg.Point{X: vg.Length(g.X+g.W)*unitWidth - gap, Y: vg.Length(units-g.Y)*unitHeight - gap}
		t.draw(c)
	}
	var out bytes.Buffer
	canvas.WriteTo(&out)
	// Few readers have Liberation Sans. Arial and Helvetica have the same widths.
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
}

// write writes text at a point, which is the left end of its base line.
func write(c draw.Canvas, x, y vg.Length, size vg.Length, paint color.Color, words string) {
	style := text.Style{Color: paint, Font: font.From(plot.DefaultFont, size), Handler: plot.DefaultTextHandler}
	c.FillText(style, vg.Point{X: x, Y: y}, words)
}

func (t tile) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	write(c, c.Min.X+8, c.Max.Y-14, 10, ink, t.panel.Title)
	body := draw.Crop(c, 8, -8, 8, -22)
	switch t.panel.Type {
	case "stat":
		t.drawValue(body)
	case "table":
		t.drawTable(body)
	case "state-timeline":
		t.drawStates(body)
	default:
		t.drawSeries(body)
	}
}

// drawValue writes the last value in the colour of its threshold.
func (t tile) drawValue(c draw.Canvas) {
	value := t.results[0][0].last()
	paint := named["text"]
	for _, step := range t.panel.FieldConfig.Defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			paint = named[step.Color]
		}
	}
	write(c, c.Min.X+4, c.Min.Y+16, 28, paint, t.format(value))
}

// named are the colours that the dashboard has by name.
var named = map[string]color.Color{"text": ink, "green": hex("#37872D"), "orange": hex("#FA6400"), "red": hex("#C4162A")}

// hex returns a colour of the form #rrggbb.
func hex(s string) color.Color {
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	return color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 0xff}
}

// format returns a value with the unit of the panel.
func (t tile) format(value float64) string {
	switch t.panel.FieldConfig.Defaults.Unit {
	case "percentunit":
		return fmt.Sprintf("%.3g %%", 100*value)
	case "s":
		return fmt.Sprintf("%.0f s", value)
	case "reqps", "cps":
		return fmt.Sprintf("%.3g/s", value)
	}
	if t.panel.Type == "stat" {
		return fmt.Sprintf("%.0f", value) // decimals: 0
	}
	return fmt.Sprintf("%.3g", value)
}

// A curve is a series with its name and colour.
type curve struct {
	timeSeries
	name  string
	paint color.Color
}

// curves returns the series of the tile that have a value above 0, or all if none has.
func (t tile) curves() (all []curve) {
	for i, result := range t.results {
		for _, s := range result {
			name := legend.ReplaceAllStringFunc(t.panel.Targets[i].LegendFormat, func(label string) string {
				value := s.labels[strings.Trim(label, "{}")]
				return value[strings.LastIndex(value, "/")+1:]
			})
			paint := hex(otherColor[len(all)%len(otherColor)])
			for _, o := range t.panel.FieldConfig.Overrides {
				if o.Matcher.Options == name {
					paint = hex(o.Properties[0].Value.(map[string]any)["fixedColor"].(string))
				}
			}
			all = append(all, curve{s, name, paint})
		}
	}
	positive := slices.DeleteFunc(slices.Clone(all), func(s curve) bool { return slices.Max(s.values) == 0 })
	if len(positive) > 0 {
		return positive
	}
	return all
}

// drawSeries draws curves over time, stacked if the panel says so, and a legend.
func (t tile) drawSeries(c draw.Canvas) {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.X.Min, p.X.Max = 0, t.end.Sub(t.begin).Seconds()
	p.X.Tick.Marker = plot.ConstantTicks(minutes(p.X.Max))
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = 8, 8
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.X.Tick.Length, p.Y.Tick.Length = 0, 0
	grid := plotter.NewGrid()
	grid.Vertical, grid.Horizontal = gridStyle, gridStyle
	p.Add(grid)

	curves := t.curves()
	highest := t.addCurves(p, curves)
	p.Y.Min, p.Y.Max = 0, cmp.Or(t.panel.FieldConfig.Defaults.Max, 1.1*highest, 1)
	p.Y.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
		ticks := plot.DefaultTicks{}.Ticks(low, high)
		for i := range ticks {
			if !ticks[i].IsMinor() {
				ticks[i].Label = t.format(ticks[i].Value)
			}
		}
		return ticks
	})
	if t.panel.Options.Legend.Placement == "right" {
		for i, s := range slices.Backward(curves) {
			drawKey(c, c.Max.X-105, c.Max.Y-16-vg.Length(len(curves)-1-i)*16, s)
		}
		p.Draw(draw.Crop(c, 0, -120, 0, 0))
		return
	}
	x := c.Min.X + 4
	for _, s := range curves {
		drawKey(c, x, c.Min.Y, s)
		x += 22 + 4.6*vg.Length(len(s.name))
	}
	p.Draw(draw.Crop(c, 0, 0, 16, 0))
}

// addCurves adds curves to p, stacked if the panel says so, and returns the highest value.
func (t tile) addCurves(p *plot.Plot, curves []curve) (highest float64) {
	stacked := t.panel.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	below := map[float64]float64{} // by time, the sum of the curves below
	for _, s := range curves {
		var line, floor plotter.XYs
		for i, at := range s.times {
			x := at - float64(t.begin.Unix())
			y := s.values[i]
			if stacked {
				y += below[at]
				floor = append(floor, plotter.XY{X: x, Y: below[at]})
				below[at] = y
			}
			line = append(line, plotter.XY{X: x, Y: y})
			highest = max(highest, y)
		}
		if stacked {
			slices.Reverse(floor)
			p.Add(&plotter.Polygon{XYs: []plotter.XYs{append(line, floor...)}, Color: s.paint})
		} else {
			p.Add(&plotter.Line{XYs: line, LineStyle: draw.LineStyle{Color: s.paint, Width: 1.4}})
		}
	}
	return highest
}

// minutes returns a tick for every half minute.
func minutes(seconds float64) (ticks []plot.Tick) {
	for x := 0.0; x <= seconds; x += 30 {
		ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%d:%02d", int(x)/60, int(x)%60)})
	}
	return ticks
}

// drawKey draws a square in the colour of a curve, and its name.
func drawKey(c draw.Canvas, x, y vg.Length, s curve) {
	c.SetColor(s.paint)
	c.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + 8, Y: y + 8}}.Path())
	write(c, x+12, y, 8.5, ink, s.name)
}

// drawStates draws a bar for each series, green while it is 1 and red while it is 0.
func (t tile) drawStates(c draw.Canvas) {
	for i, s := range t.curves() {
		top := c.Max.Y - 14 - vg.Length(i)*40
		write(c, c.Min.X, top, 8.5, ink, s.name)
		width := (c.Max.X - c.Min.X) / vg.Length(len(s.values))
		for from := 0; from < len(s.values); {
			to := from + 1
			for to < len(s.values) && s.values[to] == s.values[from] {
				to++
			}
			c.SetColor(named["green"])
			if s.values[from] == 0 {
				c.SetColor(named["red"])
			}
			c.Fill(vg.Rectangle{
				Min: vg.Point{X: c.Min.X + vg.Length(from)*width, Y: top - 26},
				Max: vg.Point{X: c.Min.X + vg.Length(to)*width, Y: top - 6},
			}.Path())
			from = to
		}
	}
}

// drawTable writes a row for each combination of labels.
func (t tile) drawTable(c draw.Canvas) {
	share := func(value float64) string { return fmt.Sprintf("%.3g %%", 100*value) }
	number := func(value float64) string { return fmt.Sprintf("%.3g", value) }
	cells := []func(float64) string{number, share, share} // by query
	rows := map[string][]string{}
	for i, result := range t.results {
		for _, s := range result {
			key := s.labels["zone"] + "\x00" + s.labels["view"] + "\x00" + s.labels["server"]
			if rows[key] == nil {
				rows[key] = append(strings.Split(key, "\x00"), make([]string, len(t.results))...)
			}
			rows[key][3+i] = cells[i](s.last())
		}
	}
	lines := [][]string{{"zone", "view", "server", "answers/s", "near", "elsewhere or unknown"}}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		lines = append(lines, rows[key])
	}
	for i, line := range lines {
		for j, cell := range line {
			x := c.Min.X + []vg.Length{4, 100, 150, 300, 360, 410}[j]
			write(c, x, c.Max.Y-16-vg.Length(i)*18, 9, ink, cell)
		}
	}
}
