package billing

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/govalues/decimal"
)

// termsDetails says, for a reader, how terms differ; nothing if they are equal.
func termsDetails(old, next *Terms) []string {
	out := details("cycle", old.Cycle, next.Cycle, "align", old.Align, next.Align,
		"quantity", old.Quantity.text(), next.Quantity.text(), "ask_for_card", old.AskForCard, next.AskForCard,
		"beside", besideText(old.Beside), besideText(next.Beside))
	if !reflect.DeepEqual(old.Trial, next.Trial) {
		out = append(out, detail("trial", old.Trial.text(), next.Trial.text()))
	}
	return append(out, itemsDetails(old, next)...)
}

// itemsDetails says how the items of terms differ.
func itemsDetails(old, next *Terms) (out []string) {
	for _, it := range next.Items {
		i := old.Find(it.Feature)
		if i < 0 {
			out = append(out, fmt.Sprintf("items[%s]: new", it.Feature))
			continue
		}
		out = append(out, itemDetails(&old.Items[i], &it)...)
	}
	for _, it := range old.Items {
		if next.Find(it.Feature) < 0 {
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
	return append(details(
		prefix+"price_name", old.PriceName, next.PriceName,
		prefix+"fixed_charge", old.FixedCharge, next.FixedCharge,
		prefix+"interval", old.intervalText(), next.intervalText(),
		prefix+"annual", number(old.Annual), number(next.Annual),
		prefix+"min", number(old.Min), number(next.Min),
		prefix+"max", number(old.Max), number(next.Max),
		prefix+"per", per(old.PerQuantity), per(next.PerQuantity),
		prefix+"limit", old.Limit, next.Limit,
		prefix+"reset", old.Reset, next.Reset,
		prefix+"align", old.Align, next.Align,
		prefix+"over_limit", old.OverLimit.text(), next.OverLimit.text(),
		prefix+"unit_amount", price(old.UnitAmount), price(next.UnitAmount),
		prefix+"unit_amount of a year", price(old.AnnualUnitAmount), price(next.AnnualUnitAmount),
		prefix+"tiers", tiersText(old.Tiers), tiersText(next.Tiers),
		prefix+"tiers_mode", old.tiersModeText(), next.tiersModeText(),
		prefix+"value", old.Value.text(), next.Value.text(),
	), creditDetails(prefix, old, next)...)
}

// creditDetails are those of what an item says of more than its limit.
func creditDetails(prefix string, old, next *Item) []string {
	return details(
		prefix+"included", number(old.Included), number(next.Included),
		prefix+"caps", listText(old.Caps, Cap.text), listText(next.Caps, Cap.text),
		prefix+"thresholds", thresholdsText(old.Thresholds), thresholdsText(next.Thresholds),
		prefix+"low", number(old.Low), number(next.Low),
		prefix+"overage_max", number(old.OverageMax), number(next.OverageMax),
		prefix+"burns", old.Burns.text(), next.Burns.text(),
		prefix+"rollover", old.Rollover.text(), next.Rollover.text(),
		prefix+"grants", listText(old.Grants, ItemGrant.text), listText(next.Grants, ItemGrant.text),
		prefix+"rate", old.Rate.text(), next.Rate.text(),
	)
}

// featureDetails says how a feature differs.
func featureDetails(old, next *Feature) []string {
	return append(details("name", old.Name, next.Name, "type", old.Type, next.Type, "unit", old.Unit, next.Unit,
		"reset", old.Reset, next.Reset, "held", old.Held, next.Held, "burns", old.Burns.text(), next.Burns.text(),
		"thresholds", thresholdsText(old.Thresholds), thresholdsText(next.Thresholds), "low", number(old.Low), number(next.Low),
		"of", old.Of, next.Of, "one_of", quoted(old.OneOf), quoted(next.OneOf), "pick", old.Pick, next.Pick),
		aboutDetails(&old.About, &next.About)...)
}

func groupDetails(old, next *PlanGroup) []string {
	return append(details("name", old.Name, next.Name, "customer_type", old.CustomerType, next.CustomerType,
		"default", old.Default, next.Default, "fallback", old.Fallback, next.Fallback), aboutDetails(&old.About, &next.About)...)
}

// planDetails says how a plan differs in what is not versioned, but for archived.
func planDetails(old, next *Plan) []string {
	return append(details("name", old.Name, next.Name, "group", old.Group, next.Group, "kind", old.Kind, next.Kind,
		"default", old.Default, next.Default, "hidden", old.Hidden, next.Hidden, "price", old.Price, next.Price,
		"extends", old.Extends, next.Extends, "without", listText(old.Without, codeText), listText(next.Without, codeText)),
		aboutDetails(&old.About, &next.About)...)
}

func aboutDetails(old, next *About) []string {
	return details("description", old.Description, next.Description, "metadata", metadataText(old.Metadata), metadataText(next.Metadata))
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
	return listText(tiers, func(t Tier) string {
		text := "above"
		if t.UpTo != nil {
			text = "up to " + number(t.UpTo)
		}
		text += " " + t.UnitAmount.String()
		if t.FlatAmount != nil {
			text += " and " + t.FlatAmount.String() + " flat"
		}
		if t.AnnualUnitAmount != nil {
			text += " (" + t.AnnualUnitAmount.String() + " a year)"
		}
		return text
	})
}

// listText is a list for a reader; "" if it is empty.
func listText[T any](list []T, text func(T) string) string {
	var parts []string
	for _, v := range list {
		parts = append(parts, text(v))
	}
	return strings.Join(parts, ", ")
}

func codeText(c Code) string { return string(c) }

func besideText(plans []Code) string { return listText(plans, codeText) }

// quoted is a list of texts that may have anything in them.
func quoted(texts []string) string { return listText(texts, strconv.Quote) }

func thresholdsText(percents []int) string {
	return listText(percents, func(n int) string { return strconv.Itoa(n) + "%" })
}

func metadataText(of map[string]string) string {
	return listText(slices.Sorted(maps.Keys(of)), func(key string) string { return strconv.Quote(key) + ": " + strconv.Quote(of[key]) })
}

func (it *Item) intervalText() string {
	if it.Once {
		return strings.TrimSpace("once " + string(it.Interval))
	}
	return string(it.Interval)
}

func (it *Item) tiersModeText() string {
	text := string(it.TiersMode)
	if len(it.Tiers) > 0 {
		text = string(cmp.Or(it.TiersMode, graduated))
	}
	if it.Package != 0 {
		text += fmt.Sprintf(" of %d", it.Package)
	}
	return text
}

func (c Cap) text() string { return fmt.Sprintf("%d by %s", c.Max, c.Reset) }

func (b *Burns) text() string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("%s of %s", b.Rate, b.Feature)
}

func (r *Rollover) text() string {
	switch {
	case r == nil:
		return ""
	case r.Max == nil:
		return fmt.Sprintf("all for %d windows", r.Windows)
	}
	return fmt.Sprintf("at most %d for %d windows", *r.Max, r.Windows)
}

func (r *Rate) text() string {
	switch {
	case r == nil:
		return ""
	case r.Burst == nil:
		return fmt.Sprintf("%d a %s", r.Max, r.Per)
	}
	return fmt.Sprintf("%d a %s, burst %d", r.Max, r.Per, *r.Burst)
}

func (g ItemGrant) text() string {
	text := fmt.Sprintf("%s %s", g.Amount, g.Kind)
	if g.At != "" {
		text += " at " + string(g.At)
	}
	text += " lasts " + string(g.Lasts)
	if g.Days != 0 {
		text += fmt.Sprintf(" %d", g.Days)
	}
	return text + fmt.Sprintf(", priority %d", g.Priority)
}

// text is the value for a reader, who knows of what kind it is; "" for nil. Of one that
// apply made a single field is set.
func (v *Value) text() string {
	if v == nil {
		return ""
	}
	var parts []string
	if v.Number != nil {
		parts = append(parts, v.Number.String())
	}
	if v.Flag {
		parts = append(parts, "true")
	}
	if v.Text != "" {
		parts = append(parts, strconv.Quote(v.Text))
	}
	if v.List != nil {
		parts = append(parts, "["+quoted(v.List)+"]")
	}
	if parts == nil {
		return "unlimited or false"
	}
	return strings.Join(parts, " ")
}
