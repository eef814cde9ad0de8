package billing

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/calendar"
)

const (
	defaultTrialDays      = 30
	defaultCardPromptDays = 3
	maxTrialDays          = 36500
	maxItems              = 1 << 16 // an entitlement's id has two bytes for the position
)

// terms checks what is versioned of a plan and fills in the defaults.
func (a *application) terms(path string, spec *PlanSpec) Terms {
	t := Terms{
		Cycle: spec.Cycle, Align: spec.Align, Quantity: a.quantity(path+".quantity", spec.Quantity),
		AskForCard: spec.AskForCard == nil || *spec.AskForCard,
	}
	if t.Cycle == "" {
		t.Cycle = calendar.Month
	}
	if t.Align != "" && !alignable(t.Cycle) {
		a.fault(path+".align", "%s; remove align", notAlignable(t.Cycle))
	}
	if spec.Trial != nil {
		t.Trial = a.trial(path+".trial", spec.Trial)
		if !t.AskForCard {
			a.fault(path+".trial", "a trial needs a card; remove the trial, or ask_for_card: false")
		}
	}
	if len(spec.Items) > maxItems {
		a.fault(path+".items", "a plan has at most %d items; this one has %d", maxItems, len(spec.Items))
		return t
	}
	seen := make(map[Code]int)
	annual := -1
	for i := range spec.Items {
		item := &spec.Items[i]
		where := fmt.Sprintf("%s.items[%d]", path, i)
		if item.Feature == "" {
			continue
		}
		if first, twice := seen[item.Feature]; twice {
			a.fault(where+".feature", "feature %s is in this plan twice, first as items[%d]; a plan has each feature once", item.Feature, first)
			continue
		}
		seen[item.Feature] = i
		if item.Annual != nil {
			if annual >= 0 {
				a.fault(where+".annual", "items[%d] has the annual option already; a plan has at most one", annual)
			}
			annual = i
		}
		feature := a.next.Features[item.Feature]
		if feature == nil {
			a.fault(where+".feature", "there is no feature %s; add it under features%s", item.Feature, choices("features", a.next.Features))
			continue
		}
		t.Items = append(t.Items, a.item(where, feature, item))
		a.window(where, spec, &t, &t.Items[len(t.Items)-1])
		if !t.AskForCard && costs(&t.Items[len(t.Items)-1]) {
			a.fault(path+".ask_for_card", "only a plan without charges can do without a card, and %s costs something; remove ask_for_card: false", item.Feature)
		}
		a.warnLarge(where+".max", item.Max)
		a.warnLarge(where+".min", item.Min)
	}
	return t
}

func (a *application) warnLarge(path string, limit *int64) {
	if limit != nil && *limit > 1<<31-1 {
		a.warn("%s: %d is more than 2147483647, which Kinde's Java and .NET clients cannot read", path, *limit)
	}
}

// costs reports whether an item can make an invoice larger.
func costs(it *Item) bool {
	return it.FixedCharge > 0 || it.Annual != nil && *it.Annual > 0 ||
		it.UnitAmount != nil && it.UnitAmount.IsPos() ||
		slices.ContainsFunc(it.Tiers, func(t Tier) bool { return t.UnitAmount.IsPos() })
}

func (a *application) trial(path string, spec *TrialSpec) *Trial {
	t := &Trial{Days: defaultTrialDays, Then: spec.Then}
	if t.Then == "" {
		t.Then = convert
	}
	if spec.Days != nil {
		if t.Days = *spec.Days; t.Days < 1 || t.Days > maxTrialDays {
			a.fault(path+".days", "a trial lasts from 1 to %d days, not %d", maxTrialDays, t.Days)
			return t
		}
	}
	t.CardPromptDays = min(defaultCardPromptDays, t.Days-1)
	if spec.CardPromptDays != nil {
		if t.CardPromptDays = *spec.CardPromptDays; t.CardPromptDays < 0 || t.CardPromptDays >= t.Days {
			a.fault(path+".card_prompt_days", "card_prompt_days must be from 0 to %d, less than the trial's days", t.Days-1)
		}
	}
	return t
}

func (a *application) item(path string, f *Feature, spec *ItemSpec) Item {
	it := Item{Feature: f.Code, PriceName: spec.PriceName}
	if it.PriceName == "" {
		it.PriceName, it.PriceNameDefaulted = f.Name, true
	}
	if f.Type == "" {
		return it // a fault of the file, from which nothing follows
	}
	foreign := func(key string, is bool, only FeatureType) {
		if is {
			a.fault(path+"."+key, "%s goes with %s features, and %s is %s; remove it", key, only, f.Code, f.Type)
		}
	}
	if f.Type != Charge {
		foreign("fixed_charge", spec.FixedCharge != nil, Charge)
		foreign("interval", spec.Interval != "", Charge)
		foreign("annual", spec.Annual != nil, Charge)
	} else {
		a.charge(path, spec, &it)
	}
	if f.Type != Metered {
		foreign("min", spec.Min != nil, Metered)
		foreign("max", spec.Max != nil, Metered)
		foreign("per", spec.PerQuantity, Metered)
		foreign("limit", spec.Limit != "", Metered)
		foreign("reset", spec.Reset != "", Metered)
		foreign("align", spec.Align != "", Metered)
		foreign("over_limit", spec.OverLimit != nil, Metered)
		foreign("unit_amount", spec.UnitAmount != nil, Metered)
		foreign("tiers", spec.Tiers != nil, Metered)
	} else {
		a.meter(path, f, spec, &it)
	}
	return it
}

func (a *application) charge(path string, spec *ItemSpec, it *Item) {
	it.Interval, it.Annual = spec.Interval, spec.Annual
	if it.Interval == "" {
		it.Interval = calendar.Month
	}
	if spec.FixedCharge == nil {
		a.fault(path+".fixed_charge", "feature %s is a charge and needs fixed_charge, in minor units; 0 for free", it.Feature)
	} else {
		it.FixedCharge = *spec.FixedCharge
	}
	if it.Annual != nil && it.Interval == calendar.Year {
		a.fault(path+".annual", "a yearly charge has no annual option; remove annual, or change interval")
	}
}

func (a *application) meter(path string, f *Feature, spec *ItemSpec, it *Item) {
	it.Min, it.Max, it.PerQuantity = spec.Min, spec.Max, spec.PerQuantity
	it.Limit, it.Reset, it.Align = spec.Limit, spec.Reset, spec.Align
	if it.Limit == "" {
		it.Limit = Hard
	}
	if it.Reset == "" {
		it.Reset = f.Reset
	}
	it.OverLimit = OverLimit{Policy: Block}
	if spec.OverLimit != nil {
		it.OverLimit = *spec.OverLimit
		if it.OverLimit.Policy == Grace && it.OverLimit.GraceDays < 1 {
			a.fault(path+".over_limit", "a grace lasts at least one day: {grace: {days: 7}}")
		}
	}
	if it.Min != nil && it.Max != nil && *it.Min > *it.Max {
		a.fault(path+".min", "min is %d and max is %d; min must not be more than max", *it.Min, *it.Max)
	}
	if spec.UnitAmount != nil && len(spec.Tiers) > 0 {
		a.fault(path+".tiers", "give either unit_amount or tiers")
		return
	}
	if spec.UnitAmount != nil {
		it.UnitAmount = new(spec.UnitAmount.Trim(0))
	}
	if spec.Tiers != nil && len(spec.Tiers) == 0 {
		a.fault(path+".tiers", "tiers is empty; give at least the open tier {unit_amount: …}, or remove it")
	}
	for i, tier := range spec.Tiers {
		where := fmt.Sprintf("%s.tiers[%d].up_to", path, i)
		last := i == len(spec.Tiers)-1
		switch {
		case tier.UpTo == nil && !last:
			a.fault(where, "only the last tier is open; give the last unit of this one")
		case tier.UpTo != nil && last:
			a.fault(where, "the last tier must be open; remove up_to, or add a tier without it")
		case tier.UpTo != nil && *tier.UpTo < 1:
			a.fault(where, "up_to must be at least 1")
		case tier.UpTo != nil && i > 0 && spec.Tiers[i-1].UpTo != nil && *tier.UpTo <= *spec.Tiers[i-1].UpTo:
			a.fault(where, "up_to must be more than the %d of the tier before", *spec.Tiers[i-1].UpTo)
		}
		it.Tiers = append(it.Tiers, Tier{UpTo: tier.UpTo, UnitAmount: tier.UnitAmount.Trim(0)})
	}
}

// termsDetails says, for a reader, how terms differ; nothing if they are equal.
func termsDetails(old, next *Terms) []string {
	out := details("cycle", old.Cycle, next.Cycle, "align", old.Align, next.Align,
		"quantity", old.Quantity.text(), next.Quantity.text(), "ask_for_card", old.AskForCard, next.AskForCard)
	if !reflect.DeepEqual(old.Trial, next.Trial) {
		out = append(out, detail("trial", old.Trial.text(), next.Trial.text()))
	}
	was, is := old.finder(), next.finder()
	for _, it := range next.Items {
		i := was(it.Feature)
		if i < 0 {
			out = append(out, fmt.Sprintf("items[%s]: new", it.Feature))
			continue
		}
		out = append(out, itemDetails(&old.Items[i], &it)...)
	}
	for _, it := range old.Items {
		if is(it.Feature) < 0 {
			out = append(out, fmt.Sprintf("items[%s]: removed", it.Feature))
		}
	}
	if len(out) == 0 && !slices.EqualFunc(old.Items, next.Items, func(a, b Item) bool { return a.Feature == b.Feature }) {
		out = append(out, "items: another order")
	}
	return out
}

func itemDetails(old, next *Item) []string {
	prefix := fmt.Sprintf("items[%s].", next.Feature)
	if old.PriceNameDefaulted && next.PriceNameDefaulted {
		next.PriceName = old.PriceName // it follows the feature only when something else changes
	}
	return details(
		prefix+"price_name", old.PriceName, next.PriceName,
		prefix+"fixed_charge", old.FixedCharge, next.FixedCharge,
		prefix+"interval", old.Interval, next.Interval,
		prefix+"annual", number(old.Annual), number(next.Annual),
		prefix+"min", number(old.Min), number(next.Min),
		prefix+"max", number(old.Max), number(next.Max),
		prefix+"per", per(old.PerQuantity), per(next.PerQuantity),
		prefix+"limit", old.Limit, next.Limit,
		prefix+"reset", old.Reset, next.Reset,
		prefix+"align", old.Align, next.Align,
		prefix+"over_limit", old.OverLimit.text(), next.OverLimit.text(),
		prefix+"unit_amount", price(old.UnitAmount), price(next.UnitAmount),
		prefix+"tiers", tiersText(old.Tiers), tiersText(next.Tiers),
	)
}

// details are the lines for those of the (key, old, new) triples that differ.
func details(triples ...any) []string {
	var out []string
	for i := 0; i < len(triples); i += 3 {
		if triples[i+1] != triples[i+2] {
			out = append(out, detail(triples[i].(string), triples[i+1], triples[i+2]))
		}
	}
	return out
}

func detail(key string, old, next any) string {
	show := func(v any) string {
		if s := fmt.Sprint(v); s != "" {
			return s
		}
		return "none"
	}
	return fmt.Sprintf("%s: %s → %s", key, show(old), show(next))
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func price(d *decimal.Decimal) string {
	if d == nil {
		return ""
	}
	return d.String()
}

func (t *Trial) text() string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%d days, card prompt %d days before, then %s", t.Days, t.CardPromptDays, t.Then)
}

func (q *Quantity) text() string {
	switch {
	case q == nil:
		return ""
	case q.Max == nil:
		return "from " + strconv.FormatInt(q.least(), 10)
	}
	return fmt.Sprintf("from %d to %d", q.least(), *q.Max)
}

func per(quantity bool) string {
	if quantity {
		return "quantity"
	}
	return ""
}

func (o OverLimit) text() string {
	if o.Policy == Grace {
		return fmt.Sprintf("grace of %d days", o.GraceDays)
	}
	return string(o.Policy)
}

func tiersText(tiers []Tier) string {
	var parts []string
	for _, t := range tiers {
		upTo := "above"
		if t.UpTo != nil {
			upTo = "up to " + number(t.UpTo)
		}
		parts = append(parts, upTo+" "+t.UnitAmount.String())
	}
	return strings.Join(parts, ", ")
}
