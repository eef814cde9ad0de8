package wire

import (
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Credits shows what a customer can pay use of a feature with.
func Credits(of billing.CustomerID, c *service.CreditsAt) api.Credits {
	out := api.Credits{
		CustomerID: of.String(), FeatureCode: string(c.Feature.Code), At: api.Time{Time: c.At}, Unlimited: c.Unlimited,
		Debt: Amount(c.Debt), Held: Amount(c.Held), Overage: Amount(c.Overage), Sources: make([]api.CreditSource, len(c.Sources)),
		NextChange: nextChange(c.Allowance.NextChange), Revision: c.Revision.String(),
	}
	if !c.Unlimited {
		out.Available = new(Amount(c.Available))
	}
	for i := range c.Sources {
		s := &c.Sources[i]
		shown := api.CreditSource{
			Kind: creditKind(s.Class), ID: sourceID(s.ID), Window: creditWindow(s.Class, s.Window), Held: Amount(s.Held), ExpiresOn: api.NewTime(s.EndsOn),
		}
		for _, code := range s.Only {
			shown.Only = append(shown.Only, string(code))
		}
		if !s.Unlimited() {
			shown.Amount, shown.Remaining = new(Amount(*s.Amount)), new(Amount(s.Left))
		}
		out.Sources[i] = shown
	}
	return out
}

func creditKind(c billing.CreditClass) string {
	switch c {
	case billing.CreditRollover:
		return api.CreditRollover
	case billing.CreditAllowance:
		return api.CreditAllowance
	case billing.CreditPromotional:
		return api.CreditPromotional
	}
	return api.CreditPaid
}

// sourceID is the id that a source is shown by: that of a grant, or of the first agreement
// to an add-on whose windows are its own; "" of what its window tells.
func sourceID(id string) string {
	switch {
	case id == billing.OwnSource || strings.HasPrefix(id, billing.OwnSource+"/"):
		return ""
	case strings.HasPrefix(id, "addon/"):
		agreement, _, _ := strings.Cut(strings.TrimPrefix(id, "addon/"), "/")
		return agreement
	}
	return id
}

func creditWindow(c billing.CreditClass, w billing.Window) *api.CreditWindow {
	if c >= billing.CreditPromotional {
		return nil
	}
	return &api.CreditWindow{StartsOn: api.NewTime(w.Start), EndsOn: api.NewTime(w.End)}
}

// poolUse shows what a feature burns; nil of nothing.
func poolUse(p *billing.PoolCredit) *api.PoolUse {
	if p == nil {
		return nil
	}
	out := &api.PoolUse{FeatureCode: string(p.Feature), Units: Amount(p.Units), Draws: creditDraws(p.Draws)}
	if p.Beyond != "" {
		out.Units = api.Decimal(p.Beyond)
	}
	if left := p.Remaining(); left != nil {
		out.Remaining = new(Amount(*left))
	}
	return out
}

func creditDraws(of []billing.CreditDraw) []api.CreditDraw {
	var out []api.CreditDraw
	for _, d := range of {
		out = append(out, api.CreditDraw{Kind: creditKind(d.Class), ID: sourceID(d.Source), Window: creditWindow(d.Class, d.Window), Units: Amount(d.Units)})
	}
	return out
}

// UncoveredUnits shows what no source has paid for; "" if all was.
func UncoveredUnits(u billing.Units) api.Decimal { return someAmount(u) }

// someAmount shows an amount above 0; "" of none.
func someAmount(u billing.Units) api.Decimal {
	if u <= 0 {
		return ""
	}
	return Amount(u)
}

// CreditLedger shows a page of what was drawn of a feature.
func CreditLedger(of billing.CustomerID, feature billing.Code, entries []service.CreditEntry, more bool) api.CreditLedger {
	out := api.CreditLedger{CustomerID: of.String(), FeatureCode: string(feature), Entries: make([]api.CreditEntry, len(entries)), HasMore: more}
	for i := range entries {
		e := &entries[i]
		out.Entries[i] = api.CreditEntry{
			ID: e.ID, Type: string(e.Kind), Change: Amount(e.Change), CountedOn: api.Time{Time: e.CountedOn}, RecordedOn: api.Time{Time: e.RecordedOn},
			Corrects: e.Corrects, Of: e.Of, BurnedBy: string(e.BurnedBy), PaysFor: string(e.Pays), Draws: creditDraws(e.Drawn),
		}
		if out.Entries[i].Draws == nil {
			out.Entries[i].Draws = []api.CreditDraw{}
		}
	}
	return out
}

func nextChange(n *billing.NextChange) *api.NextChange {
	if n == nil {
		return nil
	}
	return &api.NextChange{On: api.Time{Time: n.On}, Why: string(n.Why)}
}
