package admin

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

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
