package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// history is what the feed tells of a customer's agreements and overrides, as far as it is
// read.
type history struct {
	agreements map[string]api.Agreement
	overrides  map[string]api.Override
}

// agreementTypes and overrideTypes are the events that say how these stand.
var (
	agreementTypes = []string{
		api.EventAgreementCreated, api.EventAgreementChanged, api.EventAgreementCancelled, api.EventAgreementResumed,
		api.EventAgreementStarted, api.EventAgreementEnded,
	}
	overrideTypes = []string{api.EventOverrideSet, api.EventOverrideEnded}
)

// history reads it, newest first: one call. The API lists what is live and scheduled; what
// is over stands in the feed alone.
func (c *call) history(p *customerPage) (*history, error) {
	h := &history{map[string]api.Agreement{}, map[string]api.Override{}}
	if c.may(api.ScopeReadEvents) {
		list, err := c.api.Events.List(c.Context(), client.EventParams{
			BeforeEnd: true, CustomerID: p.ID, Types: slices.Concat(agreementTypes, overrideTypes), PageSize: agreementEvents,
		})
		if err != nil {
			return nil, err
		}
		p.Partial = list.HasMore
		for i := range list.Events {
			if err := h.tell(&list.Events[i]); err != nil {
				return nil, err
			}
		}
	}
	h.correct(p)
	for id, o := range h.overrides {
		p.overrides[id] = o
		live := !p.Now.Before(o.StartsOn.Time) && (o.ExpiresOn == nil || p.Now.Before(o.ExpiresOn.Time))
		p.Overrides = append(p.Overrides, overrideRow{o, p.names.feature(o.FeatureCode), upper(p.names.override(&o, p.Zone)), live})
	}
	slices.SortFunc(p.Overrides, func(a, b overrideRow) int {
		return cmp.Or(b.StartsOn.Compare(a.StartsOn.Time), cmp.Compare(a.ID, b.ID))
	})
	return h, nil
}

// correct puts what the API lists in the place of what the feed says, which hears of changes
// a moment later: what is live or scheduled by the feed alone is over.
func (h *history) correct(p *customerPage) {
	now := api.Time{Time: p.Now}
	agreements, overrides := map[string]api.Agreement{}, map[string]api.Override{}
	for _, a := range p.Agreements {
		agreements[a.ID] = a
	}
	for _, o := range p.Customer.Overrides {
		overrides[o.ID] = o
	}
	for id, a := range h.agreements {
		if _, listed := agreements[id]; listed || a.StartsOn.After(p.Now) {
			continue
		}
		if a.ExpiresOn == nil || a.ExpiresOn.After(p.Now) {
			a.ExpiresOn = &now
		}
		agreements[id] = a
	}
	for id, o := range h.overrides {
		if _, listed := overrides[id]; listed || o.StartsOn.After(p.Now) {
			continue
		}
		if o.ExpiresOn == nil || o.ExpiresOn.After(p.Now) {
			o.ExpiresOn = &now
		}
		overrides[id] = o
	}
	h.agreements, h.overrides = agreements, overrides
}

// tell takes in what an event says: of an agreement that was withdrawn nothing is left.
func (h *history) tell(e *api.Event) error {
	var change api.EventChange
	if err := json.Unmarshal(e.Data, &change); err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	var thing struct {
		ID string `json:"id"`
	}
	text := change.After
	if text == nil {
		text = change.Before
	}
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &thing); err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	var err error
	switch {
	case slices.Contains(overrideTypes, e.Type):
		o := h.overrides[thing.ID]
		err = json.Unmarshal(text, &o)
		if change.After == nil {
			o.ExpiresOn = &e.On
		}
		h.overrides[thing.ID] = o
		h.replaced(e, &change, thing.ID)
	case change.After == nil:
		delete(h.agreements, thing.ID)
	default:
		a := h.agreements[thing.ID]
		err = json.Unmarshal(text, &a)
		h.agreements[thing.ID] = a
	}
	if err != nil {
		return fmt.Errorf("event %d: %w", e.ID, err)
	}
	return nil
}

// replaced ends the override that another one took the place of.
func (h *history) replaced(e *api.Event, change *api.EventChange, by string) {
	var before api.Override
	if json.Unmarshal(change.Before, &before) == nil && before.ID != "" && before.ID != by {
		before.ExpiresOn = &e.On
		h.overrides[before.ID] = before
	}
}

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

// chart is what was used of a feature day by day.
type chart struct {
	Feature, Code string
	Days          []dayRow
	Limit         *int64
	Windows       []windowRow
	Caption       string
}

// dayRow is a day of a chart.
type dayRow struct {
	Day    time.Time
	Second int64
	Units  string
	Sum    string // used in the window by the end of the day, of what the chart shows
	Opens  bool   // a window begins in it
}

// windowRow is a window in which usage was counted.
type windowRow struct {
	From, To, Used string
}

// creditView is what use of a feature is paid from.
type creditView struct {
	*api.Credits
	Feature string
	Rows    []creditRow
	Ledger  string // its address
}

// creditRow is a source that use is paid from, in the order in which it burns.
type creditRow struct {
	What, Left, Of, Held, Until string
	Bar                         *bar
	Voidable                    string // the id of a grant
}

// usageOf reads the chart of one feature, and what its use is paid from: three calls.
func (c *call) usageOf(p *customerPage, q url.Values) error {
	p.Chosen = q.Get("feature")
	if p.Chosen == "" || p.names.features[p.Chosen].Type != api.FeatureMetered {
		p.Chosen = p.mostUsed()
	}
	if p.Chosen == "" || p.Deleted() {
		return nil
	}
	to := earlier(p.At, p.Now)
	from := to.AddDate(0, 0, -chartDays+1)
	series, err := c.api.Usage.Series(c.Context(), client.SeriesParams{CustomerID: p.ID, FeatureCode: p.Chosen, From: from, To: to})
	if err != nil {
		return err
	}
	usage, err := c.api.Usage.List(c.Context(), client.UsageParams{
		PageParams: client.PageParams{PageSize: 1}, CustomerID: p.ID, FeatureCode: p.Chosen, From: series.From.Time, To: series.To.Time,
	})
	if err != nil {
		return err
	}
	p.Chart = p.newChart(series, usage)
	var at time.Time
	if p.Asked != "" {
		at = p.At
	}
	credits, err := c.api.Credits.Get(c.Context(), client.CreditParams{CustomerID: p.ID, FeatureCode: p.Chosen, At: at})
	if err != nil {
		return err
	}
	p.Credits = p.newCredits(credits)
	p.Credits.Ledger = p.Path + "/ledger?feature=" + url.QueryEscape(p.Chosen)
	return nil
}

// mostUsed is the feature whose chart is shown unasked: one that needs a look, else one
// that is used, else any that is metered.
func (p *customerPage) mostUsed() string {
	for _, f := range p.Look {
		if f.Type == api.FeatureMetered {
			return f.FeatureCode
		}
	}
	for _, f := range p.Metered {
		if !none(f.Used) {
			return f.FeatureCode
		}
	}
	for _, f := range p.Metered {
		return f.FeatureCode
	}
	return ""
}

func (p *customerPage) newChart(series *api.UsageSeries, usage *api.Usage) *chart {
	ch := &chart{Feature: p.names.feature(p.Chosen), Code: p.Chosen}
	for _, f := range p.Metered {
		if f.FeatureCode == p.Chosen {
			ch.Limit = f.Limit
		}
	}
	var opens []time.Time
	for _, w := range usage.Windows {
		row := windowRow{From: "the beginning", To: "for ever", Used: p.names.units(string(w.Used), p.Chosen)}
		if w.StartsOn != nil {
			row.From = web.Instant(w.StartsOn.Time, p.Zone)
			opens = append(opens, w.StartsOn.Time)
		}
		if w.EndsOn != nil {
			row.To = web.Instant(w.EndsOn.Time, p.Zone)
			opens = append(opens, w.EndsOn.Time)
		}
		ch.Windows = append(ch.Windows, row)
	}
	slices.Reverse(ch.Windows)
	sum := rational("0")
	for _, b := range series.Series {
		day := dayRow{Day: b.StartsOn.Time, Second: b.StartsOn.Unix(), Units: string(b.Units)}
		for _, t := range opens {
			if !t.Before(b.StartsOn.Time) && t.Before(b.EndsOn.Time) {
				day.Opens = true
			}
		}
		if day.Opens { // of a day in which two windows meet, the day itself tells which is which no more
			sum = rational("0")
		}
		sum = sum.Add(sum, rational(b.Units))
		day.Sum = strings.TrimSuffix(strings.TrimRight(sum.FloatString(6), "0"), ".")
		ch.Days = append(ch.Days, day)
	}
	ch.Caption = fmt.Sprintf("%s a day, %s to %s, by the clocks of %s", ch.Feature, series.From.In(p.Zone).Format("2 Jan"), series.To.Add(-time.Second).In(p.Zone).Format("2 Jan 2006"), series.TimeZone)
	return ch
}

// creditWords are the kinds of what use is paid from.
var creditWords = map[string]string{
	api.CreditAllowance: "Allowance", api.CreditRollover: "Carried over", api.CreditPromotional: "Promotional grant", api.CreditPaid: "Grant",
}

func (p *customerPage) newCredits(of *api.Credits) *creditView {
	v := &creditView{Credits: of, Feature: p.names.feature(of.FeatureCode)}
	for _, s := range of.Sources {
		row := creditRow{What: creditWords[s.Kind], Left: "without a limit", Of: "", Held: "", Until: until(s.ExpiresOn, p.Zone)}
		if w := s.Window; w != nil && w.EndsOn != nil {
			row.Until = until(w.EndsOn, p.Zone)
			if s.Kind == api.CreditRollover {
				row.Until = until(s.ExpiresOn, p.Zone)
			}
		}
		if s.Remaining != nil {
			row.Left = p.names.units(string(*s.Remaining), of.FeatureCode)
		}
		if s.Amount != nil {
			row.Of = web.Number(string(*s.Amount))
			if s.Remaining != nil {
				used := rational(*s.Amount)
				used.Sub(used, rational(*s.Remaining)).Sub(used, rational(s.Held))
				if used.Sign() < 0 {
					used = rational("0")
				}
				if whole := rational(*s.Amount); whole.IsInt() && whole.Num().IsInt64() {
					row.Bar = newBar(api.Decimal(used.FloatString(6)), s.Held, whole.Num().Int64(), row.What+": "+row.Left+" left of "+row.Of)
				}
			}
		}
		if !none(s.Held) {
			row.Held = web.Number(string(s.Held))
		}
		if len(s.Only) > 0 {
			row.What += " (only for " + strings.Join(s.Only, ", ") + ")"
		}
		if g, ok := p.grants[s.ID]; ok && g.Pack != "" {
			row.What += ", pack " + p.names.plan(g.Pack)
		}
		if s.Kind == api.CreditPaid || s.Kind == api.CreditPromotional {
			row.Voidable = s.ID
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// eventRow is an event as the page shows it.
type eventRow struct {
	api.Event
	Says string
	Who  string
	Text string // all of it, indented
}

// eventsOf reads a page of what has happened to the customer, the newest first: one call.
func (c *call) eventsOf(p *customerPage, q url.Values) error {
	if !c.may(api.ScopeReadEvents) {
		return nil
	}
	params := client.EventParams{CustomerID: p.ID, PageSize: eventsOnPage, BeforeEnd: true}
	if before, err := strconv.ParseInt(q.Get("events"), 10, 64); err == nil && before > 0 {
		params.BeforeEnd, params.Before = false, before
	}
	p.Newest = params.BeforeEnd
	list, err := c.api.Events.List(c.Context(), params)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(list.Events) {
		row := eventRow{Event: e, Says: p.names.happened(&e), Who: actor(e.Actor)}
		var text bytes.Buffer
		if err := json.Indent(&text, e.Data, "", "  "); err != nil {
			return fmt.Errorf("event %d: %w", e.ID, err)
		}
		row.Text = text.String()
		p.Events = append(p.Events, row)
	}
	if list.HasMore {
		q := c.URL.Query()
		q.Set("events", strconv.FormatInt(list.Next, 10))
		p.Older = p.Path + "?" + q.Encode() + "#events"
	}
	return nil
}

// happened is an event in a few words.
func (n names) happened(e *api.Event) string {
	what := upper(strings.NewReplacer(".", " ", "_", " ").Replace(e.Type))
	var data struct {
		Before, After struct {
			PlanCode    string `json:"plan_code"`
			FeatureCode string `json:"feature_code"`
			Status      string `json:"status"`
		}
		FeatureCode string              `json:"feature_code"`
		Features    []api.FeatureChange `json:"features"`
		Changed     []string            `json:"changed"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return what
	}
	about := ""
	switch {
	case data.After.PlanCode+data.Before.PlanCode != "":
		about = n.plan(cmp.Or(data.After.PlanCode, data.Before.PlanCode))
	case data.After.FeatureCode+data.Before.FeatureCode+data.FeatureCode != "":
		about = n.feature(cmp.Or(data.After.FeatureCode, data.Before.FeatureCode, data.FeatureCode))
	case len(data.Features) > 0:
		var all []string
		for _, f := range data.Features[:min(3, len(data.Features))] {
			all = append(all, n.feature(f.FeatureCode))
		}
		about = strings.Join(all, ", ")
		if more := len(data.Features) - len(all); more > 0 {
			about += fmt.Sprintf(" and %d more", more)
		}
	case data.Before.Status != data.After.Status && data.Before.Status != "" && data.After.Status != "":
		about = data.After.Status
	case len(data.Changed) > 0:
		about = strings.Join(data.Changed, ", ")
	}
	if about == "" {
		return what
	}
	return what + ": " + about
}
