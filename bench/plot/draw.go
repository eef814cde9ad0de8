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
	"gonum.org/v1/plot/vg/draw"

	"github.com/allot-dev/allot/internal/bench/load"
)

// drawing is one of those that the page begins with.
type drawing struct {
	name, title string
	means       string // in plain sentences
	// draw makes the file. It reports false if there is nothing to draw.
	draw func(p *pool, file, title string) (bool, error)
}

var drawings = []drawing{
	{
		name: "cost", title: "Processor time of an answer, in that of a constant handler",
		means: "What an answer costs the server. 1 is `net/http` sending the same bytes and doing nothing else: " +
			"no program that answers over HTTP with it is below. A read of what is in the cache is near 1; a check asks the store for usage; " +
			"what is used is written down before it is answered. This is the steadiest of all figures, and the judge where others vary. " +
			"What PostgreSQL spends itself is not in it; the tables below have it beside.",
		draw: func(p *pool, file, title string) (bool, error) {
			return p.drawBars(file, title, "÷ constant handler", constant, load.CPU)
		},
	},
	{
		name: "durable", title: "Durable requests or records a second, in commits by hand",
		means: "How much is gained by sharing a commit. 1 is one row in one transaction, one after the other, on the same disk or in the same " +
			"PostgreSQL, with nothing else running beside it. Requests that come at the same time are committed together, so that above 1 each " +
			"waits for the disk only in part. With one connection there is nobody to share with.",
		draw: func(p *pool, file, title string) (bool, error) {
			return p.drawBars(file, title, "÷ commits by hand", commits, load.PerSecond)
		},
	},
	{
		name: "growth", title: "Processor time on the largest size, in that on the smallest",
		means: "What becomes slower as things pile up: open holds, records, features, plans, changes of the past. At 1 the largest size costs " +
			"what the smallest does; below the dashed line, 1.3, is the goal. The scale is logarithmic: what stands high here is a fault to be mended.",
		draw: (*pool).drawLines,
	},
	{
		name: "customers", title: "Processor time of a read as the database grows",
		means: "What a read costs with more customers in the database. In the cache it is the same for any number; beside the cache a " +
			"larger database has more that the processor and the system have not at hand.",
		draw: (*pool).drawCustomers,
	},
	{
		name: "peers", title: "Requests a second, in those of a peer",
		means: "Allot's 20 entitlements with names, prices and limits beside what others answer to a like question on the same machine. " +
			"The scale is logarithmic. None of them is the same thing; what differs is told in [bench/peers](../bench/peers/README.md).",
		draw: (*pool).drawPeers,
	},
}

// drawAll makes every drawing that there is something to draw of, and removes what
// an earlier run drew of what there is not.
func drawAll(dir string, p *pool) ([]drawing, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var drawn []drawing
	for _, d := range drawings {
		file := filepath.Join(dir, d.name+".svg")
		made, err := d.draw(p, file, d.title)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", d.name, err)
		case made:
			drawn = append(drawn, d)
		default:
			if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) && err != nil {
				return nil, err
			}
		}
	}
	return drawn, nil
}

// series is the values of one kind of database, or of one number of connections.
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

// drawBars draws Allot's ratios to another side, by the kind of database, each
// scenario at its largest number of connections.
func (p *pool) drawBars(file, title, axis, to string, figure load.Figure) (bool, error) {
	var names []string
	var all []series
	for _, kind := range p.databases() {
		s := series{database(kind), map[string]float64{}}
		for _, m := range p.measured {
			if m.database != kind || m.Unit == "records" && figure == load.CPU {
				continue // a record's part of a request is no answer's cost
			}
			for _, ratio := range m.Ratios {
				if ratio.Of == allot && ratio.To == to && ratio.Figure == figure {
					if !slices.Contains(names, m.Scenario) {
						names = append(names, m.Scenario)
					}
					s.values[m.Scenario] = ratio.Median // they ascend by connections
				}
			}
		}
		all = append(all, s)
	}
	return bars(file, title, axis, names, all)
}

// drawPeers draws Allot's requests a second in those of each peer's operations, by
// the number of connections.
func (p *pool) drawPeers(file, title string) (bool, error) {
	var names []string
	by := map[int]map[string]float64{}
	for _, m := range p.peers {
		for _, ratio := range m.Ratios {
			if ratio.Figure != load.PerSecond {
				continue
			}
			if !slices.Contains(names, m.Scenario) {
				names = append(names, m.Scenario)
			}
			if by[m.Connections] == nil {
				by[m.Connections] = map[string]float64{}
			}
			by[m.Connections][m.Scenario] = ratio.Median
		}
	}
	var all []series
	for connections, values := range by {
		all = append(all, series{fmt.Sprintf("%d connections", connections), values})
	}
	slices.SortFunc(all, func(a, b series) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return dots(file, title, "÷ the peer", 1, names, all)
}

// bars draws a group of bars for each name. It reports false if there is none.
func bars(file, title, axis string, names []string, all []series) (bool, error) {
	if len(names) == 0 {
		return false, nil
	}
	all = slices.DeleteFunc(all, func(s series) bool { return len(s.values) == 0 })
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
	one, err := level(1, len(names))
	if err != nil {
		return false, err
	}
	p.Add(one)
	nominal(p, names)
	return true, p.Save(vg.Points(140+70*float64(len(names))), vg.Points(300), file)
}

// nominal names what is along the bottom.
func nominal(p *plot.Plot, names []string) {
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	p.X.Tick.Label.Rotation = 0.35
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = -1, -0.5
}

// level is a dashed line across.
func level(at float64, names int) (*plotter.Line, error) {
	line, err := plotter.NewLine(plotter.XYs{{X: -0.6, Y: at}, {X: float64(names) - 0.4, Y: at}})
	if err != nil {
		return nil, err
	}
	line.Color, line.Dashes = color.Gray{Y: 0x55}, []vg.Length{vg.Points(4), vg.Points(3)}
	return line, nil
}

// lineGoal is how much more the largest size of a line may cost than the smallest.
const lineGoal = 1.3

// drawLines draws the ratio of the largest size to the smallest of each line of
// growth: the server's and, beside it, the database's where that is known.
func (p *pool) drawLines(file, title string) (bool, error) {
	var names []string
	var all []series
	for _, m := range p.measured {
		for _, ratio := range m.Ratios {
			if !m.isLine() || ratio.Goal == nil {
				continue
			}
			name := database(m.database)
			if ratio.Figure == load.DatabaseCPU {
				name += " itself"
			}
			i := slices.IndexFunc(all, func(s series) bool { return s.name == name })
			if i < 0 {
				i = len(all)
				all = append(all, series{name, map[string]float64{}})
			}
			if !slices.Contains(names, m.Scenario) {
				names = append(names, m.Scenario)
			}
			all[i].values[m.Scenario] = ratio.Median
		}
	}
	return dots(file, title, "largest ÷ smallest", lineGoal, names, all)
}

// dots draws a dot for each value on a logarithmic scale, and a dashed line. It
// reports false if there is none.
func dots(file, title, axis string, line float64, names []string, all []series) (bool, error) {
	if len(names) == 0 {
		return false, nil
	}
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, axis
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min, p.Y.Max = 0.5, 10
	p.Legend.Top = true
	p.Add(grid())
	for i, s := range all {
		var points plotter.XYs
		for k, name := range names {
			if y, ok := s.values[name]; ok {
				points = append(points, plotter.XY{X: float64(k) + 0.15*(float64(i)-float64(len(all)-1)/2), Y: y})
				p.Y.Min, p.Y.Max = min(p.Y.Min, y), max(p.Y.Max, y*2)
			}
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return false, err
		}
		scatter.GlyphStyle = draw.GlyphStyle{Color: colours[i%len(colours)], Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
		p.Add(scatter)
		p.Legend.Add(s.name, scatter)
	}
	dashed, err := level(line, len(names))
	if err != nil {
		return false, err
	}
	p.Add(dashed)
	nominal(p, names)
	return true, p.Save(vg.Points(140+70*float64(len(names))), vg.Points(340), file)
}

// drawCustomers draws the processor time of reads over the number of customers, if a
// scenario was measured at several in one run.
func (p *pool) drawCustomers(file, title string) (bool, error) {
	var names []string
	lines := map[string]plotter.XYs{}
	for _, m := range p.grown {
		name := fmt.Sprintf("%s, %s, %d connections", m.Scenario, database(m.database), m.Connections)
		for _, s := range m.Sides {
			if s.Name == allot && s.Median.CPU > 0 {
				if lines[name] == nil {
					names = append(names, name)
				}
				lines[name] = append(lines[name], plotter.XY{X: float64(m.Stored), Y: s.Median.CPU})
			}
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	picture := plot.New()
	picture.Title.Text, picture.X.Label.Text, picture.Y.Label.Text = title, "customers in the database", "µs of processor time"
	picture.X.Scale, picture.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	picture.Y.Min = 0
	picture.Legend.Top, picture.Legend.Left = true, true
	picture.Add(grid())
	for i, name := range names {
		line, points, err := plotter.NewLinePoints(lines[name])
		if err != nil {
			return false, err
		}
		line.Color, points.Color = colours[i%len(colours)], colours[i%len(colours)]
		picture.Add(line, points)
		picture.Legend.Add(name, line, points)
		for _, at := range lines[name] {
			picture.Y.Max = max(picture.Y.Max, at.Y*1.5)
			picture.X.Max = max(picture.X.Max, at.X*1.3)
		}
	}
	return true, picture.Save(vg.Points(520), vg.Points(300), file)
}

// grid has lines for heights only.
func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color = color.Gray{Y: 0xdd}
	return g
}
