package calendar

import "time"

// Grid is how the windows of an interval follow each other. They tile all time:
// each ends where the next begins, and none is without length.
//
// The date and time of day of the anchor are read in the zone that is in force at
// the anchor. Boundary n is the date n intervals from there, at that time of day, as
// the clocks of the customer's zone show it: the first instant after the gap if they
// never do, the first if they do twice. A month that lacks the day has its last.
// Boundary 0 is the anchor itself. Hours that are not on the calendar are elapsed
// time from the anchor, and know no zone.
//
// When the zone changes, the window that runs keeps its end. All later boundaries
// have the same local date and time in the new zone. So a change moves no boundary
// that is past, and however often it is made, no date has two boundaries.
type Grid struct {
	Every Interval
	// Anchor is what windows are counted from, at its time of day; with Align
	// [Calendar] it is of no account.
	Anchor time.Time
	Align  Align
	// Zones ascend; none is UTC.
	Zones []Zone
}

// At is the window that contains an instant. There is none for the interval None
// and, but on the calendar, for a zero anchor. Its cost does not depend on how far
// the instant is from the anchor.
func (g Grid) At(t time.Time) (Span, bool) {
	if g.Every == None || g.Every == "" || g.Anchor.IsZero() && g.Align == "" {
		return Span{}, false
	}
	n, unit := g.Every.Parts()
	l := line{n: n, unit: unit, anchor: g.Anchor.UTC(), wall: g.Anchor.UTC(), floor: start{number: noNumber}}
	if g.Align == Calendar {
		l.anchor, l.wall = time.Time{}, epoch
	}
	t = t.UTC()
	if unit == Hour && g.Align == "" || len(g.Zones) == 0 || len(g.Zones) == 1 && g.Zones[0].Name == UTC {
		from, to, _ := l.around(t)
		return Span{from, to}, true
	}
	return g.zonedAt(l, t), true
}

// zonedAt is At where local clocks matter.
func (g *Grid) zonedAt(l line, t time.Time) Span {
	if g.Align == "" {
		l.wall = zoneOf(ZoneAt(g.Zones, g.Anchor)).wall(g.Anchor)
	}
	// Of the changes up to t those that are too long before the next one to have a
	// say in what follows it are passed over.
	last := 0
	for last+1 < len(g.Zones) && !g.Zones[last+1].From.After(t) {
		last++
	}
	reach, next, first := l.reach(), t.Unix(), last
	for first > 0 && next-g.Zones[first].From.Unix() <= reach {
		next = g.Zones[first].From.Unix()
		first--
	}

	l.zone = zoneOf(g.Zones[first].Name)
	for _, change := range g.Zones[first+1 : last+1] {
		if change.From.Before(l.floor.on) {
			l.zone = zoneOf(change.Name) // the window that ran at the last change still does
			continue
		}
		from, to, number := l.around(change.From)
		l.floor = start{from: from, on: to, number: number + 1}
		l.zone = zoneOf(change.Name)
	}
	if t.Before(l.floor.on) {
		return Span{l.floor.from, l.floor.on}
	}
	from, to, _ := l.around(t)
	return Span{from, to}
}

// epoch is what windows on the calendar are counted from: a Monday, the 1st, and a
// 1 January.
var epoch = time.Date(1968, 1, 1, 0, 0, 0, 0, time.UTC)

// line is the boundaries of a grid as the clocks of one zone have them.
type line struct {
	n      int
	unit   Interval
	anchor time.Time // boundary 0; zero on the calendar
	wall   time.Time // what clocks show at boundary 0, as if it were UTC
	zone   *zone     // nil is UTC
	floor  start
}

// start is where a line begins: at a boundary of the zone before, of this number.
// Only later ones of a higher number are the line's own. A line without has noNumber.
type start struct {
	from, on time.Time // of the window that ends there
	number   int
}

const noNumber = -1 << 62

// around are the boundaries next to t, before or at it and after it, and the number
// of the first. t is not before the line's floor.
func (l *line) around(t time.Time) (from, to time.Time, number int) {
	k := l.estimate(t)
	from = l.boundary(k)
	for from.After(t) {
		k--
		from, to = l.boundary(k), from
	}
	// What is the same instant as another boundary is none.
	for to.IsZero() || !to.After(t) {
		if next := l.boundary(k + 1); next.After(t) {
			to = next
		} else {
			k++
			from = next
		}
	}
	return from, to, k
}

// estimate is the number of a boundary near t.
func (l *line) estimate(t time.Time) int {
	wall := t
	if l.zone != nil {
		wall = l.zone.wall(t)
	}
	var k int
	switch l.unit {
	case Month:
		k = months(wall) - months(l.wall)
	case Year:
		k = wall.Year() - l.wall.Year()
	default:
		k = floorDiv(int(wall.Unix()-l.wall.Unix()), int(seconds(l.unit)))
	}
	return max(floorDiv(k, l.n), l.floor.number)
}

// boundary is the k-th. Those of numbers up to the floor's are the floor.
func (l *line) boundary(k int) time.Time {
	if k <= l.floor.number {
		return l.floor.on
	}
	if l.zone == nil {
		return l.date(k)
	}
	if k == 0 && !l.anchor.IsZero() {
		return latest(l.anchor, l.floor.on)
	}
	on := l.zone.instant(l.date(k))
	if !l.anchor.IsZero() && (k > 0) == on.Before(l.anchor) {
		on = l.anchor // a zone other than the anchor's may have its date on the other side
	}
	return latest(on, l.floor.on)
}

// date is the k-th date and time of day, as if clocks showed UTC.
func (l *line) date(k int) time.Time {
	k *= l.n
	switch l.unit {
	case Hour, Day, Week:
		return time.Unix(l.wall.Unix()+int64(k)*seconds(l.unit), int64(l.wall.Nanosecond())).UTC()
	case Year:
		k *= 12
	}
	// time.AddDate would carry 31 January + 1 month into March.
	year, month, day := l.wall.Date()
	hour, minute, second := l.wall.Clock()
	month += time.Month(k)
	if day > 28 {
		day = min(day, time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	return time.Date(year, month, day, hour, minute, second, l.wall.Nanosecond(), time.UTC)
}

// seconds is the length of a unit; of a month or a year that of the longest.
func seconds(unit Interval) int64 {
	switch unit {
	case Hour:
		return 60 * 60
	case Day:
		return day
	case Week:
		return 7 * day
	case Month:
		return 31 * day
	default:
		return 366 * day
	}
}

const day = 24 * 60 * 60

// reach is for how long, in seconds, a change of zone may bear on the windows that
// follow: until a boundary of the new zone has come, whatever clocks do meanwhile.
func (l *line) reach() int64 { return 2*int64(l.n)*seconds(l.unit) + 7*day }

func months(t time.Time) int { return t.Year()*12 + int(t.Month()) }

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
