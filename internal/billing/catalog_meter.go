package billing

import (
	"cmp"
	"maps"
	"slices"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/calendar"
)

const (
	mostThreshold  = 1000 // percent
	mostRateDigits = 12   // after the point
	mostItemGrants = 100
	maxGrantDays   = 36500
)

// mostRate is the largest rate at which a feature burns another.
var mostRate = decimal.MustNew(1_000_000, 0)

// meter is the part of an item that goes with metered features.
func (a *application) meter(path string, kind PlanKind, f *Feature, spec *ItemSpec, it *Item) {
	if kind == KindPack {
		a.inPack(path, f, spec)
		it.Grants = a.grants(path+".grants", f, kind, spec.Grants)
		return
	}
	it.Min, it.Max, it.Included, it.Rate = spec.Min, spec.Max, spec.Included, spec.Rate
	it.Limit, it.Reset, it.Align = cmp.Or(spec.Limit, Hard), cmp.Or(spec.Reset, f.Reset), spec.Align
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
	if it.OverageMax = spec.OverageMax; it.OverageMax != nil && (it.Limit != Soft || it.Max == nil) {
		a.fault(path+".overage_max", "overage_max bounds the use above a soft limit; add limit: soft and max, or remove overage_max")
	}
	if it.Thresholds = spec.Thresholds; it.Thresholds == nil {
		it.Thresholds = f.Thresholds
	} else if a.thresholds(path+".thresholds", it.Thresholds); len(it.Thresholds) == 0 {
		it.Thresholds = nil
	}
	it.Low = ownOr(spec.Low, f.Low, func(n int64) bool { return n < 0 })
	it.Burns = ownOr(spec.Burns, f.Burns, func(b Burns) bool { return b.Feature == "" })
	if it.Burns != nil && spec.Burns != nil {
		it.Burns = a.burns(path+".burns", f, it.Burns)
	}
	it.Rollover = a.rollover(path+".rollover", spec.Rollover, it)
	it.Caps = a.caps(path+".caps", spec.Caps)
	it.Grants = a.grants(path+".grants", f, kind, spec.Grants)
	if f.Held {
		a.heldItem(path, f, spec)
		it.Rollover = nil
	}
	a.prices(path, spec, it)
}

// ownOr is what an item says itself, nil if that is none, and else what the feature says.
func ownOr[T any](own, feature *T, none func(T) bool) *T {
	switch {
	case own == nil:
		return feature
	case none(*own):
		return nil
	}
	return own
}

// inPack refuses what goes with plans alone.
func (a *application) inPack(path string, f *Feature, spec *ItemSpec) {
	for _, key := range spec.meterKeys() {
		if key != "grants" {
			a.fault(path+"."+key, "a pack gives grants alone; remove %s", key)
		}
	}
	if len(spec.Grants) == 0 {
		a.fault(path+".grants", "missing; what a pack gives of %s is grants, such as [{amount: 1000, lasts: never}]", f.Code)
	}
}

// meterKeys are the keys that an item has of those that go with metered features.
func (s *ItemSpec) meterKeys() []string {
	var keys []string
	for _, k := range []struct {
		key string
		is  bool
	}{
		{"min", s.Min != nil}, {"max", s.Max != nil}, {"included", s.Included != nil},
		{"limit", s.Limit != ""}, {"overage_max", s.OverageMax != nil}, {"reset", s.Reset != ""}, {"align", s.Align != ""},
		{"caps", s.Caps != nil}, {"over_limit", s.OverLimit != nil}, {"rollover", s.Rollover != nil},
		{"burns", s.Burns != nil}, {"grants", s.Grants != nil}, {"thresholds", s.Thresholds != nil}, {"low", s.Low != nil}, {"rate", s.Rate != nil},
		{"unit_amount", s.UnitAmount != nil}, {"annual", s.AnnualUnitAmount != nil}, {"tiers", s.Tiers != nil}, {"tiers_mode", s.TiersMode != ""}, {"package", s.Package != nil},
	} {
		if k.is {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// heldItem refuses what does not go with a feature that is held.
func (a *application) heldItem(path string, f *Feature, spec *ItemSpec) {
	for _, k := range []struct {
		key, why string
		is       bool
	}{
		{"reset", "it never resets", spec.Reset != "" && spec.Reset != ResetNever},
		{"align", "it never resets", spec.Align != ""},
		{"caps", "there are no windows in which it is used", spec.Caps != nil},
		{"rollover", "nothing of it is left over", spec.Rollover != nil},
		{"burns", "it burns nothing", spec.Burns != nil && spec.Burns.Feature != ""},
		{"low", "low is of what is used up", spec.Low != nil && *spec.Low >= 0},
	} {
		if k.is {
			a.fault(path+"."+k.key, "feature %s is held, and %s; remove %s", f.Code, k.why, k.key)
		}
	}
}

func (a *application) thresholds(path string, percents []int) {
	for i, n := range percents {
		switch {
		case n < 1 || n > mostThreshold:
			a.fault(element(path, i), "%d is no threshold; give percents of the limit from 1 to %d", n, mostThreshold)
		case i > 0 && n <= percents[i-1]:
			a.fault(element(path, i), "thresholds ascend, each once: %d must be more than the %d before it", n, percents[i-1])
		}
	}
}

// burns is what a feature burns, if it can; else nil.
func (a *application) burns(path string, f *Feature, b *Burns) *Burns {
	pool := a.next.Features[b.Feature]
	switch {
	case b.Feature == "":
		return nil // its absence is a fault of the file
	case pool == nil:
		a.fault(path+".feature", "there is no feature %s; add it under features%s", b.Feature, choices("features", a.next.Features))
		return nil
	case b.Feature == f.Code:
		a.fault(path+".feature", "%s cannot burn itself; name the feature that is its pool", f.Code)
		return nil
	case pool.Type != "" && pool.Type != Metered:
		a.fault(path+".feature", "%s is %s, and only a metered feature can be burned", pool.Code, pool.Type)
		return nil
	case pool.Held:
		a.fault(path+".feature", "%s is held and not used up, so it cannot be burned", pool.Code)
		return nil
	}
	rate := b.Rate.Trim(0)
	if !rate.IsPos() || rate.Cmp(mostRate) > 0 || rate.Scale() > mostRateDigits {
		a.fault(path+".rate", "a rate is how many units of the pool each unit burns: more than 0 and at most %s, with at most %d digits after the point, not %s", mostRate, mostRateDigits, rate)
		return nil
	}
	a.burning = append(a.burning, burnUse{f.Code, b.Feature, path})
	return &Burns{b.Feature, rate}
}

func (a *application) rollover(path string, spec *RolloverSpec, it *Item) *Rollover {
	if spec == nil {
		return nil
	}
	r := &Rollover{Max: spec.Max, Windows: 1}
	if spec.Windows != nil {
		r.Windows = *spec.Windows
	}
	if r.Windows < 1 || r.Windows > maxTails {
		a.fault(path+".windows", "what is left rolls over for 1 to %d windows, not %d", maxTails, r.Windows)
	}
	if it.Max == nil {
		a.fault(path, "without a limit nothing is left over; add max, or remove rollover")
	}
	return r
}

// caps are those of an item, the shortest windows first.
func (a *application) caps(path string, spec []Cap) []Cap {
	if spec != nil && len(spec) == 0 {
		a.fault(path, "caps is empty; give [{max: 100, reset: day}], or remove it")
	}
	first := make(map[Reset]int)
	for i, c := range spec {
		if at, twice := first[c.Reset]; twice && c.Reset != "" {
			a.fault(element(path, i)+".reset", "caps[%d] has this reset already; a cap is the smaller of the two, so remove one", at)
			continue
		}
		first[c.Reset] = i
	}
	return slices.SortedStableFunc(slices.Values(spec), func(a, b Cap) int { return cmp.Compare(a.Reset.hours(), b.Reset.hours()) })
}

// hours is about how long a window is, to tell shorter from longer.
func (r Reset) hours() int {
	switch r {
	case ResetCycle:
		return 1 << 40
	case ResetNever:
		return 1 << 41
	}
	n, unit := calendar.Interval(r).Parts()
	return n * map[calendar.Interval]int{calendar.Hour: 1, calendar.Day: 24, calendar.Week: 168, calendar.Month: 730, calendar.Year: 8766}[unit]
}

// grants are those of an item, with the defaults filled in.
func (a *application) grants(path string, f *Feature, kind PlanKind, spec []ItemGrantSpec) []ItemGrant {
	if spec != nil && len(spec) == 0 && kind != KindPack {
		a.fault(path, "grants is empty; give at least one, or remove it")
	}
	if len(spec) > mostItemGrants {
		a.fault(path, "an item has at most %d grants; this one has %d", mostItemGrants, len(spec))
		return nil
	}
	var out []ItemGrant
	for i, s := range spec {
		where := element(path, i)
		g := ItemGrant{At: s.At, Lasts: s.Lasts, Days: s.Days, Priority: DefaultPriority, Kind: cmp.Or(s.Kind, Paid)}
		if s.Amount != nil {
			if g.Amount = *s.Amount; g.Amount <= 0 || g.Amount >= maxRecord {
				a.fault(where+".amount", "a grant is of more than 0 and less than 10^12, not %s", g.Amount)
			} else if f.Held && g.Amount%OneUnit != 0 {
				a.fault(where+".amount", "feature %s is held and its limit is a whole number; give whole units, not %s", f.Code, g.Amount)
			}
		}
		if s.Priority != nil {
			if g.Priority = *s.Priority; g.Priority < 0 || g.Priority > maxPriority {
				a.fault(where+".priority", "a priority is from 0 (burns first) to %d, not %d", maxPriority, g.Priority)
			}
		}
		if g.Lasts == LastsDays && (g.Days < 1 || g.Days > maxGrantDays) {
			a.fault(where+".lasts", "a grant lasts from 1 to %d days, not %d", maxGrantDays, g.Days)
		}
		a.grantTimes(where, kind, &g)
		out = append(out, g)
	}
	return out
}

// grantTimes checks when a grant is given and how long it lasts.
func (a *application) grantTimes(where string, kind PlanKind, g *ItemGrant) {
	if kind == KindPack {
		if g.At != "" {
			a.fault(where+".at", "a pack gives its grants when it is bought; remove at")
		}
		if g.Lasts != "" && g.Lasts != LastsNever && g.Lasts != LastsDays {
			a.fault(where+".lasts", "what is bought lasts whatever plan there is; give lasts: never or {days: 365}")
		}
		return
	}
	if g.At == "" {
		a.fault(where+".at", "missing; give at: start (once, ever) or at: term (with each term)")
	}
}

// prices are the prices of use.
func (a *application) prices(path string, spec *ItemSpec, it *Item) {
	if spec.TiersMode != "" && spec.Tiers == nil {
		a.faultBy(path+".tiers", path+".tiers_mode", "tiers_mode goes with tiers; add them, such as [{unit_amount: 200}], or remove it")
	}
	if it.TiersMode = spec.TiersMode; it.TiersMode == graduated {
		it.TiersMode = ""
	}
	switch {
	case spec.TiersMode == packaged && spec.Package == nil:
		a.fault(path+".package", "missing; tiers_mode: package needs how many units a package has, such as package: 1000")
	case spec.TiersMode != packaged && spec.Package != nil:
		a.fault(path+".package", "package goes with tiers_mode: package; add that, or remove it")
	case spec.Package != nil:
		it.Package = *spec.Package
	}
	if spec.UnitAmount != nil && len(spec.Tiers) > 0 {
		a.fault(path+".tiers", "give either unit_amount or tiers")
		return
	}
	it.UnitAmount, it.AnnualUnitAmount = trimmed(spec.UnitAmount), trimmed(spec.AnnualUnitAmount)
	if it.AnnualUnitAmount != nil && it.UnitAmount == nil {
		a.fault(path+".annual", "annual stands beside unit_amount, and in each tier; add unit_amount, or remove annual")
	}
	if spec.Tiers != nil && len(spec.Tiers) == 0 {
		a.fault(path+".tiers", "tiers is empty; give at least the open tier {unit_amount: …}, or remove it")
	}
	for i, tier := range spec.Tiers {
		a.tier(path, spec.Tiers, i)
		it.Tiers = append(it.Tiers, Tier{
			UpTo: tier.UpTo, UnitAmount: tier.UnitAmount.Trim(0),
			AnnualUnitAmount: trimmed(tier.AnnualUnitAmount), FlatAmount: trimmed(tier.FlatAmount),
		})
	}
}

func trimmed(d *decimal.Decimal) *decimal.Decimal {
	if d == nil {
		return nil
	}
	return new(d.Trim(0))
}

// tier checks one of some tiers.
func (a *application) tier(path string, tiers []Tier, i int) {
	path = element(path+".tiers", i)
	where, tier, last := path+".up_to", tiers[i], i == len(tiers)-1
	switch {
	case tier.UpTo == nil && !last:
		a.fault(where, "only the last tier is open; give the last unit of this one")
	case tier.UpTo != nil && last:
		a.fault(where, "the last tier must be open; remove up_to, or add a tier without it")
	case tier.UpTo != nil && *tier.UpTo < 1:
		a.fault(where, "up_to must be at least 1")
	case tier.UpTo != nil && i > 0 && tiers[i-1].UpTo != nil && *tier.UpTo <= *tiers[i-1].UpTo:
		a.fault(where, "up_to must be more than the %d of the tier before", *tiers[i-1].UpTo)
	}
	if has := tier.AnnualUnitAmount != nil; has != (tiers[0].AnnualUnitAmount != nil) {
		a.fault(path+".annual", "annual stands in each tier or in none")
	}
}

// burnUse is that a feature burns another, in a feature or in an item that the spec
// states at the path; "" for none.
type burnUse struct {
	burner, pool Code
	path         string
}

// chains refuses what burns a feature that burns another: the pool of one cannot have a
// pool of its own. Every version counts, as customers are on them.
func (a *application) chains(spec CatalogSpec) {
	if len(a.burning) == 0 {
		return
	}
	uses := a.burning
	stated := make(map[Code]bool, len(spec.Features))
	for _, f := range spec.Features {
		stated[f.Code] = true
	}
	for _, code := range slices.Sorted(maps.Keys(a.old.Features)) {
		if f := a.old.Features[code]; f.Burns != nil && !stated[code] {
			uses = append(uses, burnUse{code, f.Burns.Feature, ""})
		}
	}
	for _, code := range slices.Sorted(maps.Keys(a.old.Plans)) {
		for _, v := range a.old.Plans[code].Versions {
			if v.PublishedOn.IsZero() && a.sold[code] != nil {
				continue
			}
			for i := range v.Items {
				if b := v.Items[i].Burns; b != nil {
					uses = append(uses, burnUse{v.Items[i].Feature, b.Feature, ""})
				}
			}
		}
	}
	of := make(map[Code]burnUse)
	for _, u := range uses {
		if of[u.burner].path == "" {
			of[u.burner] = u
		}
	}
	told := make(map[string]bool)
	for _, u := range uses {
		second, chained := of[u.pool]
		if path := cmp.Or(u.path, second.path); chained && path != "" && !told[path] {
			told[path] = true
			a.fault(path, "%s burns %s, which burns %s itself; a pool burns nothing, so let both burn one", u.burner, u.pool, second.pool)
		}
	}
}
