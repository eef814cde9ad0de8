package calendar

import "time"

// Cuts are all instants at which windows of a customer may begin or end, whatever
// it buys: local midnight in any of its zones, the time of day of any of its anchors
// in any of them, the anchors themselves, and with Hours the hours from each anchor
// and the full hours of local clocks. What lies between two of them is in the same
// window always.
type Cuts struct {
	Zones    []Zone // as those of a [Grid]
	Anchors  []time.Time
	Instants []time.Time // at which something else begins
	Hours    bool

	lines []line
}

// Around is the span between the cuts next to an instant, the first of which it may
// be at. The fields must not be changed once it was called.
func (c *Cuts) Around(t time.Time) Span {
	if c.lines == nil {
		c.draw()
	}
	t = t.UTC()
	var out Span
	cut := func(from, to time.Time) {
		out.Start = latest(out.Start, from)
		if out.End.IsZero() || to.Before(out.End) {
			out.End = to
		}
	}
	for i := range c.lines {
		from, to, _ := c.lines[i].around(t)
		cut(from, to)
	}
	for _, instants := range [][]time.Time{c.Anchors, c.Instants} {
		for _, at := range instants {
			if at.After(t) {
				cut(out.Start, at.UTC())
			} else {
				cut(at.UTC(), out.End)
			}
		}
	}
	return out
}

// draw makes the lines, each once.
func (c *Cuts) draw() {
	zones := c.Zones
	if len(zones) == 0 {
		zones = []Zone{{Name: UTC}}
	}
	type place struct {
		unit Interval
		zone string
		at   int64 // within the unit, in nanoseconds
	}
	known := make(map[place]bool)
	add := func(unit Interval, name string, wall time.Time) {
		p := place{unit, name, wall.Sub(wall.Truncate(time.Duration(seconds(unit)) * time.Second)).Nanoseconds()}
		if known[p] {
			return
		}
		known[p] = true
		l := line{n: 1, unit: unit, wall: wall, floor: start{number: noNumber}}
		if name != "" {
			l.zone = zoneOf(name)
		}
		c.lines = append(c.lines, l)
	}
	for _, z := range zones {
		add(Day, z.Name, epoch)
		if c.Hours {
			add(Hour, z.Name, epoch)
		}
	}
	for _, anchor := range c.Anchors {
		wall := zoneOf(ZoneAt(c.Zones, anchor)).wall(anchor)
		for _, z := range zones {
			add(Day, z.Name, wall)
		}
		if c.Hours {
			add(Hour, "", anchor.UTC()) // elapsed
		}
	}
}
