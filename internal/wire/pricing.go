package wire

import (
	"cmp"
	"math"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// PriceList shows what is on sale and not hidden: of one group, or of all for "".
func PriceList(c *billing.Catalog, group billing.Code) api.PriceList {
	out := api.PriceList{Currency: c.Currency, Plans: []api.PricedPlan{}}
	for _, p := range c.Plans {
		if !isListed(p) || group != "" && p.Group != group {
			continue
		}
		beside := p.Latest().Beside
		shown := slices.DeleteFunc(slices.Clone(beside), func(code billing.Code) bool { return !isListed(c.Plans[code]) })
		if len(beside) > 0 && len(shown) == 0 {
			continue // it goes with nothing that is on the list
		}
		priced := pricedPlan(c, p)
		priced.Beside = codeTexts(shown)
		out.Plans = append(out.Plans, priced)
	}
	kinds := billing.Words[billing.PlanKind]()
	slices.SortFunc(out.Plans, func(a, b api.PricedPlan) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group),
			cmp.Compare(slices.Index(kinds, billing.PlanKind(a.Kind)), slices.Index(kinds, billing.PlanKind(b.Kind))),
			cmp.Compare(dearness(&a), dearness(&b)), cmp.Compare(a.Code, b.Code))
	})
	return out
}

// isListed reports whether a plan may be named on the price list.
func isListed(p *billing.Plan) bool {
	return p != nil && p.Status == billing.Published && !p.Hidden && !p.Archived
}

// dearness is about what a plan costs a year, to tell the cheaper from the dearer; those
// without an amount are the dearest.
func dearness(p *api.PricedPlan) (sum int64) {
	if p.Price != "" {
		return math.MaxInt64
	}
	times := map[string]int64{api.IntervalDay: 365, api.IntervalWeek: 52, api.IntervalMonth: 12, api.IntervalYear: 1, api.ChargeOnce: 1}
	for _, ch := range p.Charges { // a few: the sum cannot wrap
		sum += min(ch.Amount, 1<<50) * times[ch.Interval]
	}
	return sum
}

func pricedPlan(c *billing.Catalog, p *billing.Plan) api.PricedPlan {
	v := PlanVersion(c, p.Latest())
	out := api.PricedPlan{
		Code: string(p.Code), Name: p.Name, Description: p.Description, Group: string(p.Group), Kind: string(p.Kind), Default: p.Default,
		Price: p.Price, Version: v.Version, Cycle: v.Cycle, Quantity: v.Quantity, Trial: v.Trial, Items: v.Items,
	}
	if p.Price != "" {
		out.Items = unpriced(out.Items)
		return out
	}
	out.Charges = Charges(p.Latest(), false)
	if slices.ContainsFunc(v.Items, isAnnual) {
		out.AnnualCharges = append([]api.PlanCharge{}, Charges(p.Latest(), true)...)
	}
	return out
}

// isAnnual reports whether an item has a price for a year at once.
func isAnnual(it api.PlanItem) bool {
	return it.Annual != "" || slices.ContainsFunc(it.Tiers, func(t api.Tier) bool { return t.Annual != "" })
}

// unpriced are items without their amounts, and without those that are nothing else.
func unpriced(items []api.PlanItem) []api.PlanItem {
	out := []api.PlanItem{}
	for _, it := range items {
		if it.FeatureType == api.FeatureCharge {
			continue
		}
		it.UnitAmount, it.Annual, it.Tiers, it.TiersMode, it.Package = "", "", nil, "", nil
		out = append(out, it)
	}
	return out
}

// Charges are the fixed charges of a version, those that are due alike as one; if annual,
// those of who pays for a year at once.
func Charges(v *billing.PlanVersion, annual bool) []api.PlanCharge {
	var out []api.PlanCharge
	for i := range v.Items {
		it := &v.Items[i]
		ch := api.PlanCharge{Amount: it.FixedCharge, Interval: string(it.Interval)}
		switch {
		case it.Once:
			ch.Interval = api.ChargeOnce
		case it.Interval == "":
			continue // no charge
		case annual && it.Annual != nil:
			ch.Amount, ch.Interval = *it.Annual, api.IntervalYear
		}
		if ch.Amount == 0 {
			continue
		}
		if it.PerQuantity {
			ch.Per = api.PerQuantity
		}
		at := slices.IndexFunc(out, func(o api.PlanCharge) bool { return o.Interval == ch.Interval && o.Per == ch.Per })
		if at < 0 {
			out = append(out, ch)
			continue
		}
		// Each is at most MaxAmount, and so is the sum that is shown.
		out[at].Amount = min(out[at].Amount+ch.Amount, billing.MaxAmount)
	}
	return out
}
