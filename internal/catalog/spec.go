package catalog

import (
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// maxDays bounds the days of a grace: 100 years.
const maxDays = 36500

func (r *reader) catalog(root *node) billing.CatalogSpec {
	var spec billing.CatalogSpec
	o, _ := r.object(root, root.at, "", fileShape)
	spec.Currency = o.currency("currency")
	o.elements("features", "features", func(n *node, path string) {
		spec.Features = append(spec.Features, r.feature(n, path))
	})
	o.elements("plan_groups", "plan groups", func(n *node, path string) {
		spec.Groups = append(spec.Groups, r.group(n, path))
	})
	o.elements("plans", "plans", func(n *node, path string) {
		spec.Plans = append(spec.Plans, r.plan(n, path))
	})
	return spec
}

func (r *reader) feature(n *node, path string) billing.Feature {
	o, _ := r.object(n, n.at, path, featureShape)
	return billing.Feature{
		Code:       o.code("code"),
		Name:       o.text("name"),
		Type:       choice(o, "type", billing.Words[billing.FeatureType]()...),
		Unit:       o.text("unit"),
		Reset:      o.reset("reset"),
		Held:       o.flag("held"),
		Burns:      o.burns("burns", false),
		Thresholds: o.thresholds("thresholds"),
		Low:        o.integer("low", 0, billing.MaxAmount, "to be told of nothing"),
		Of:         choice(o, "of", billing.Words[billing.ValueKind]()...),
		OneOf:      o.texts("one_of", "values"),
		Pick:       choice(o, "pick", billing.Words[billing.Pick]()...),
		About:      o.about(),
	}
}

func (r *reader) group(n *node, path string) billing.PlanGroup {
	o, _ := r.object(n, n.at, path, groupShape)
	return billing.PlanGroup{
		Code:         o.code("code"),
		Name:         o.text("name"),
		CustomerType: choice(o, "customer_type", billing.Words[billing.CustomerType]()...),
		Default:      o.flag("default"),
		Fallback:     o.code("fallback"),
		About:        o.about(),
	}
}

func (r *reader) plan(n *node, path string) billing.PlanSpec {
	o, _ := r.object(n, n.at, path, planShape)
	plan := billing.PlanSpec{
		Code:       o.code("code"),
		Name:       o.text("name"),
		Group:      o.code("group"),
		Kind:       choice(o, "kind", billing.Words[billing.PlanKind]()...),
		Status:     choice(o, "status", billing.Words[billing.PlanStatus]()...),
		Archived:   o.flag("archived"),
		Default:    o.flag("default"),
		Cycle:      interval(o, "cycle", append(calendar.Units(), calendar.None)...),
		Align:      o.align("align"),
		Quantity:   o.quantity("quantity"),
		Trial:      o.trial("trial"),
		AskForCard: o.boolean("ask_for_card"),
		About:      o.about(),
		Hidden:     o.flag("hidden"),
		Price:      o.price("price"),
		Beside:     o.codes("beside", "plans"),
		Extends:    o.code("extends"),
		Without:    o.codes("without", "features"),
	}
	o.elements("items", "items", func(n *node, path string) {
		plan.Items = append(plan.Items, r.item(n, path))
	})
	return plan
}

func (r *reader) item(n *node, path string) billing.ItemSpec {
	o, _ := r.object(n, n.at, path, itemShape)
	it := billing.ItemSpec{
		Feature:     o.code("feature"),
		PriceName:   o.text("price_name"),
		Value:       o.setting("value"),
		FixedCharge: o.integer("fixed_charge", 0, billing.MaxAmount, ""),
		Min:         o.integer("min", 0, billing.MaxAmount, "for none"),
		Max:         o.integer("max", 0, billing.MaxAmount, "for unlimited"),
		Included:    o.integer("included", 0, billing.MaxAmount, "if nothing is said to be free"),
		PerQuantity: o.perQuantity("per"),
		Limit:       o.limit("limit"),
		OverageMax:  o.integer("overage_max", 0, billing.MaxAmount, "for any overage"),
		Reset:       o.reset("reset"),
		Align:       o.align("align"),
		Caps:        o.caps("caps"),
		OverLimit:   o.overLimit("over_limit"),
		Rollover:    o.rollover("rollover"),
		Burns:       o.burns("burns", true),
		Grants:      o.grants("grants"),
		Thresholds:  o.thresholds("thresholds"),
		Low:         o.low("low"),
		Rate:        o.rate("rate"),
		UnitAmount:  o.amount("unit_amount"),
		Tiers:       o.tiers("tiers"),
		TiersMode:   choice(o, "tiers_mode", billing.Words[billing.TiersMode]()...),
		Package:     o.integer("package", 1, billing.MaxAmount, "with another tiers_mode"),
	}
	it.Interval, it.Once = o.interval("interval")
	switch annual := o.value("annual"); {
	case annual != nil && annual.kind == list:
		o.wrong("annual", "a list is no amount; give annual in each tier, beside its unit_amount")
	case o.value("unit_amount") != nil:
		it.AnnualUnitAmount = o.amount("annual")
	default:
		it.Annual = o.integer("annual", 0, billing.MaxAmount, "to offer no price for a year")
	}
	return it
}

// price says that a plan has no amount. Who writes a number means an item.
func (o object) price(key string) string {
	if n := o.value(key); n != nil && n.kind == scalar && decimalPattern.MatchString(n.text) {
		o.wrong(key, "%s is no way to ask for a price: give ask, or the address of a page; %s", describe(n), priceHint)
		return ""
	}
	return o.text(key)
}

// onceWord is the interval of a fee.
const onceWord = calendar.Interval("once")

// interval is that of a charge, and whether it is paid once.
func (o object) interval(key string) (every calendar.Interval, once bool) {
	every = choice(o, key, calendar.Day, calendar.Week, calendar.Month, calendar.Year, onceWord)
	if every == onceWord {
		return "", true
	}
	return every, false
}

// flag is a truth value that is false unless given.
func (o object) flag(key string) bool {
	b := o.boolean(key)
	return b != nil && *b
}

func (o object) reset(key string) billing.Reset {
	words := billing.Words[billing.Reset]()
	for _, unit := range calendar.Units() {
		words = append(words, billing.Reset(unit))
	}
	return interval(o, key, words...)
}

// perQuantity is the one word that per can have.
const perQuantity = "quantity"

func (o object) perQuantity(key string) bool {
	return choice(o, key, text(perQuantity)) != ""
}

// align is where windows begin; "" if the key is not there.
func (o object) align(key string) calendar.Align {
	return hinted(o, key, func(string) string {
		return "; leave align out for windows that run from the customer's anchor"
	}, calendar.Calendar)
}

// limit is hard or soft. Who writes a number means max.
func (o object) limit(key string) billing.LimitKind {
	return hinted(o, key, func(text string) string {
		if wholePattern.MatchString(text) {
			return "; did you mean max: " + shorten(text) + "?"
		}
		return ""
	}, billing.Words[billing.LimitKind]()...)
}

func (o object) quantity(key string) *billing.Quantity {
	const right = "give true for any number from 1, or bounds such as {min: 1, max: 100}"
	n := o.value(key)
	if n == nil {
		return nil
	}
	if n.kind == mapping {
		q, _ := o.child(key, quantityShape)
		return &billing.Quantity{
			Min: q.integer("min", 1, billing.MaxAmount, "for 1"),
			Max: q.integer("max", 1, billing.MaxAmount, "for any number"),
		}
	}
	if n.kind != scalar || n.style == quoted || n.text != "true" && n.text != "false" {
		o.wrong(key, "%s is no quantity; %s", describe(n), right)
		return nil
	}
	if n.text == "false" {
		return nil
	}
	return &billing.Quantity{}
}

// child is the object that is the value of a key; false if there is none.
func (o object) child(key string, s shape) (object, bool) {
	n := o.value(key)
	if n == nil {
		return object{}, false
	}
	return o.object(n, o.place(key), join(o.path, key), s)
}

func (o object) trial(key string) *billing.TrialSpec {
	t, ok := o.child(key, trialShape)
	if !ok {
		return nil
	}
	trial := &billing.TrialSpec{
		Days:           t.days("days"),
		CardPromptDays: t.days("card_prompt_days"),
		Then:           choice(t, "then", billing.Words[billing.TrialEnd]()...),
	}
	if o.doc.faulty[join(t.path, "days")] {
		trial.CardPromptDays = nil // it is judged by the days
	}
	return trial
}

func (o object) days(key string) *int {
	n := o.integer(key, 0, maxDays, "for the default")
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func (o object) overLimit(key string) *billing.OverLimit {
	const right = "give block, allow or {grace: {days: 7}}"
	n := o.value(key)
	switch {
	case n == nil:
		return nil
	case n.kind == mapping:
		g, ok := o.child(key, overLimitShape)
		if !ok {
			return nil
		}
		g, ok = g.child("grace", graceShape)
		if !ok {
			return nil
		}
		days := g.integer("days", 1, maxDays, "")
		if days == nil {
			return nil
		}
		return &billing.OverLimit{Policy: billing.Grace, GraceDays: int(*days)}
	case n.kind == scalar && n.style != bare:
		switch policy := billing.OverLimitPolicy(n.text); policy {
		case billing.Block, billing.Allow:
			return &billing.OverLimit{Policy: policy}
		case billing.Grace:
			o.wrong(key, "a grace needs its days: {grace: {days: 7}}")
			return nil
		}
	}
	o.wrong(key, "%s is no policy; %s", describe(n), right)
	return nil
}

func (o object) tiers(key string) []billing.Tier {
	before := len(o.doc.Faults)
	tiers := []billing.Tier{}
	there := o.elements(key, "tiers", func(n *node, path string) {
		t, ok := o.object(n, n.at, path, tierShape)
		if !ok {
			return
		}
		tier := billing.Tier{UpTo: t.integer("up_to", 1, billing.MaxAmount, "in the last tier")}
		if amount := t.amount("unit_amount"); amount != nil {
			tier.UnitAmount = *amount
		}
		tier.AnnualUnitAmount, tier.FlatAmount = t.amount("annual"), t.amount("flat_amount")
		tiers = append(tiers, tier)
	})
	if !there || len(o.doc.Faults) > before {
		return nil // one tier is judged by the next
	}
	return tiers
}
