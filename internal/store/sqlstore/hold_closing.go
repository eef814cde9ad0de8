package sqlstore

import (
	"database/sql/driver"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

func windowStart(w *billing.Window) any {
	if w == nil {
		return nil
	}
	return start(w.Start)
}

func windowEnd(w *billing.Window) any {
	if w == nil {
		return nil
	}
	return end(w.End)
}

func counted(c *usage.Closing) any {
	if c == nil {
		return nil
	}
	return int64(c.Counted)
}

// closing is how a hold was closed, as a JSON document without what was counted, which
// has a column. None is the empty text.
type closing struct{ *usage.Closing }

// closingDoc is a document of the schema, as termsDoc is. Times are in microseconds.
type closingDoc struct {
	Of          billing.Units  `json:"of,omitempty"`
	Units       *billing.Units `json:"units,omitempty"`
	Over        usage.Over     `json:"over,omitempty"`
	Granted     bool           `json:"granted,omitempty"`
	Max         *int64         `json:"max,omitempty"`
	Soft        bool           `json:"soft,omitempty"`
	Used        billing.Units  `json:"used"`
	Held        billing.Units  `json:"held"`
	Remaining   *billing.Units `json:"remaining,omitempty"`
	WindowStart *int64         `json:"window_start,omitempty"`
	WindowEnd   *int64         `json:"window_end,omitempty"`
	Caps        []capSaid      `json:"caps,omitempty"`
	Included    *int64         `json:"included,omitempty"`
	Rate        *rateDoc       `json:"rate,omitempty"`
	Sources     []sourceDoc    `json:"sources,omitempty"`
	Pool        *poolSaid      `json:"pool,omitempty"`
	Draws       []drawSaid     `json:"draws,omitempty"`
	Overage     billing.Units  `json:"overage,omitempty"`
	Uncovered   billing.Units  `json:"uncovered,omitempty"`
	NextOn      *int64         `json:"next_on,omitempty"`
	NextWhy     string         `json:"next_why,omitempty"`
	Revision    [2]int64       `json:"revision"`
}

type sourceDoc struct {
	Kind   billing.SourceKind `json:"kind"`
	ID     string             `json:"id"`
	Plan   billing.Code       `json:"plan,omitempty"`
	Max    *int64             `json:"max,omitempty"`
	Counts bool               `json:"counts,omitempty"`
}

// capSaid is a cap as it stood.
type capSaid struct {
	Max         int64         `json:"max"`
	Reset       billing.Reset `json:"reset"`
	WindowStart *int64        `json:"window_start,omitempty"`
	WindowEnd   *int64        `json:"window_end,omitempty"`
	Used        billing.Units `json:"used"`
	Held        billing.Units `json:"held"`
	Remaining   billing.Units `json:"remaining"`
}

// poolSaid is what was burned, as it stood.
type poolSaid struct {
	Feature    billing.Code  `json:"feature"`
	Units      billing.Units `json:"units"`
	Uses       billing.Units `json:"uses"`
	Available  billing.Units `json:"available"`
	Overage    billing.Units `json:"overage,omitempty"`
	Soft       bool          `json:"soft,omitempty"`
	OverageMax *int64        `json:"overage_max,omitempty"`
	Capped     billing.Units `json:"capped"`
	Draws      []drawSaid    `json:"draws,omitempty"`
}

type drawSaid struct {
	Source      string              `json:"source"`
	Class       billing.CreditClass `json:"class,omitempty"`
	WindowStart *int64              `json:"window_start,omitempty"`
	WindowEnd   *int64              `json:"window_end,omitempty"`
	Units       billing.Units       `json:"units"`
}

func drawsSaid(of []billing.CreditDraw) (out []drawSaid, err error) {
	for _, d := range of {
		if err := checkText(d.Source); err != nil {
			return nil, err
		}
		out = append(out, drawSaid{d.Source, d.Class, docTime(d.Window.Start), docTime(d.Window.End), d.Units})
	}
	return out, nil
}

func saidDraws(said []drawSaid) (out []billing.CreditDraw) {
	for _, d := range said {
		c := billing.CreditDraw{Source: d.Source, Class: d.Class, Units: d.Units}
		c.Window.Start, c.Window.End = fromDoc(d.WindowStart), fromDoc(d.WindowEnd)
		out = append(out, c)
	}
	return out
}

// poolsSaid is what was burned, as it is kept; nil of nothing.
func poolsSaid(p *billing.PoolCredit) (*poolSaid, error) {
	if p == nil {
		return nil, nil
	}
	if err := checkText(string(p.Feature)); err != nil {
		return nil, err
	}
	draws, err := drawsSaid(p.Draws)
	return &poolSaid{p.Feature, p.Units, p.Uses, p.Available, p.Overage, p.Soft, p.OverageMax, p.Capped, draws}, err
}

func (p *poolSaid) pool() *billing.PoolCredit {
	if p == nil {
		return nil
	}
	return &billing.PoolCredit{
		Feature: p.Feature, Units: p.Units, Uses: p.Uses, Available: p.Available, Overage: p.Overage,
		Soft: p.Soft, OverageMax: p.OverageMax, Capped: p.Capped, Draws: saidDraws(p.Draws),
	}
}

// Value implements [driver.Valuer].
func (c closing) Value() (driver.Value, error) {
	if c.Closing == nil {
		return "", nil
	}
	a := &c.Answer
	if err := checkText(string(c.Asked.Over)); err != nil {
		return nil, err
	}
	doc := closingDoc{
		Of: c.Of, Units: c.Asked.Units, Over: c.Asked.Over, Granted: a.Granted, Max: a.Limit.Max, Soft: a.Limit.Soft,
		Used: a.Used, Held: a.Held, Remaining: a.Remaining,
		WindowStart: docTime(a.Window.Start), WindowEnd: docTime(a.Window.End),
		Revision: [2]int64{a.Revision.Catalog, a.Revision.Customer}, Overage: a.Overage, Uncovered: a.Uncovered, Included: a.Included, Rate: (*rateDoc)(a.Rate),
	}
	for _, cp := range a.Caps {
		if err := checkText(string(cp.Reset)); err != nil {
			return nil, err
		}
		doc.Caps = append(doc.Caps, capSaid{
			Max: cp.Max, Reset: cp.Reset, WindowStart: docTime(cp.Window.Start), WindowEnd: docTime(cp.Window.End),
			Used: cp.Used, Held: cp.Held, Remaining: cp.Remaining,
		})
	}
	var err error
	if doc.Pool, err = poolsSaid(a.Pool); err != nil {
		return nil, err
	}
	if doc.Draws, err = drawsSaid(a.Draws); err != nil {
		return nil, err
	}
	for _, s := range a.Sources {
		if err := checkText(string(s.Kind), s.ID, string(s.Plan)); err != nil {
			return nil, err
		}
		doc.Sources = append(doc.Sources, sourceDoc(s))
	}
	if a.NextChange != nil {
		if err := checkText(string(a.NextChange.Why)); err != nil {
			return nil, err
		}
		doc.NextOn, doc.NextWhy = docTime(a.NextChange.On), string(a.NextChange.Why)
	}
	return marshal(doc)
}

// Scan implements [sql.Scanner].
func (c *closing) Scan(v any) error {
	c.Closing = nil
	if v == "" {
		return nil
	}
	var doc closingDoc
	if err := unmarshal(v, &doc); err != nil {
		return err
	}
	out := &usage.Closing{Of: doc.Of, Asked: usage.Confirm{Units: doc.Units, Over: doc.Over}}
	a := &out.Answer
	a.Granted, a.Limit = doc.Granted, billing.Limit{Max: doc.Max, Soft: doc.Soft}
	a.Used, a.Held, a.Remaining = doc.Used, doc.Held, doc.Remaining
	a.Window.Start, a.Window.End = fromDoc(doc.WindowStart), fromDoc(doc.WindowEnd)
	a.Revision = billing.Revision{Catalog: doc.Revision[0], Customer: doc.Revision[1]}
	a.Included, a.Rate = doc.Included, (*billing.Rate)(doc.Rate)
	for _, d := range doc.Caps {
		cp := billing.CapAt{Cap: billing.Cap{Max: d.Max, Reset: d.Reset}, Used: d.Used, Held: d.Held, Remaining: d.Remaining}
		cp.Window.Start, cp.Window.End = fromDoc(d.WindowStart), fromDoc(d.WindowEnd)
		a.Caps = append(a.Caps, cp)
	}
	a.Pool, a.Draws, a.Overage, a.Uncovered = doc.Pool.pool(), saidDraws(doc.Draws), doc.Overage, doc.Uncovered
	for _, s := range doc.Sources {
		a.Sources = append(a.Sources, billing.Source(s))
	}
	if doc.NextOn != nil {
		a.NextChange = &billing.NextChange{On: fromDoc(doc.NextOn), Why: billing.ChangeReason(doc.NextWhy)}
	}
	c.Closing = out
	return nil
}

func docTime(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMicro())
}

func fromDoc(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

// pins are what a hold sets aside of sources, as a JSON document. None is the empty text.
type pins []usage.Draw

type pinDoc struct {
	Source usage.SourceID `json:"source"`
	Units  billing.Units  `json:"units"`
}

// Value implements [driver.Valuer].
func (p pins) Value() (driver.Value, error) {
	if len(p) == 0 {
		return "", nil
	}
	docs := make([]pinDoc, len(p))
	for i, d := range p {
		if err := checkText(string(d.Source)); err != nil {
			return nil, err
		}
		docs[i] = pinDoc(d)
	}
	return marshal(docs)
}

// Scan implements [sql.Scanner].
func (p *pins) Scan(v any) error {
	*p = nil
	if v == "" {
		return nil
	}
	var docs []pinDoc
	if err := unmarshal(v, &docs); err != nil {
		return err
	}
	for _, d := range docs {
		*p = append(*p, usage.Draw(d))
	}
	return nil
}

// otherHold is the id of a hold that may be absent: zero is the empty text.
type otherHold usage.HoldID

// Value implements [driver.Valuer].
func (h otherHold) Value() (driver.Value, error) {
	if h == (otherHold{}) {
		return "", nil
	}
	return usage.HoldID(h).String(), nil
}

// Scan implements [sql.Scanner].
func (h *otherHold) Scan(v any) error {
	*h = otherHold{}
	if v == "" {
		return nil
	}
	return holdColumn((*usage.HoldID)(h)).Scan(v)
}
