package native

import (
	"net/http"
	"regexp"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// grantWish is what is asked for: an amount of a feature, or a pack.
type grantWish struct {
	billing.NewGrant
	billing.NewPurchase
}

// saidByPack are the fields that do not go with a pack.
var saidByPack = []string{"feature_code", "amount", "kind", "effective_on", "expires_on", "priority", "only", "cost_basis", "note"}

// grant reads what is asked for.
func (b body) grant() (in grantWish) {
	before := b.Wrong()
	amount := b.above("amount")
	in.NewGrant = billing.NewGrant{
		Feature:     billing.Code(b.Text("feature_code", wire.AFeatureCode)),
		EffectiveOn: b.Time("effective_on"), ExpiresOn: b.Time("expires_on"),
		Kind:      billing.GrantKind(b.OneOf("kind", "paid or promotional", api.GrantPaid, api.GrantPromotional)),
		Only:      b.codes("only"),
		CostBasis: b.price("cost_basis"),
		Note:      b.Text("note", door.SomeText),
	}
	if n := b.Integer("priority", 0, 100); n != nil {
		in.Priority = new(int(*n))
	}
	external := b.Text("external_id", door.SomeText)
	in.NewGrant.ExternalID = external
	in.NewPurchase = billing.NewPurchase{
		Pack: billing.Code(b.Text("pack", aPack)), Quantity: b.Count("quantity", api.MaxInteger), ExternalID: external,
	}
	switch {
	case b.Wrong() > before:
	case in.Pack != "":
		for _, name := range saidByPack {
			if b.Given(name) {
				b.Refuse(name, "left out: the pack says it")
			}
		}
	default:
		if in.Feature == "" {
			b.Require("feature_code", wire.AFeatureCode+"; or give pack")
		}
		if amount == nil {
			b.Require("amount", door.AnAmount)
		}
		if b.Given("quantity") {
			b.Refuse("quantity", "left out: it is of a pack")
		}
	}
	if amount != nil {
		in.Amount = *amount
	}
	return in
}

const aPack = "the code of a published pack"

// createGrant gives a customer an amount of a feature, or what a pack has.
func (h *handlers) createGrant(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := b.grant()
	if err := f.Err(); err != nil {
		return change{}, err
	}
	customer, err := h.named(c)
	if err != nil {
		return change{}, err
	}
	return change{Whose: customer, Do: func(u *service.Work) (door.Answer, error) {
		if in.Pack != "" {
			out, rev, err := u.BuyPack(customer, in.NewPurchase)
			return granted(&out, rev, wire.GrantPurchase(out.Grants, out.Warnings)), err
		}
		out, rev, err := u.CreateGrant(customer, in.NewGrant)
		if err != nil {
			return door.Answer{}, err
		}
		body := wire.Grant(&out.Grants[0])
		body.Warnings = wire.Warnings(out.Warnings)
		return granted(&out, rev, body), nil
	}}, nil
}

func granted(out *service.GrantsMade, rev billing.Revision, body any) door.Answer {
	ans := door.Answer{Revision: rev.String(), Body: body}
	if out.Made {
		ans.Status = http.StatusCreated
	}
	return ans
}

func (h *handlers) voidGrant(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	clawBack, external := b.yes("claw_back"), b.Text("external_id", door.SomeText)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := wire.GrantID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Whose: id.Customer(), Do: func(u *service.Work) (door.Answer, error) {
		g, rev, err := u.VoidGrant(id, clawBack, external)
		if err != nil {
			return door.Answer{}, err
		}
		return door.Answer{Revision: rev.String(), Body: wire.VoidedGrant(&g)}, nil
	}}, nil
}

func (h *handlers) grant(c *door.Call) (door.Answer, error) {
	id, err := wire.GrantID(c.PathValue("id"))
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.Grant, billing.Revision, error) {
		g, rev, err := h.Billing.Grant(c.Context(), id)
		return wire.Grant(&g), rev, err
	})
}

func (h *handlers) grants(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	feature := billing.Code(q.Words("feature_code"))
	page := service.Page[billing.GrantID](door.ReadPage(q, "a grant's id, as an earlier page showed it", billing.ParseGrantID))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.GrantList, billing.Revision, error) {
		grants, more, rev, err := h.Billing.Grants(c.Context(), id, feature, page)
		return wire.Grants(grants, more), rev, err
	})
}

// codes are a list of codes; nil if it is absent.
func (b body) codes(name string) (codes []billing.Code) {
	const what = "a list of codes of features"
	var texts []string
	if !door.Read(b.Body, name, what, &texts) {
		return nil
	}
	for _, text := range texts {
		if code := billing.Code(text); code.Valid() {
			codes = append(codes, code)
		} else {
			b.Refuse(name, what)
			return nil
		}
	}
	return codes
}

var aPrice = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// price is a price of a unit, as text or as a number; nil if it is absent.
func (b body) price(name string) *decimal.Decimal {
	const what = "minor units for a unit, such as 2 or 0.04: a decimal number from 0, without an exponent, of at most 19 digits"
	var text api.Decimal
	if !door.Read(b.Body, name, what, &text) || text == "" {
		return nil
	}
	d, err := decimal.Parse(string(text))
	// Parse rounds what it cannot hold.
	if err != nil || !aPrice.MatchString(string(text)) || len(text) > decimal.MaxPrec+1 {
		b.Refuse(name, what)
		return nil
	}
	return &d
}
