package billing

import (
	"fmt"
	"slices"

	"github.com/allot-dev/allot/internal/calendar"
)

// window is how the windows of an item follow each other: what decides, beside the
// anchor of an agreement, whether two items share a rhythm.
type window struct {
	Every calendar.Interval // None: never
	Align calendar.Align
}

// every is how long a window of a reset is, beside a plan's cycle. That of an add-on is the
// plan's own.
func (t *Terms) every(reset Reset) calendar.Interval {
	if reset == ResetCycle {
		return t.Cycle
	}
	return calendar.Interval(reset)
}

// window is that of an item of the terms, by themselves.
func (t *Terms) window(it *Item) window {
	w := window{t.every(it.Reset), it.Align}
	if w.Align == "" {
		w.Align = t.Align
	}
	if it.Reset == ResetNever || w.Every == calendar.None {
		return window{Every: calendar.None}
	}
	return w
}

// text is the window for a message: "never", "each month of the calendar", "every 5
// hours".
func (w window) text() string {
	if w.Every == calendar.None {
		return "never"
	}
	text := "each " + string(w.Every)
	if n, unit := w.Every.Parts(); n != 1 {
		text = fmt.Sprintf("every %d %ss", n, unit)
	}
	if w.Align != "" {
		text += " of the calendar"
	}
	return text
}

// alignable reports whether windows of a length can be put on the calendar.
func alignable(every calendar.Interval) bool {
	n, unit := every.Parts()
	return n == 1 && slices.Contains(calendar.Units(), unit)
}

func notAlignable(every calendar.Interval) string {
	const goes = "align: calendar goes with one hour, day, week, month or year"
	if every == calendar.None || every == calendar.Interval(ResetNever) {
		return goes + ", and there are no windows here"
	}
	return fmt.Sprintf("%s, not with windows of %s", goes, every)
}

// window checks what an item says of its windows, and what follows from them.
func (a *application) window(path string, spec *PlanSpec, t *Terms, it *Item) {
	f := a.next.Features[it.Feature]
	if spec.Kind == KindAddOn || spec.Kind == KindPack {
		it.PerQuantity = false // they always are
	} else if it.PerQuantity && t.Quantity == nil && (f.Type == Metered || f.Type == Charge) {
		a.fault(path+".per", "per: quantity goes with a plan that has a quantity; add quantity: true to the plan, or remove per")
	}
	if f.Type != Metered || spec.Kind == KindPack {
		return
	}
	every := t.every(it.Reset)
	switch {
	case it.Align != "" && !alignable(every):
		a.fault(path+".align", "%s; remove align", notAlignable(every))
	case t.Align != "" && it.Reset != ResetCycle && it.Reset != ResetNever && !alignable(every):
		a.fault(path+".reset", "%s, and the plan has align: calendar; give align to single items instead, or reset this one by one unit", notAlignable(every))
	}
	if it.OverLimit.Policy == Allow && t.window(it).Every == calendar.None && !(spec.Kind == KindAddOn && it.Reset == ResetCycle) {
		if a.published(spec.Code, t, it) {
			a.warn(warnAllowForGood, "plan %s has over_limit: allow on %s, which never resets: who comes down to it keeps the old limit for good", spec.Code, it.Feature)
		} else {
			a.fault(path+".over_limit", "allow lasts until usage resets, and %s never does here; give block or {grace: {days: 7}}, or another reset", it.Feature)
		}
	}
	if it.Rollover != nil && t.window(it).Every == calendar.None && !(spec.Kind == KindAddOn && it.Reset == ResetCycle) {
		a.fault(path+".rollover", "what is left rolls over when usage resets, and %s never does here; remove rollover, or give another reset", it.Feature)
	}
	if it.Align != "" || t.Align != "" {
		for _, c := range it.Caps {
			if every := calendar.Interval(c.Reset); c.Reset != ResetCycle && c.Reset != ResetNever && !alignable(every) {
				a.fault(path+".caps", "%s, and the item is aligned; give caps by one unit, or remove align", notAlignable(every))
			}
		}
	}
}

// published reports whether an item, in terms with the same windows, is what the
// newest published version of its plan has: it was accepted once and stays.
func (a *application) published(plan Code, t *Terms, it *Item) bool {
	old := a.old.Plans[plan]
	if old == nil || old.Status != Published {
		return false
	}
	was := &old.Latest().Terms
	i := was.Find(it.Feature)
	if i < 0 || was.Cycle != t.Cycle || was.Align != t.Align {
		return false
	}
	next := *it
	return len(itemDetails(&was.Items[i], &next)) == 0
}

func (a *application) quantity(path string, q *Quantity) *Quantity {
	if q == nil {
		return nil
	}
	out := *q
	if out.least() == 1 {
		out.Min = nil
	}
	if out.least() < 1 || out.Max != nil && *out.Max < out.least() {
		a.fault(path, "a quantity is from min, at least 1, to max, at least min; this one is %s", out.text())
	}
	return &out
}
