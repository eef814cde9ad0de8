package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// Of is the catalog as a file would state it: every feature, group and plan,
// with the terms of its latest version. Applying it to the same catalog changes
// nothing. What is equal to its default is left out where the default says
// nothing to a reader. The order is by code; plans are sorted by their group and
// stand before its add-ons.
func Of(c *billing.Catalog) billing.CatalogSpec {
	spec := billing.CatalogSpec{Currency: c.Currency}
	for _, code := range slices.Sorted(maps.Keys(c.Features)) {
		f := *c.Features[code]
		if f.Reset == billing.ResetCycle || f.Held {
			f.Reset = ""
		}
		if f.Pick == billing.DefaultPick {
			f.Pick = ""
		}
		spec.Features = append(spec.Features, f)
	}
	for _, code := range slices.Sorted(maps.Keys(c.Groups)) {
		g := *c.Groups[code]
		g.ID = billing.GroupID{}
		spec.Groups = append(spec.Groups, g)
	}
	plans := slices.SortedFunc(maps.Values(c.Plans), func(a, b *billing.Plan) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(kindOrder(a), kindOrder(b)), cmp.Compare(a.Code, b.Code))
	})
	for _, p := range plans {
		spec.Plans = append(spec.Plans, planOf(c, p))
	}
	return spec
}

// kindOrder is the place of a plan among those of its group: before add-ons and packs.
func kindOrder(p *billing.Plan) int { return slices.Index(billing.Words[billing.PlanKind](), p.Kind) }

func planOf(c *billing.Catalog, p *billing.Plan) billing.PlanSpec {
	terms := &p.Latest().Terms
	plan := billing.PlanSpec{
		Code: p.Code, Name: p.Name, Group: p.Group, Kind: p.Kind, Status: p.Status,
		Archived: p.Archived, Default: p.Default, About: p.About, Hidden: p.Hidden, Price: p.Price,
		Cycle: terms.Cycle, Align: terms.Align, Quantity: terms.Quantity, AskForCard: &terms.AskForCard,
		Beside: terms.Beside, Extends: p.Extends, Without: p.Without,
	}
	switch plan.Kind {
	case billing.KindPlan:
		plan.Kind = ""
	case billing.KindPack:
		plan.Cycle = ""
	}
	if t := terms.Trial; t != nil {
		plan.Trial = &billing.TrialSpec{Days: &t.Days, CardPromptDays: &t.CardPromptDays, Then: t.Then}
	}
	var base []billing.Item
	if of := c.Plans[p.Extends]; of != nil {
		base = of.Latest().Items
	}
	for i := range terms.Items {
		item := itemOf(c, &terms.Items[i])
		same := func(it billing.Item) bool {
			return it.Feature == item.Feature && reflect.DeepEqual(itemOf(c, &it), item)
		}
		if !slices.ContainsFunc(base, same) {
			plan.Items = append(plan.Items, item)
		}
	}
	return plan
}

func itemOf(c *billing.Catalog, it *billing.Item) billing.ItemSpec {
	feature := c.Features[it.Feature]
	item := *it.Spec(feature)
	if item.Limit == billing.Hard {
		item.Limit = ""
	}
	if item.Reset == feature.Reset {
		item.Reset = ""
	}
	if item.OverLimit != nil && item.OverLimit.Policy == billing.Block {
		item.OverLimit = nil
	}
	if slices.Equal(it.Thresholds, feature.Thresholds) {
		item.Thresholds = nil
	}
	if reflect.DeepEqual(it.Low, feature.Low) {
		item.Low = nil
	}
	if reflect.DeepEqual(it.Burns, feature.Burns) {
		item.Burns = nil
	}
	for i := range item.Grants {
		g := &item.Grants[i]
		if *g.Priority == billing.DefaultPriority {
			g.Priority = nil
		}
		if g.Kind == billing.Paid {
			g.Kind = ""
		}
	}
	return item
}

// Format writes a spec as a YAML file that [Parse] reads as the same spec.
func Format(spec billing.CatalogSpec) []byte {
	var b bytes.Buffer
	for _, f := range file(spec) {
		if elems, isList := f.value.(items); isList && len(elems) > 0 {
			b.WriteString(f.key + ":\n")
			for _, elem := range elems {
				writeElement(&b, "  ", elem, f.key == "plans")
			}
			continue
		}
		b.WriteString(f.key + ": " + inline(f.value, yamlText) + "\n")
	}
	if b.Len() == 0 {
		return []byte("{}\n")
	}
	return b.Bytes()
}

// FormatJSON writes a spec as a JSON file that [Parse] reads as the same spec.
func FormatJSON(spec billing.CatalogSpec) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(inline(file(spec), jsonText)), "", "  "); err != nil {
		panic("catalog: wrote bad JSON: " + err.Error())
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// What a file is made of, on the way out. A value is fields, items, text or
// literal.
type (
	fields []field
	items  []any
	text   string
	// literal is a number or truth value.
	literal string
	field   struct {
		key   string
		value any
	}
)

// add appends a key unless its value is the zero value, which stands for a key
// that is not in the file.
func (f *fields) add(key string, value any) {
	switch v := value.(type) {
	case text:
		if v == "" {
			return
		}
	case literal:
		if v == "" || v == "false" && key != "value" {
			return
		}
	}
	*f = append(*f, field{key, value})
}

func whole[T ~int | ~int64](n *T) literal {
	if n == nil {
		return ""
	}
	return literal(strconv.FormatInt(int64(*n), 10))
}

// written is a word, or a multiple of a unit.
func written[T ~string](every T) any {
	n, unit := calendar.Interval(every).Parts()
	if n == 1 {
		return text(every)
	}
	return fields{{"every", whole(&n)}, {"unit", text(unit)}}
}

// quantity is true, or its bounds.
func quantity(q *billing.Quantity) any {
	if *q == (billing.Quantity{}) {
		return literal("true")
	}
	var out fields
	out.add("min", whole(q.Min))
	out.add("max", whole(q.Max))
	return out
}

func truth(b bool) literal { return literal(strconv.FormatBool(b)) }

func file(spec billing.CatalogSpec) fields {
	var out fields
	out.add("currency", text(spec.Currency))
	addList(&out, "features", spec.Features, featureFields)
	addList(&out, "plan_groups", spec.Groups, groupFields)
	addList(&out, "plans", spec.Plans, planFields)
	return out
}

func addList[T, F any](out *fields, key string, elems []T, write func(*T) F) {
	if elems == nil {
		return
	}
	list := items{}
	for i := range elems {
		list = append(list, write(&elems[i]))
	}
	out.add(key, list)
}

func featureFields(f *billing.Feature) fields {
	var out fields
	out.add("code", text(f.Code))
	out.add("name", text(f.Name))
	out.add("type", text(f.Type))
	out.add("unit", text(f.Unit))
	out.add("reset", written(f.Reset))
	out.add("held", truth(f.Held))
	addBurns(&out, f.Burns)
	addList(&out, "thresholds", f.Thresholds, number)
	out.add("low", whole(f.Low))
	out.add("of", text(f.Of))
	addList(&out, "one_of", f.OneOf, value)
	out.add("pick", text(f.Pick))
	addAbout(&out, &f.About)
	return out
}

func groupFields(g *billing.PlanGroup) fields {
	var out fields
	out.add("code", text(g.Code))
	out.add("name", text(g.Name))
	out.add("customer_type", text(g.CustomerType))
	out.add("default", truth(g.Default))
	out.add("fallback", text(g.Fallback))
	addAbout(&out, &g.About)
	return out
}

func planFields(p *billing.PlanSpec) fields {
	var out fields
	out.add("code", text(p.Code))
	out.add("name", text(p.Name))
	out.add("group", text(p.Group))
	out.add("kind", text(p.Kind))
	out.add("status", text(p.Status))
	out.add("archived", truth(p.Archived))
	out.add("default", truth(p.Default))
	addAbout(&out, &p.About)
	out.add("hidden", truth(p.Hidden))
	out.add("price", text(p.Price))
	out.add("cycle", written(p.Cycle))
	out.add("align", text(p.Align))
	if p.Quantity != nil {
		out.add("quantity", quantity(p.Quantity))
	}
	if t := p.Trial; t != nil {
		trial := fields{}
		trial.add("days", whole(t.Days))
		trial.add("card_prompt_days", whole(t.CardPromptDays))
		trial.add("then", text(t.Then))
		out.add("trial", trial)
	}
	if p.AskForCard != nil {
		out = append(out, field{"ask_for_card", truth(*p.AskForCard)})
	}
	addList(&out, "beside", p.Beside, word)
	out.add("extends", text(p.Extends))
	addList(&out, "without", p.Without, word)
	addList(&out, "items", p.Items, itemFields)
	return out
}

func itemFields(it *billing.ItemSpec) fields {
	var out fields
	out.add("feature", text(it.Feature))
	out.add("price_name", text(it.PriceName))
	if v := it.Value; v != nil {
		out.add("value", setting(v))
	}
	out.add("fixed_charge", whole(it.FixedCharge))
	interval := it.Interval
	if it.Once {
		interval = onceWord
	}
	out.add("interval", text(interval))
	out.add("annual", whole(it.Annual))
	out.add("min", whole(it.Min))
	out.add("max", whole(it.Max))
	out.add("included", whole(it.Included))
	if it.PerQuantity {
		out.add("per", text(perQuantity))
	}
	out.add("limit", text(it.Limit))
	out.add("overage_max", whole(it.OverageMax))
	out.add("reset", written(it.Reset))
	out.add("align", text(it.Align))
	addList(&out, "caps", it.Caps, func(c *billing.Cap) any {
		return fields{{"max", whole(&c.Max)}, {"reset", written(c.Reset)}}
	})
	switch o := it.OverLimit; {
	case o == nil:
	case o.Policy == billing.Grace:
		out.add("over_limit", fields{{"grace", fields{{"days", whole(&o.GraceDays)}}}})
	default:
		out.add("over_limit", text(o.Policy))
	}
	creditFields(&out, it)
	priceFields(&out, it)
	return out
}

// creditFields are those of what an item says of more than its limit.
func creditFields(out *fields, it *billing.ItemSpec) {
	if r := it.Rollover; r != nil {
		rollover := fields{}
		rollover.add("max", whole(r.Max))
		rollover.add("windows", whole(r.Windows))
		out.add("rollover", rollover)
	}
	addBurns(out, it.Burns)
	addList(out, "grants", it.Grants, grantFields)
	addList(out, "thresholds", it.Thresholds, number)
	if low := it.Low; low != nil && *low < 0 {
		out.add("low", text(none))
	} else {
		out.add("low", whole(low))
	}
	if r := it.Rate; r != nil {
		rate := fields{{"max", whole(&r.Max)}, {"per", text(r.Per)}}
		rate.add("burst", whole(r.Burst))
		out.add("rate", rate)
	}
}

func priceFields(out *fields, it *billing.ItemSpec) {
	out.add("unit_amount", price(it.UnitAmount))
	out.add("annual", price(it.AnnualUnitAmount))
	addList(out, "tiers", it.Tiers, func(t *billing.Tier) any {
		var out fields
		out.add("up_to", whole(t.UpTo))
		out.add("unit_amount", price(&t.UnitAmount))
		out.add("annual", price(t.AnnualUnitAmount))
		out.add("flat_amount", price(t.FlatAmount))
		return out
	})
	out.add("tiers_mode", text(it.TiersMode))
	out.add("package", whole(it.Package))
}

func grantFields(g *billing.ItemGrantSpec) any {
	var out fields
	if g.Amount != nil {
		out.add("amount", literal(g.Amount.String()))
	}
	out.add("at", text(g.At))
	if g.Lasts == billing.LastsDays {
		out.add("lasts", fields{{"days", whole(&g.Days)}})
	} else {
		out.add("lasts", text(g.Lasts))
	}
	out.add("priority", whole(g.Priority))
	out.add("kind", text(g.Kind))
	return out
}

func price(d *decimal.Decimal) literal {
	if d == nil {
		return ""
	}
	return literal(d.String())
}

func number(n *int) any { return whole(n) }

func value(s *string) any { return text(*s) }

func word(c *billing.Code) any { return text(*c) }

// setting is the value of a config feature.
func setting(v *billing.ValueSpec) any {
	switch {
	case v.List != nil:
		list := items{}
		for _, s := range v.List {
			list = append(list, text(s))
		}
		return list
	case v.Number != nil || v.Text == "true" || v.Text == "false":
		return literal(v.Text)
	}
	return text(v.Text)
}

func addBurns(out *fields, b *billing.Burns) {
	switch {
	case b == nil:
	case b.Feature == "":
		out.add("burns", text(none))
	default:
		out.add("burns", fields{{"feature", text(b.Feature)}, {"rate", price(&b.Rate)}})
	}
}

func addAbout(out *fields, of *billing.About) {
	out.add("description", text(of.Description))
	if of.Metadata == nil {
		return
	}
	metadata := fields{}
	for _, key := range slices.Sorted(maps.Keys(of.Metadata)) {
		metadata = append(metadata, field{key, text(of.Metadata[key])})
	}
	out.add("metadata", metadata)
}

// writeElement writes an element of a list: on one line if it fits there and
// is not told to be long.
func writeElement(b *bytes.Buffer, indent string, elem any, long bool) {
	const width = 100
	line := indent + "- " + inline(elem, yamlText)
	mapping, ok := elem.(fields)
	if !ok || len(mapping) == 0 || !long && utf8.RuneCountInString(line) <= width {
		b.WriteString(line + "\n")
		return
	}
	lead := indent + "- "
	for _, f := range mapping {
		b.WriteString(lead + f.key + ":")
		lead = indent + "  "
		if elems, isList := f.value.(items); isList && len(elems) > 0 {
			b.WriteByte('\n')
			for _, elem := range elems {
				writeElement(b, indent+"    ", elem, false)
			}
		} else {
			b.WriteString(" " + inline(f.value, yamlText) + "\n")
		}
	}
}

// inline is a value in brackets, as YAML and JSON both have it, apart from how
// each writes its text.
func inline(v any, write func(text) string) string {
	var parts []string
	switch v := v.(type) {
	case text:
		return write(v)
	case literal:
		return string(v)
	case items:
		for _, elem := range v {
			parts = append(parts, inline(elem, write))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case fields:
		for _, f := range v {
			parts = append(parts, write(text(f.key))+": "+inline(f.value, write))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	panic("catalog: not a value of a file")
}

var (
	// plainText needs no quotes in any place, by any YAML reader's rules,
	// unless it is one of plainWords.
	plainText  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.()/+&'-]*( [A-Za-z0-9_.()/+&'-]+)*$`)
	plainWords = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

func yamlText(s text) string {
	if plainText.MatchString(string(s)) && !plainWords.MatchString(string(s)) {
		return string(s)
	}
	return jsonText(s)
}

func jsonText(s text) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(s)); err != nil {
		panic("catalog: text that JSON cannot write: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
