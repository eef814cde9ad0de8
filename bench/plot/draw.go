package main

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/allot-dev/allot/internal/bench/load"
)

// drawing is one that was made.
type drawing struct{ name, title string }

// series is the values of one number of connections, or of one line.
type series struct {
	name   string
	values map[string]float64 // by scenario
}

// The colours of series, told apart in print and by most eyes.
var colours = []color.Color{
	color.RGBA{R: 0x1b, G: 0x6c, B: 0xa8, A: 0xff},
	color.RGBA{R: 0xe0, G: 0x8e, B: 0x2b, A: 0xff},
	color.RGBA{R: 0x5a, G: 0x9a, B: 0x58, A: 0xff},
	color.RGBA{R: 0x8b, G: 0x5f, B: 0xa8, A: 0xff},
}

// The sides' names that drawings ask for, as allot bench has them.
const (
	allot    = "allot"
	constant = "constant handler"
	commits  = "commits by hand"
)

// draw makes every drawing that there is something to draw of.
func draw(dir string, records []record) ([]drawing, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var drawn []drawing
	for _, r := range records {
		for _, bars := range []struct {
			suffix, title, axis string
			to                  string // the other side; "" is any, of a report about a peer
			figure              load.Figure
		}{
			{"rate", "requests a second, as a part of what a constant handler does", "÷ constant handler", constant, load.PerSecond},
			{"cpu", "processor time of a request, in that of a constant handler", "÷ constant handler", constant, load.CPU},
			{"durable", "durable requests or records a second, in commits by hand", "÷ commits by hand", commits, load.PerSecond},
			{"peer", "requests a second, in those of the peer", "÷ the peer", "", load.PerSecond},
		} {
			if (bars.to == "") != (r.Peer.Name != "") {
				continue
			}
			d := drawing{r.name + "-" + bars.suffix, r.name + ": " + bars.title}
			names, all := r.ratios(bars.to, bars.figure)
			made, err := drawBars(filepath.Join(dir, d.name+".svg"), d.title, bars.axis, names, all)
			if err != nil {
				return nil, err
			}
			if made {
				drawn = append(drawn, d)
			}
		}
		d := drawing{r.name + "-growth", r.name + ": processor time of a read as the database grows"}
		made, err := r.drawGrowth(filepath.Join(dir, d.name+".svg"), d.title)
		if err != nil {
			return nil, err
		}
		if made {
			drawn = append(drawn, d)
		}
	}
	return drawn, nil
}

// ratios are Allot's to another side, or to any for "", by number of connections,
// with the names of the scenarios in their order. Of a scenario that was measured at
// several sizes it takes the last.
func (r *record) ratios(to string, figure load.Figure) (names []string, all []series) {
	by := map[int]map[string]float64{}
	for _, c := range r.Comparisons {
		for _, ratio := range c.Ratios {
			if to != "" && (ratio.Of != allot || ratio.To != to) || ratio.Figure != figure {
				continue
			}
			if !slices.Contains(names, c.Scenario) {
				names = append(names, c.Scenario)
			}
			if by[c.Connections] == nil {
				by[c.Connections] = map[string]float64{}
			}
			by[c.Connections][c.Scenario] = ratio.Median
		}
	}
	for connections, values := range by {
		all = append(all, series{fmt.Sprintf("%d connections", connections), values})
	}
	slices.SortFunc(all, func(a, b series) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return names, all
}

// drawBars draws a group of bars for each name. It reports false, and removes what
// an earlier run drew, if there is nothing to draw.
func drawBars(file, title, axis string, names []string, all []series) (bool, error) {
	if len(names) == 0 {
		return false, remove(file)
	}
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, axis
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(grid())
	const room = 40.0 // points for a group
	width := vg.Points(room / float64(len(all)+1))
	for i, s := range all {
		values := make(plotter.Values, len(names))
		for k, name := range names {
			values[k] = s.values[name]
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return false, err
		}
		bars.Color, bars.LineStyle.Width = colours[i%len(colours)], 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(all)-1)/2)
		p.Add(bars)
		p.Legend.Add(s.name, bars)
		p.Y.Max = max(p.Y.Max, slices.Max(values)*1.25) // below the legend
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	p.X.Tick.Label.Rotation = 0.35
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = -1, -0.5
	return true, p.Save(vg.Points(140+70*float64(len(names))), vg.Points(300), file)
}

// drawGrowth draws the processor time of reads over the number of customers, if a
// scenario was measured at several.
func (r *record) drawGrowth(file, title string) (bool, error) {
	lines := map[string]plotter.XYs{}
	var names []string
	for _, c := range r.Comparisons {
		for _, s := range c.Sides {
			if s.Name != allot || s.Median.CPU == 0 || c.Stored == 0 {
				continue
			}
			name := fmt.Sprintf("%s, %d connections", c.Scenario, c.Connections)
			if lines[name] == nil {
				names = append(names, name)
			}
			lines[name] = append(lines[name], plotter.XY{X: float64(c.Stored), Y: s.Median.CPU})
		}
	}
	grows := func(name string) bool {
		first := lines[name][0].X
		return slices.ContainsFunc(lines[name], func(at plotter.XY) bool { return at.X != first })
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !grows(name) })
	if len(names) == 0 {
		return false, remove(file)
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "customers in the database", "µs of processor time"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(grid())
	for i, name := range names {
		line, points, err := plotter.NewLinePoints(lines[name])
		if err != nil {
			return false, err
		}
		line.Color, points.Color = colours[i%len(colours)], colours[i%len(colours)]
		p.Add(line, points)
		p.Legend.Add(name, line, points)
		for _, at := range lines[name] {
			p.Y.Max = max(p.Y.Max, at.Y*1.5)
			p.X.Max = max(p.X.Max, at.X*1.3)
		}
	}
	return true, p.Save(vg.Points(520), vg.Points(300), file)
}

// grid has lines for heights only.
func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color = color.Gray{Y: 0xdd}
	return g
}

func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
