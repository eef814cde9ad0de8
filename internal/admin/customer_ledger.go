package admin

import (
	"cmp"
	"net/url"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// ledgerPage is a page of what used a feature, gave back or paid debts.
type ledgerPage struct {
	*customerPage
	Feature      string
	Entries      []ledgerEntry
	Older, Newer string // addresses of the pages beside; "" if there are none
}

// ledgerEntry is an entry of the ledger as the page shows it.
type ledgerEntry struct {
	api.CreditEntry
	What   string
	Amount string
	Draws  []string
}

// entriesOnPage is how many entries stand on a page.
const entriesOnPage = 50

// showLedger shows it from the oldest on: ids of records are those of who reported them, and
// none is behind all of them. Four calls.
func showLedger(c *call) (*screen, error) {
	q := c.URL.Query()
	of, err := c.api.Customers.Get(c.Context(), c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p := &ledgerPage{customerPage: c.newPage(of)}
	if p.names, p.All, err = c.names(); err != nil {
		return nil, err
	}
	feature := q.Get("feature")
	p.Feature = p.names.feature(feature)
	page := client.PageParams{PageSize: entriesOnPage, StartingAfter: q.Get("after")}
	if page.StartingAfter == "" {
		page.EndingBefore = q.Get("before")
	}
	list, err := c.api.Credits.Ledger(c.Context(), client.CreditLedgerParams{
		CreditParams: client.CreditParams{CustomerID: p.ID, FeatureCode: feature}, PageParams: page,
	})
	if err != nil {
		return nil, err
	}
	for _, e := range list.Entries {
		p.Entries = append(p.Entries, p.entry(e, feature))
	}
	if n := len(list.Entries); n > 0 {
		address := func(cursor, id string) string {
			return p.Path + "/ledger?" + url.Values{"feature": {feature}, cursor: {id}}.Encode()
		}
		forward := page.EndingBefore == ""
		if list.HasMore || !forward {
			p.Newer = address("after", list.Entries[n-1].ID)
		}
		if page.StartingAfter != "" || !forward && list.HasMore {
			p.Older = address("before", list.Entries[0].ID)
		}
	}
	return &screen{template: "customer_ledger", title: "Ledger of " + p.Feature + ": " + p.Called, at: customersPath, data: p}, nil
}

// recordWords are the types of records.
var recordWords = map[string]string{
	api.UsageDelta: "Reported", api.UsageAbsolute: "A reading", api.UsageConsumed: "Consumed", api.UsageFolded: "Days that are folded",
	api.UsageBurned: "Burned", api.UsageDebt: "A debt, paid",
}

// drawWords are the kinds of what units are drawn from.
var drawWords = map[string]string{
	api.CreditAllowance: "the allowance", api.CreditRollover: "what was carried over", api.CreditPromotional: "a promotional grant", api.CreditPaid: "a grant",
}

func (p *ledgerPage) entry(e api.CreditEntry, feature string) ledgerEntry {
	row := ledgerEntry{CreditEntry: e, What: cmp.Or(recordWords[e.Type], e.Type), Amount: web.Number(string(e.Change))}
	if e.BurnedBy != "" {
		row.What += " by " + p.names.feature(e.BurnedBy)
	}
	if e.Corrects != "" {
		row.What = "Takes back of " + e.Corrects
	}
	for _, d := range e.Draws {
		text := p.names.units(string(d.Units), feature) + " from " + cmp.Or(drawWords[d.Kind], d.Kind)
		if d.Window != nil && d.Window.StartsOn != nil {
			text += " of the window from " + web.Instant(d.Window.StartsOn.Time, p.Zone)
		}
		row.Draws = append(row.Draws, text)
	}
	return row
}
