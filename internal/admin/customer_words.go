package admin

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/prices"
	"github.com/allot-dev/allot/internal/web"
)

// names are what things of the catalog are called. What is not in them is called by its code.
type names struct {
	plans    map[string]api.PlanSummary
	features map[string]api.Feature
}

func (n names) plan(code string) string {
	if p, ok := n.plans[code]; ok && p.Name != "" {
		return p.Name
	}
	return code
}

func (n names) feature(code string) string {
	if f, ok := n.features[code]; ok && f.Name != "" {
		return f.Name
	}
	return code
}

// units is an amount of a feature with its noun: 1 seat, 1,500 calls, 3 GB.
func (n names) units(amount, feature string) string {
	return web.Amount(amount, n.features[feature].Unit)
}

func (n names) whole(amount int64, feature string) string {
	return n.units(fmt.Sprint(amount), feature)
}

// bar is what is used and held of a limit, in percents of the bar's width.
type bar struct {
	Used, Held string
	Level      string // "bad" if nothing is left, "near" if little is
	Label      string
}

// newBar draws amounts; nil if there is no limit to draw them against.
func newBar(used, held api.Decimal, limit int64, label string) *bar {
	u, h := rational(used), rational(held)
	whole := new(big.Rat).SetInt64(limit)
	sum := new(big.Rat).Add(u, h)
	if whole.Cmp(sum) < 0 {
		whole = sum
	}
	b := &bar{Used: "0", Held: "0", Label: label}
	if whole.Sign() <= 0 {
		b.Used, b.Level = "100", "bad" // a limit of nothing is reached
		return b
	}
	percent := func(part *big.Rat) *big.Rat {
		return new(big.Rat).Mul(big.NewRat(100, 1), new(big.Rat).Quo(part, whole))
	}
	b.Used, b.Held = percent(u).FloatString(2), percent(h).FloatString(2)
	switch share := percent(sum); {
	case sum.Cmp(new(big.Rat).SetInt64(limit)) >= 0:
		b.Level = "bad"
	case share.Cmp(big.NewRat(80, 1)) >= 0:
		b.Level = "near"
	}
	return b
}

// rational is an amount, for drawing and comparing; 0 if it is none.
func rational(d api.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(string(d))
	if !ok {
		return new(big.Rat)
	}
	return r
}

// none reports whether an amount is 0 or not there.
func none(d api.Decimal) bool { return rational(d).Sign() == 0 }

// changeWords say why something changes by itself.
var changeWords = map[string]string{
	api.ChangeTrialEnds:       "the trial ends",
	api.ChangePlanEnds:        "the plan ends",
	api.ChangeAddOnEnds:       "an add-on ends",
	api.ChangeScheduled:       "a scheduled change begins",
	api.ChangeOverrideExpires: "the override ends",
	api.ChangeGraceEnds:       "the grace after a downgrade ends",
	api.ChangeGrantStarts:     "a grant begins",
	api.ChangeGrantExpires:    "a grant expires",
	api.ChangeRolloverEnds:    "what was carried over lapses",
	api.ChangeAllowanceResets: "another allowance starts anew",
	api.ChangeZoneChanges:     "windows move to another time zone",
}

func changeWord(why string) string {
	if words, ok := changeWords[why]; ok {
		return words
	}
	return strings.ReplaceAll(why, "_", " ")
}

// every is how often something starts anew, for people.
func every(i api.Interval) string {
	switch n, unit := i.Parts(); {
	case string(i) == api.ResetNever:
		return "in all"
	case string(i) == api.ResetCycle:
		return "in each period"
	case n == 1 && unit == api.IntervalHour:
		return "an hour"
	case n == 1:
		return "a " + unit
	default:
		return fmt.Sprintf("every %d %ss", n, unit)
	}
}

// valueText is a value of a config feature, for people.
func valueText(v *api.ConfigValue) string {
	switch {
	case v == nil:
		return ""
	case v.List != nil && len(v.List) == 0:
		return "nothing"
	case v.Flag != nil && *v.Flag:
		return "yes"
	case v.Flag != nil:
		return "no"
	case v.Text != "": // as it is written, also the word unlimited
		return v.Text
	}
	text, _ := prices.Value(v)
	return text
}

// standing is how much of a feature is used, for people.
func (n names) standing(e *api.Entitlement) string {
	switch e.Type {
	case api.FeatureConfig:
		return "Set to " + valueText(e.Value)
	case api.FeatureCharge:
		return "A charge of the plan"
	case api.FeatureUnmetered:
		return "Has it; it is not counted"
	}
	text := n.units(string(e.Used), e.FeatureCode) + " used"
	if !none(e.Held) {
		text += ", " + web.Number(string(e.Held)) + " held"
	}
	if e.Limit == nil {
		return text + ", without a limit"
	}
	text = web.Number(string(e.Used)) + " used"
	if !none(e.Held) {
		text += " and " + web.Number(string(e.Held)) + " held"
	}
	text += " of " + n.whole(*e.Limit, e.FeatureCode)
	if e.Remaining != nil {
		text += "; " + web.Number(string(*e.Remaining)) + " left"
		left := new(big.Rat).SetInt64(*e.Limit)
		if left.Sub(left, rational(e.Used)).Sub(left, rational(e.Held)).Cmp(rational(*e.Remaining)) < 0 {
			text += " with what is beside it"
		}
	}
	if e.Soft {
		text += " (soft: above it use goes on)"
	}
	return text
}

// said is the answer to a check, in words.
type said struct {
	Allowed bool
	Reason  string // the API's word
	Short   string // in a few words, for a badge
	Answer  string // what, with the numbers
	Remedy  string // what would have to change
}

// say puts a decision on some units into words.
func (n names) say(d *api.Decision, units api.Decimal, override *api.Override, zone *time.Location) said {
	name, code := n.feature(d.FeatureCode), d.FeatureCode
	asked := n.units(string(units), code)
	out := said{Allowed: d.Allowed, Reason: d.Reason}
	used := web.Number(string(d.Used))
	if !none(d.Held) {
		used += " used and " + web.Number(string(d.Held)) + " held"
	} else {
		used += " used"
	}
	resets := ""
	if d.ResetsOn != nil {
		resets = "wait until it starts anew on " + web.Instant(d.ResetsOn.Time, zone) + ", or "
	}
	limit, left := "no limit", "0"
	if d.Limit != nil {
		limit = n.whole(*d.Limit, code)
	}
	if d.Remaining != nil {
		left = web.Number(string(*d.Remaining))
	}
	switch d.Reason {
	case api.ReasonUnmetered:
		out.Short, out.Answer = "has it", fmt.Sprintf("Yes. This customer has %s, and it is not counted.", name)
		if d.Value != nil {
			out.Short, out.Answer = valueText(d.Value), fmt.Sprintf("Yes. %s is set to %s.", name, valueText(d.Value))
		}
	case api.ReasonWithinLimit:
		out.Short = "within the limit"
		out.Answer = fmt.Sprintf("Yes. %s of %s, so %s more will do.", used, limit, asked)
		if d.Limit == nil {
			out.Answer = fmt.Sprintf("Yes. %s, and %s more will do.", used, asked)
		}
		out.Remedy = fmt.Sprintf("It stops when more than the %s that are left are asked for at once.", left)
	case api.ReasonUnlimited:
		out.Short, out.Answer = "unlimited", fmt.Sprintf("Yes. %s has no limit here; %s so far.", name, used)
	case api.ReasonOverSoftLimit:
		out.Short = "over a soft limit"
		out.Answer = fmt.Sprintf("Yes, although it passes the limit: %s of %s, and the limit is soft. It is reported and does not stop.", used, limit)
		out.Remedy = "Every source of the limit would have to be hard for it to stop."
	case api.ReasonHeld:
		out.Short, out.Answer = "set aside", fmt.Sprintf("Yes. %s were set aside by a hold before, and count in the window of the hold.", asked)
	case api.ReasonLimitReached:
		out.Short = "limit reached"
		out.Answer = fmt.Sprintf("No. %s of %s leaves %s; asked for: %s.", used, limit, left, asked)
		out.Remedy = upper(resets + "give more: a larger plan, an add-on, an override or a grant.")
	case api.ReasonCapReached:
		out.Short = "cap reached"
		out.Answer = "No. A cap beside the limit leaves too little."
		for _, cap := range d.Caps {
			if rational(cap.Remaining).Cmp(rational(units)) < 0 {
				out.Answer = fmt.Sprintf("No. There is a cap of %s %s, of which %s are used and %s left; asked for: %s.",
					n.whole(cap.Max, code), every(cap.Reset), web.Number(string(cap.Used)), web.Number(string(cap.Remaining)), asked)
				if cap.ResetsOn != nil {
					out.Remedy = "Wait until the cap starts anew on " + web.Instant(cap.ResetsOn.Time, zone) + ", or move to a plan with a larger cap."
				} else {
					out.Remedy = "Move to a plan with a larger cap."
				}
				break
			}
		}
	case api.ReasonPoolEmpty:
		out.Short = "pool is empty"
		out.Answer = fmt.Sprintf("No. %s is paid from something else that has too little.", name)
		if d.Pool != nil {
			has := "0"
			if d.Pool.Remaining != nil {
				has = web.Number(string(*d.Pool.Remaining))
			}
			out.Answer = fmt.Sprintf("No. %s is paid from %s: %s would need %s, and %s are left for it.",
				name, n.feature(d.Pool.FeatureCode), asked, n.units(string(d.Pool.Units), d.Pool.FeatureCode), has)
			out.Remedy = fmt.Sprintf("Give more %s: a grant, a pack or a larger plan.", n.feature(d.Pool.FeatureCode))
		}
	case api.ReasonOverageLimitReached:
		out.Short = "overage limit reached"
		out.Answer = fmt.Sprintf("No. The limit of %s is soft, but what may be used above it is bounded, and %s more would pass that.", limit, asked)
		out.Remedy = upper(resets + "give more: a larger plan, an override or a grant.")
	case api.ReasonNotEntitled:
		out.Short = "not entitled"
		out.Answer = fmt.Sprintf("No. Nothing gives this customer %s: no plan, no add-on, no override, no grant.", name)
		out.Remedy = fmt.Sprintf("Put it on a plan or add-on that has %s, or set an override.", name)
		if override != nil && override.Deny {
			out.Short, out.Answer = "denied", fmt.Sprintf("No. An override denies this customer %s, whatever its plan has.", name)
			out.Remedy = "End the override."
		}
	case api.ReasonSuspended:
		out.Short = "suspended"
		out.Answer = "No. The customer is suspended, so every check is refused. Its agreements and its usage are kept."
		out.Remedy = "Reactivate the customer."
	default:
		out.Short, out.Answer = strings.ReplaceAll(d.Reason, "_", " "), "The server answered "+d.Reason+"."
	}
	return out
}

// upper is a sentence that begins with a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// sourceLine is one source of an entitlement in words.
type sourceLine struct {
	Text   string
	Counts bool
	Kind   string
}

// source says what a source gives, and what took its place if another did.
func (n names) source(e *api.Entitlement, s *api.Source, overrides map[string]api.Override, grants map[string]api.Grant, zone *time.Location) sourceLine {
	line := sourceLine{Counts: s.Counts, Kind: s.Kind}
	gives := "has it"
	if e.Type == api.FeatureMetered {
		gives = "gives it without a limit"
		if s.Max != nil {
			gives = "gives " + n.whole(*s.Max, e.FeatureCode)
		}
	}
	switch s.Kind {
	case api.SourcePlan:
		line.Text = "Plan " + n.plan(s.PlanCode) + " " + gives
	case api.SourceAddOn:
		line.Text = "Add-on " + n.plan(s.PlanCode) + " " + strings.Replace(gives, "gives ", "adds ", 1)
	case api.SourceGrant:
		line.Text = "A grant " + gives
		if g, ok := grants[s.ID]; ok {
			line.Text = fmt.Sprintf("A grant of %s, %s", n.units(string(g.Amount), e.FeatureCode), until(g.ExpiresOn, zone))
		}
	case api.SourceOverride:
		line.Text = "An override " + gives
		if o, ok := overrides[s.ID]; ok {
			line.Text = upper(n.override(&o, zone))
		}
	}
	if !s.Counts {
		line.Text += ": not counted, an override stands in its place"
	}
	return line
}

// override is what an override does, in words.
func (n names) override(o *api.Override, zone *time.Location) string {
	var parts []string
	switch {
	case o.Deny:
		parts = append(parts, "takes it away")
	case o.Max.Set && o.Max.Null:
		parts = append(parts, "puts no limit in the place of the plan's part")
	case o.Max.Set:
		parts = append(parts, "puts "+n.whole(o.Max.Value, o.FeatureCode)+" in the place of the plan's part")
	}
	if o.AtLeast != nil {
		parts = append(parts, "lifts the plan's part to "+n.whole(*o.AtLeast, o.FeatureCode)+" at least")
	}
	if o.Add != 0 {
		parts = append(parts, "adds "+n.whole(o.Add, o.FeatureCode))
	}
	if o.Value != nil {
		parts = append(parts, "sets it to "+valueText(o.Value))
	}
	if len(parts) == 0 {
		parts = append(parts, "gives it")
	}
	return "an override " + strings.Join(parts, " and ") + ", " + until(o.ExpiresOn, zone)
}

// until is an end in words.
func until(t *api.Time, zone *time.Location) string {
	if t == nil {
		return "without end"
	}
	return "until " + web.Instant(t.Time, zone)
}
