package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type grantCommands struct {
	Create createGrant `cmd:"" help:"Give a customer an amount of a feature, or what a pack has."`
	List   listGrants  `cmd:"" help:"List the grants of a customer, also those that are over."`
	Show   showGrant   `cmd:"" help:"Show a grant."`
	Void   voidGrant   `cmd:"" help:"Take back what is left of a grant."`
}

// unitPrice is a price of a unit, in minor units.
type unitPrice json.Number

var aPrice = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,12})?$`)

// UnmarshalText reads a price.
func (p *unitPrice) UnmarshalText(text []byte) error {
	if !aPrice.Match(text) {
		return fmt.Errorf("%q: want minor units (cents) a unit, such as 2 or 0.04", text)
	}
	*p = unitPrice(text)
	return nil
}

type createGrant struct {
	remote      `embed:""`
	customerArg `embed:""`
	Feature     string    `arg:"" optional:"" help:"Code of a metered feature; without --pack."`
	Amount      units     `arg:"" optional:"" help:"How many units, such as 500 or 0.25."`
	Pack        string    `placeholder:"CODE" help:"Code of a pack, in place of a feature and an amount."`
	Quantity    *number   `placeholder:"N" help:"How many of the pack; by default 1."`
	Kind        *string   `enum:"paid,promotional" placeholder:"paid|promotional" help:"Whether it was paid for; by default it was."`
	EffectiveOn string    `placeholder:"TIME" help:"When its life begins; by default now."`
	ExpiresOn   string    `placeholder:"TIME" help:"When it ends; by default never."`
	Priority    *priority `placeholder:"N" help:"From 0 to 100; lower burns first; by default 50, as allowances have."`
	Only        []string  `placeholder:"CODE,..." help:"The features that may use it up; by default all that can."`
	CostBasis   unitPrice `placeholder:"AMOUNT" help:"What a unit was paid with, in minor units (cents), such as 2 or 0.04."`
	Note        string    `help:"Why, for people."`
	ExternalID  string    `placeholder:"ID" help:"What another system calls the purchase, such as the id of the payment; again, it is the first grant."`
}

func (c *createGrant) Run(ctx context.Context, s *session) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	if c.Pack != "" {
		return c.buy(ctx, s, allot, id)
	}
	g, err := allot.Grants.Create(ctx, id, body)
	if err != nil {
		return err
	}
	s.warnings(g.Warnings)
	return s.grant(g)
}

func (c *createGrant) buy(ctx context.Context, s *session, allot *client.Client, id string) error {
	p := client.BuyParams{Pack: c.Pack, ExternalID: c.ExternalID}
	if c.Quantity != nil {
		p.Quantity = int64(*c.Quantity)
	}
	bought, err := allot.Grants.Buy(ctx, id, p)
	if err != nil {
		return err
	}
	s.warnings(bought.Warnings)
	return s.print(bought, func(w io.Writer) { grantRows(w, bought.Grants) })
}

func (c *createGrant) body() (body api.CreateGrantRequest, err error) {
	const hint = "such as `allot grant create CUSTOMER api_calls 500`, or `allot grant create CUSTOMER --pack calls_pack`"
	body = api.CreateGrantRequest{
		FeatureCode: c.Feature, Amount: api.Decimal(c.Amount), Kind: chosen(c.Kind), Priority: (*int64)(c.Priority), Only: c.Only,
		CostBasis: json.Number(c.CostBasis), Note: c.Note, ExternalID: c.ExternalID,
	}
	if body.EffectiveOn, err = instantArg("effective-on", c.EffectiveOn); err != nil {
		return body, err
	}
	if body.ExpiresOn, err = instantArg("expires-on", c.ExpiresOn); err != nil {
		return body, err
	}
	own := c.Feature != "" || c.Kind != nil || c.EffectiveOn != "" || c.ExpiresOn != "" || c.Priority != nil || len(c.Only) > 0 || c.CostBasis != "" || c.Note != ""
	switch {
	case c.Pack != "" && own:
		return body, usagef(hint, "with --pack there are only --quantity and --external-id: the pack says the rest")
	case c.Pack == "" && (c.Feature == "" || c.Amount == ""):
		return body, usagef(hint, "want a feature and an amount, or --pack")
	case c.Pack == "" && c.Quantity != nil:
		return body, usagef(hint, "--quantity is of a pack")
	}
	return body, nil
}

type listGrants struct {
	remote      `embed:""`
	customerArg `embed:""`
	Feature     string `placeholder:"CODE" help:"Only grants of this feature."`
}

func (c *listGrants) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	list := api.GrantList{Grants: []api.Grant{}}
	for g, err := range allot.Grants.All(ctx, client.GrantListParams{CustomerID: id, FeatureCode: c.Feature}) {
		if err != nil {
			return err
		}
		list.Grants = append(list.Grants, g)
	}
	return s.print(list, func(w io.Writer) { grantRows(w, list.Grants) })
}

func grantRows(w io.Writer, grants []api.Grant) {
	row(w, "GRANT", "FEATURE", "KIND", "STATUS", "AMOUNT", "REMAINING", "EFFECTIVE", "EXPIRES")
	for i := range grants {
		g := &grants[i]
		row(w, g.ID, g.FeatureCode, g.Kind, g.Status, g.Amount, g.Remaining, instant(&g.EffectiveOn), instant(g.ExpiresOn))
	}
}

// grantArg names a grant on the command line.
type grantArg struct {
	Grant name `arg:"" help:"The grant's id."`
}

type showGrant struct {
	remote   `embed:""`
	grantArg `embed:""`
}

func (c *showGrant) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	g, err := allot.Grants.Get(ctx, string(c.Grant))
	if err != nil {
		return err
	}
	return s.grant(g)
}

type voidGrant struct {
	remote     `embed:""`
	grantArg   `embed:""`
	ClawBack   bool   `help:"What was used of it is a debt, which other credits and allowances pay."`
	ExternalID string `placeholder:"ID" help:"What another system calls it, such as the id of the refund."`
}

func (c *voidGrant) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	voided, err := allot.Grants.Void(ctx, string(c.Grant), api.VoidGrantRequest{ClawBack: c.ClawBack, ExternalID: c.ExternalID})
	if err != nil {
		return err
	}
	return s.print(voided, func(w io.Writer) {
		field(w, "grant", voided.Grant.ID)
		field(w, "ended", instant(voided.Grant.EndedOn))
		field(w, "refundable", voided.Refundable.Units.String())
		field(w, "refundable for", integer(voided.Refundable.Amount))
		field(w, "debt", voided.Debt.String())
	})
}

func (s *session) grant(g *api.Grant) error {
	return s.print(g, func(w io.Writer) {
		field(w, "grant", g.ID)
		field(w, "customer", g.CustomerID)
		field(w, "feature", g.FeatureCode)
		field(w, "kind", g.Kind)
		field(w, "status", g.Status)
		field(w, "amount", g.Amount.String())
		field(w, "remaining", g.Remaining.String())
		for _, of := range []struct {
			name  string
			units api.Decimal
		}{{"drawn", g.Drawn}, {"held", g.Held}, {"debt", g.Debt}} {
			if of.units != "0" {
				field(w, of.name, of.units.String())
			}
		}
		field(w, "priority", strconv.FormatInt(g.Priority, 10))
		field(w, "effective", instant(&g.EffectiveOn))
		field(w, "expires", instant(g.ExpiresOn))
		field(w, "voided", instant(g.EndedOn))
		field(w, "cost basis", g.CostBasis.String())
		field(w, "pack", g.Pack)
		field(w, "external id", g.ExternalID)
		field(w, "note", g.Note)
	})
}
