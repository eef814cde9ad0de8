package billing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/calendar"
)

const (
	defaultTrialDays      = 30
	defaultCardPromptDays = 3
	maxTrialDays          = 36500
	maxItems              = 1 << 16 // an entitlement's id has two bytes for the position
)

// terms checks what is versioned of a plan and fills in the defaults.
func (a *application) terms(s *statement) Terms {
	t := Terms{
		Cycle: s.Cycle, Align: s.Align, Quantity: a.quantity(s.path+".quantity", s.Quantity),
		AskForCard: s.AskForCard == nil || *s.AskForCard, Beside: s.Beside,
	}
	if t.Cycle == "" {
		t.Cycle = calendar.Month
	}
	if t.Align != "" && !alignable(t.Cycle) {
		a.fault(s.path+".align", "%s; remove align", notAlignable(t.Cycle))
	}
	if s.Trial != nil {
		t.Trial = a.trial(s.path+".trial", s.Trial)
		if !t.AskForCard {
			a.fault(s.path+".trial", "a trial needs a card; remove the trial, or ask_for_card: false")
		}
	}
	if len(s.lines) > maxItems {
		a.fault(s.path+".items", "a plan has at most %d items; this one has %d", maxItems, len(s.lines))
		return t
	}
	seen, annual := make(map[Code]string), ""
	for i := range s.lines {
		l := &s.lines[i]
		if l.Feature == "" {
			continue
		}
		if first := seen[l.Feature]; first != "" {
			a.fault(l.path+".feature", "feature %s is in this plan twice, first as %s; a plan has each feature once", l.Feature, first)
			continue
		}
		seen[l.Feature] = l.at
		before := len(a.faults)
		if l.Annual != nil {
			if annual != "" {
				a.fault(l.path+".annual", "%s has the annual option already; a plan has at most one", annual)
			}
			annual = l.at
		}
		a.line(s, &t, l)
		if l.from != "" {
			a.inherited(s, l, before)
		}
	}
	if s.Kind == KindPack && !slices.ContainsFunc(s.lines, func(l line) bool { return l.Feature != "" && a.givesMetered(l.Feature) }) {
		a.fault(s.path+".items", "a pack without grants gives nothing; add an item of a metered feature, such as {feature: api_calls, grants: [{amount: 1000, lasts: never}]}")
	}
	t.Complete()
	return t
}

// givesMetered reports whether a pack's item of a feature is one of its grants, or of a
// feature that is unknown, which is a fault by itself.
func (a *application) givesMetered(code Code) bool {
	f := a.next.Features[code]
	return f == nil || f.Type == Metered || f.Type == ""
}

// line adds an item to the terms of a plan.
func (a *application) line(s *statement, t *Terms, l *line) {
	feature := a.next.Features[l.Feature]
	if feature == nil {
		a.fault(l.path+".feature", "there is no feature %s; add it under features%s", l.Feature, choices("features", a.next.Features))
		return
	}
	t.Items = append(t.Items, a.item(l.path, s.Kind, feature, l.ItemSpec))
	it := &t.Items[len(t.Items)-1]
	a.termGrants(l.path+".grants", t.Cycle, it)
	a.window(l.path, s.PlanSpec, t, it)
	if !t.AskForCard && costs(it) {
		a.fault(s.path+".ask_for_card", "only a plan without charges can do without a card, and %s costs something; remove ask_for_card: false", l.Feature)
	}
	if l.from == "" {
		a.warnLarge(l.path+".max", l.Max)
		a.warnLarge(l.path+".min", l.Min)
	}
}

// termGrants refuses grants with each of the terms of less than a day: an agreement of a few
// years would have tens of thousands of them.
func (a *application) termGrants(path string, cycle calendar.Interval, it *Item) {
	n, unit := cycle.Parts()
	if unit != calendar.Hour || n >= 24 {
		return
	}
	for i, g := range it.Grants {
		if g.At == AtTerm {
			a.fault(element(path, i)+".at", "a grant with each term needs terms of a day or more, and the plan's cycle is %s; give at: start, or what comes with each term as max", cycle)
		}
	}
}

// inherited makes faults of an item that is right where it is from those of the plan that
// extends it.
func (a *application) inherited(s *statement, l *line, before int) {
	found := slices.Clone(a.faults[before:])
	a.faults = a.faults[:before]
	if s.faulty {
		return // they may be those of the other plan
	}
	for _, f := range found {
		if strings.HasPrefix(f.Path, l.path) {
			f.Path, f.Message = s.path+".extends", fmt.Sprintf("the item of %s, which is from plan %s, does not go here: %s", l.Feature, l.from, f.Message)
		}
		a.faults = append(a.faults, f)
	}
}

func (a *application) warnLarge(path string, limit *int64) {
	if limit != nil && *limit > 1<<31-1 {
		a.warn(warnLimitLarge, "%s: %d is more than 2147483647, which Kinde's Java and .NET clients cannot read", path, *limit)
	}
}

// costs reports whether an item can make an invoice larger.
func costs(it *Item) bool {
	return it.FixedCharge > 0 || it.Annual != nil && *it.Annual > 0 ||
		it.UnitAmount != nil && it.UnitAmount.IsPos() ||
		it.AnnualUnitAmount != nil && it.AnnualUnitAmount.IsPos() ||
		slices.ContainsFunc(it.Tiers, func(t Tier) bool {
			return t.UnitAmount.IsPos() || t.AnnualUnitAmount != nil && t.AnnualUnitAmount.IsPos() || t.FlatAmount != nil && t.FlatAmount.IsPos()
		})
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

func (a *application) item(path string, kind PlanKind, f *Feature, spec *ItemSpec) Item {
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
		foreign("interval", spec.Interval != "" || spec.Once, Charge)
		foreign("annual", spec.Annual != nil, Charge)
	} else {
		a.charge(path, kind, spec, &it)
	}
	if f.Type != Metered {
		for _, key := range spec.meterKeys() {
			foreign(key, true, Metered)
		}
		if f.Type != Charge {
			foreign("per", spec.PerQuantity, Metered)
		}
	} else {
		a.meter(path, kind, f, spec, &it)
	}
	it.PerQuantity = spec.PerQuantity
	if f.Type != Config {
		foreign("value", spec.Value != nil, Config)
	} else {
		it.Value = a.value(path+".value", f, spec.Value)
	}
	if kind == KindPack && f.Type != Metered && f.Type != Charge {
		a.fault(path+".feature", "a pack gives grants of metered features, for a charge, and %s is %s; remove the item", f.Code, f.Type)
	}
	return it
}

// value is that of a config feature in an item.
func (a *application) value(path string, f *Feature, spec *ValueSpec) *Value {
	if f.Of == "" {
		return nil // a fault of the feature
	}
	if spec == nil {
		a.fault(path, "missing; %s is a %s: give %s", f.Code, f.Of, strings.TrimPrefix(f.Of.example(), "give "))
		return nil
	}
	v, right := f.setting(spec)
	if right != "" {
		a.fault(path, "%s is a %s; %s", f.Code, f.Of, right)
	}
	return v
}

func (a *application) charge(path string, kind PlanKind, spec *ItemSpec, it *Item) {
	it.Interval, it.Annual, it.Once = spec.Interval, spec.Annual, spec.Once
	switch {
	case kind == KindPack:
		it.Once = true
		if spec.Interval != "" {
			a.fault(path+".interval", "a pack is paid for when it is bought; give interval: once, or leave it out")
		}
	case it.Interval == "" && !it.Once:
		it.Interval = calendar.Month
	}
	if spec.FixedCharge == nil {
		a.fault(path+".fixed_charge", "feature %s is a charge and needs fixed_charge, in minor units; 0 for free", it.Feature)
	} else {
		it.FixedCharge = *spec.FixedCharge
	}
	if it.Annual != nil && (it.Interval == calendar.Year || it.Once) {
		what := "a yearly charge"
		if it.Once {
			what = "a charge that is paid once"
		}
		a.fault(path+".annual", "%s has no annual option; remove annual, or change interval", what)
	}
}
