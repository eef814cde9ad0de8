package cli

import (
	"context"
	"io"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type creditsCommand struct {
	remote    `embed:""`
	featureOf `embed:""`
	At        string  `placeholder:"TIME" help:"As of this time, past or future; by default now."`
	Known     *string `enum:"now" placeholder:"now" help:"With --at: count what was recorded since, at its own instant."`
	Ledger    bool    `help:"Show what was used, given back and paid, record by record."`
}

func (c *creditsCommand) Run(ctx context.Context, s *session) error {
	at, err := timeArg("at", c.At)
	if err != nil {
		return err
	}
	if c.Known != nil && at.IsZero() {
		return usagef("such as --at 2026-11-01 --known now", "--known goes with an --at of the past")
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	params := client.CreditParams{CustomerID: id, FeatureCode: string(c.Feature), At: at, KnownNow: c.Known != nil}
	if c.Ledger {
		return s.creditLedger(ctx, allot, params)
	}
	credits, err := allot.Credits.Get(ctx, params)
	if err != nil {
		return err
	}
	return s.print(credits, func(w io.Writer) {
		field(w, "available", bound(credits.Available))
		for _, of := range []struct {
			name  string
			units api.Decimal
		}{{"debt", credits.Debt}, {"held", credits.Held}, {"overage", credits.Overage}} {
			if of.units != "0" {
				field(w, of.name, of.units.String())
			}
		}
		field(w, "next change", nextChange(credits.NextChange))
		if len(credits.Sources) == 0 {
			return
		}
		row(w)
		row(w, "SOURCE", "AMOUNT", "REMAINING", "HELD", "EXPIRES", "ID")
		for _, source := range credits.Sources {
			row(w, source.Kind, bound(source.Amount), bound(source.Remaining), source.Held, instant(source.ExpiresOn), source.ID)
		}
	})
}

// bound is an amount; there may be no bound.
func bound(amount *api.Decimal) string {
	if amount == nil {
		return "unlimited"
	}
	return string(*amount)
}

// creditLedger shows all of it as one page.
func (s *session) creditLedger(ctx context.Context, allot *client.Client, params client.CreditParams) error {
	p := client.CreditLedgerParams{CreditParams: params, PageParams: client.PageParams{PageSize: api.MaxPageSize}}
	all, err := allot.Credits.Ledger(ctx, p)
	if err != nil {
		return err
	}
	if all.HasMore {
		p.StartingAfter = all.Entries[len(all.Entries)-1].ID
		for e, err := range allot.Credits.AllOfLedger(ctx, p) {
			if err != nil {
				return err
			}
			all.Entries = append(all.Entries, e)
		}
		all.HasMore = false
	}
	return s.print(all, func(w io.Writer) {
		row(w, "COUNTED", "TYPE", "CHANGE", "BY", "SOURCE", "UNITS", "ID", "RECORD")
		for _, e := range all.Entries {
			if len(e.Draws) == 0 {
				row(w, instant(&e.CountedOn), e.Type, e.Change, e.BurnedBy, "", "", "", e.ID)
			}
			for _, d := range e.Draws {
				row(w, instant(&e.CountedOn), e.Type, e.Change, e.BurnedBy, d.Kind, d.Units, d.ID, e.ID)
			}
		}
	})
}
