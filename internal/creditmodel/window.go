package creditmodel

import "time"

// Beginning and Forever are the ends of a window that never resets.
var (
	Beginning = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	Forever   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// instant is the smallest step of time.
const instant = time.Microsecond

// Window is a half-open span: Start ≤ t < End.
type Window struct{ Start, End time.Time }

func (w Window) contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// String is the span as two times.
func (w Window) String() string { return stamp(w.Start) + "/" + stamp(w.End) }

func stamp(t time.Time) string {
	switch {
	case !t.After(Beginning):
		return "beginning"
	case !t.Before(Forever):
		return "never"
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}

// Windows says which window contains an instant. It is plain data.
//
// Kind is "never", "hour", "day", "month" (from the 1st), all UTC, or "every": Every times
// Unit ("hour", "day", "week", "month") counted from Anchor, month ends clamped.
type Windows struct {
	Kind   string
	Every  int
	Unit   string
	Anchor time.Time
}

// Month, Day, Hour and Never are the usual windows.
var (
	Month = Windows{Kind: "month"}
	Day   = Windows{Kind: "day"}
	Hour  = Windows{Kind: "hour"}
	Never = Windows{Kind: "never"}
)

// At is the window that contains t.
func (w Windows) At(t time.Time) Window {
	t = t.UTC()
	switch w.Kind {
	case "hour":
		start := t.Truncate(time.Hour)
		return Window{start, start.Add(time.Hour)}
	case "day":
		start := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		return Window{start, start.AddDate(0, 0, 1)}
	case "month":
		start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return Window{start, start.AddDate(0, 1, 0)}
	case "every":
		return w.every(t)
	}
	return Window{Beginning, Forever}
}

// every steps from the anchor until the window contains t.
func (w Windows) every(t time.Time) Window {
	for n := 0; ; {
		win := Window{w.boundary(n), w.boundary(n + 1)}
		switch {
		case win.contains(t):
			return win
		case t.Before(win.Start):
			n--
		default:
			n++
		}
	}
}

// boundary is the n-th boundary from the anchor; n may be below zero.
func (w Windows) boundary(n int) time.Time {
	n *= w.Every
	a := w.Anchor.UTC()
	switch w.Unit {
	case "hour":
		return a.Add(time.Duration(n) * time.Hour)
	case "day":
		return a.AddDate(0, 0, n)
	case "week":
		return a.AddDate(0, 0, 7*n)
	}
	first := time.Date(a.Year(), a.Month()+time.Month(n), 1, a.Hour(), a.Minute(), a.Second(), a.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(a.Day(), last)-1)
}
