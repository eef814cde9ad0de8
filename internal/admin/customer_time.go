package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// span is an agreement on the time line.
type span struct {
	api.Agreement
	Called string
	What   string // its state, for people
	Level  string // of its badge
	// Left, Width and Trial are where it is drawn, of 1000.
	Left, Width, Trial string
	Now                string // where now is
	At                 string // where the instant is that is looked at
	Live               bool   // at that instant
}

// Own reports whether the agreement has not ended: it can be changed.
func (s span) Own() bool { return s.Status != api.AgreementEnded }

// slider goes over the time that something is known of.
type slider struct {
	From, To, Step, Value int64 // seconds since 1970
	Marks                 []mark
	Before, After         *mark // the nearest on both sides
	Start, End            string
	Now                   string // where now is, of 1000
}

// mark is an instant at which something changes.
type mark struct {
	T      time.Time
	Text   string
	When   string
	Left   string // of 1000
	Second int64
	Here   bool // it is what is looked at
	Past   bool
}

// Instant is the value of "at" that looks at a mark.
func (m mark) Instant() string { return api.Time{Time: m.T}.String() }

// manyMarks is how many marks stand beside the slider: the nearest.
const manyMarks = 24

// drawTime makes the slider, the time line and the line that says what the customer is on. It
// goes by all that the customer is entitled to, whichever features are looked for.
func (p *customerPage) drawTime(h *history, entitled []api.Entitlement) {
	texts := map[int64][]string{}
	add := func(t *api.Time, text string) {
		if t != nil && !slices.Contains(texts[t.UnixMicro()], text) {
			texts[t.UnixMicro()] = append(texts[t.UnixMicro()], text)
		}
	}
	for _, a := range h.agreements {
		name := p.names.plan(a.PlanCode)
		add(&a.StartsOn, name+" starts")
		add(a.ExpiresOn, name+" ends")
		add(a.TrialEndsOn, "trial of "+name+" ends")
	}
	for _, o := range h.overrides {
		name := p.names.feature(o.FeatureCode)
		add(&o.StartsOn, "override of "+name+" starts")
		add(o.ExpiresOn, "override of "+name+" ends")
	}
	for _, g := range p.grants {
		name := p.names.feature(g.FeatureCode)
		add(&g.EffectiveOn, "grant of "+name+" starts")
		add(g.ExpiresOn, "grant of "+name+" expires")
	}
	for i := range entitled { // what the things above do not tell already
		if n := entitled[i].NextChange; n != nil && texts[n.On.UnixMicro()] == nil {
			add(&n.On, changeWord(n.Why))
		}
	}
	from, to := p.Now.AddDate(0, -1, 0), p.Now.AddDate(0, 2, 0)
	var marks []mark
	for micro, said := range texts {
		slices.Sort(said)
		t := time.UnixMicro(micro).UTC()
		marks = append(marks, mark{T: t, Text: strings.Join(said, "; "), When: web.Instant(t, p.Zone), Second: t.Unix(), Here: p.Asked != "" && t.Equal(p.At), Past: t.Before(p.Now)})
		from, to = earlier(from, t), later(to, t)
	}
	from, to = earlier(from, p.At), later(to, p.At)
	edge := to.Sub(from) / 50
	from, to = from.Add(-edge), to.Add(edge)
	slices.SortFunc(marks, func(a, b mark) int { return a.T.Compare(b.T) })
	place := func(t time.Time) string { return placed(t, from, to) }
	for i := range marks {
		marks[i].Left = place(marks[i].T)
		switch m := &marks[i]; {
		case m.T.Before(p.At):
			p.Slider.Before = m
		case m.T.After(p.At) && p.Slider.After == nil:
			p.Slider.After = m
		}
	}
	s := &p.Slider
	s.From, s.To, s.Value = from.Unix(), to.Unix(), p.At.Unix()
	s.Now = place(p.Now)
	s.Step = max(60, (s.To-s.From)/500/3600*3600)
	s.Start, s.End = from.In(p.Zone).Format("2 Jan 2006"), to.In(p.Zone).Format("2 Jan 2006")
	s.Marks = nearest(marks, p.At)
	p.drawSpans(h, from, to)
	p.Line = p.line()
}

// nearest are the marks around an instant.
func nearest(marks []mark, at time.Time) []mark {
	if len(marks) <= manyMarks {
		return marks
	}
	i, _ := slices.BinarySearchFunc(marks, at, func(m mark, t time.Time) int { return m.T.Compare(t) })
	first := min(max(0, i-manyMarks/2), len(marks)-manyMarks)
	return marks[first : first+manyMarks]
}

// placed is where an instant is between two, of 1000.
func placed(t, from, to time.Time) string {
	share := 1000 * float64(t.Sub(from)) / float64(max(1, to.Sub(from)))
	return strconv.FormatFloat(min(max(share, 0), 1000), 'f', 1, 64)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// drawSpans makes the rows of the time line: plans before add-ons, by their starts.
func (p *customerPage) drawSpans(h *history, from, to time.Time) {
	for _, a := range h.agreements {
		if a.Quantity == 0 {
			a.Quantity = 1
		}
		s := span{Agreement: a, Called: p.names.plan(a.PlanCode), Now: placed(p.Now, from, to), At: placed(p.At, from, to)}
		end := to
		if a.ExpiresOn != nil {
			end = a.ExpiresOn.Time
		}
		s.Left = placed(a.StartsOn.Time, from, to)
		s.Width = placedWidth(a.StartsOn.Time, end, from, to)
		if a.TrialEndsOn != nil {
			s.Trial = placedWidth(a.StartsOn.Time, earlier(a.TrialEndsOn.Time, end), from, to)
		}
		s.Live = !p.At.Before(a.StartsOn.Time) && (a.ExpiresOn == nil || p.At.Before(a.ExpiresOn.Time))
		switch {
		case a.ExpiresOn != nil && !p.Now.Before(a.ExpiresOn.Time):
			s.Status, s.What = api.AgreementEnded, "ended"
		case p.Now.Before(a.StartsOn.Time):
			s.Status, s.What, s.Level = api.AgreementScheduled, "scheduled", "accent"
		default:
			s.Status, s.What, s.Level = api.AgreementLive, "live", "good"
			if a.TrialEndsOn != nil && p.Now.Before(a.TrialEndsOn.Time) {
				s.What, s.Level = "in trial", "accent"
			}
		}
		p.Spans = append(p.Spans, s)
	}
	slices.SortFunc(p.Spans, func(a, b span) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), a.StartsOn.Compare(b.StartsOn.Time), cmp.Compare(a.ID, b.ID))
	})
}

// placedWidth is how long a span is between two instants, of 1000: never nothing.
func placedWidth(start, end, from, to time.Time) string {
	share := 1000 * float64(later(start, end).Sub(later(start, from))) / float64(max(1, to.Sub(from)))
	return strconv.FormatFloat(min(max(share, 3), 1000), 'f', 1, 64)
}

// line says what the customer is on at the instant that is looked at, and until when.
func (p *customerPage) line() string {
	var parts []string
	for _, s := range p.Spans {
		if !s.Live {
			continue
		}
		text := s.Called
		if s.Quantity > 1 {
			text = fmt.Sprintf("%d × %s", s.Quantity, text)
		}
		if s.Annual {
			text += ", yearly"
		}
		if s.TrialEndsOn != nil && p.At.Before(s.TrialEndsOn.Time) {
			text += ", in trial until " + web.Instant(s.TrialEndsOn.Time, p.Zone)
		}
		if s.ExpiresOn != nil {
			text += ", ends on " + web.Instant(s.ExpiresOn.Time, p.Zone)
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "On no plan"
	}
	return "On " + strings.Join(parts, "; and ")
}
