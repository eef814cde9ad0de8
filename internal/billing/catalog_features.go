package billing

import (
	"cmp"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/govalues/decimal"
)

func (a *application) features(spec CatalogSpec) {
	seen := make(map[Code]int)
	for i, f := range spec.Features {
		path := element("features", i)
		if f.Code == "" {
			continue // its absence is a fault of the file
		}
		if first, twice := seen[f.Code]; twice {
			a.fault(path+".code", "feature %s is in the file twice, first as features[%d]; remove one", f.Code, first)
			continue
		}
		seen[f.Code] = i
		a.feature(path, &f)
		old := a.old.Features[f.Code]
		if old == nil {
			a.next.Features[f.Code] = &f
			continue
		}
		if was, key, what := fixedOf(old, &f); key != "" {
			if user := a.boundTo(f.Code, spec.Plans); user != "" {
				a.fault(path+"."+key, "%s of feature %s is fixed to %s, because plan %s has it; use another code", what, f.Code, was, user)
				continue
			}
		}
		f.Pooled, f.Burned = old.Pooled, old.Burned
		if !reflect.DeepEqual(*old, f) {
			a.next.Features[f.Code] = &f
		}
	}
	for i := range spec.Features {
		if code := spec.Features[i].Code; code != "" && seen[code] == i {
			a.stated(element("features", i), a.next.Features[code], a.old.Features[code])
		}
	}
}

// stated goes on with a feature when all are known: what it burns may stand behind it.
func (a *application) stated(path string, f, old *Feature) {
	if f.Burns != nil {
		if b := a.burns(path+".burns", f, f.Burns); f != old {
			f.Burns = b
		}
	}
	switch {
	case old == nil:
		a.change(actionCreate, thingFeature, f.Code, 0)
	case f != old:
		if changed := featureDetails(old, f); len(changed) > 0 {
			a.change(actionUpdate, thingFeature, f.Code, 0, changed...)
		} else {
			a.next.Features[f.Code] = old
		}
	}
}

// fixedOf is what of a feature would change that is fixed once a plan is published with
// it: how it was, its key, and the key for a message; "" if nothing is.
func fixedOf(old, next *Feature) (was, key, what string) {
	switch {
	case next.Type == "": // a fault of the file
	case next.Type != old.Type:
		return string(old.Type), "type", "the type"
	case next.Held != old.Held && old.Held:
		return "true", "held", "held"
	case next.Held != old.Held:
		return "false", "held", "held"
	case next.Type == Config && next.Of != old.Of && next.Of != "":
		return string(old.Of), "of", "the kind of value (of)"
	}
	return "", "", ""
}

// feature checks a feature by itself, and fills in the defaults.
func (a *application) feature(path string, f *Feature) {
	a.about(path, &f.About)
	if f.Type == "" {
		return // a fault of the file, from which nothing follows
	}
	for _, k := range []struct {
		key  string
		only FeatureType
		is   bool
	}{
		{"unit", Metered, f.Unit != ""}, {"reset", Metered, f.Reset != ""}, {"held", Metered, f.Held},
		{"burns", Metered, f.Burns != nil}, {"thresholds", Metered, f.Thresholds != nil}, {"low", Metered, f.Low != nil},
		{"of", Config, f.Of != ""}, {"one_of", Config, f.OneOf != nil}, {"pick", Config, f.Pick != ""},
	} {
		if k.is && f.Type != k.only {
			a.fault(path+"."+k.key, "only %s features have %s; remove it", k.only, named(k.key))
		}
	}
	switch f.Type {
	case Metered:
		a.meteredFeature(path, f)
	case Config:
		a.configFeature(path, f)
	default:
		f.Burns = nil
	}
}

// named is a key with its article.
func named(key string) string {
	switch key {
	case "unit", "reset", "pick":
		return "a " + key
	}
	return key
}

func (a *application) meteredFeature(path string, f *Feature) {
	if f.Held {
		if f.Reset != "" && f.Reset != ResetNever {
			a.fault(path+".reset", "what is held never resets; remove reset")
		}
		if f.Burns != nil {
			a.fault(path+".burns", "what is held burns nothing; remove burns")
			f.Burns = nil
		}
		if f.Low != nil {
			a.fault(path+".low", "low is of what is used up, and this is held; remove it, or use thresholds")
		}
		f.Reset = ResetNever
	}
	f.Reset = cmp.Or(f.Reset, ResetCycle)
	a.thresholds(path+".thresholds", f.Thresholds)
	if len(f.Thresholds) == 0 {
		f.Thresholds = nil
	}
}

// configFeature checks a feature with values.
func (a *application) configFeature(path string, f *Feature) {
	if f.Of == "" {
		a.fault(path+".of", "missing; a config feature needs of: text, number, flag or list")
		return
	}
	if f.Pick != "" && f.Of != valueNumber {
		a.fault(path+".pick", "pick says which of several numbers counts, and this is a %s; remove it", f.Of)
	}
	if f.Of == valueNumber {
		f.Pick = cmp.Or(f.Pick, pickMax)
	}
	switch {
	case f.OneOf != nil && f.Of == valueFlag:
		a.fault(path+".one_of", "a flag is true or false; remove one_of")
	case f.OneOf != nil && len(f.OneOf) == 0:
		a.fault(path+".one_of", "one_of is empty; give the values there are, or remove it for any")
	}
	f.OneOf = slices.Clone(f.OneOf)
	for i, text := range f.OneOf {
		where := element(path+".one_of", i)
		if f.Of == valueNumber && text != unlimited {
			d, ok := exactDecimal(text)
			if !ok {
				a.fault(where, "%q is no number; give numbers, or %s", text, unlimited)
				continue
			}
			f.OneOf[i] = d.String()
		}
		if slices.Contains(f.OneOf[:i], f.OneOf[i]) {
			a.fault(where, "%s is there twice; remove one", text)
		}
	}
}

// unlimited is the value of a number without bound.
const unlimited = "unlimited"

var numberPattern = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// exactDecimal is the number that a text says, if it is one that is kept exactly.
func exactDecimal(text string) (decimal.Decimal, bool) {
	if !numberPattern.MatchString(text) || len(strings.Replace(text, ".", "", 1)) > decimal.MaxPrec {
		return decimal.Decimal{}, false
	}
	d, err := decimal.Parse(text)
	return d.Trim(0), err == nil
}

// setting is a value as the spec states it, by the kind of the feature; else what would
// be right.
func (f *Feature) setting(spec *ValueSpec) (v *Value, right string) {
	if (spec.List != nil) != (f.Of == valueList) {
		return nil, "give " + f.Of.example()
	}
	switch v = new(Value); f.Of {
	case valueText:
		v.Text = spec.Text
		return v, f.among(spec.Text)
	case valueFlag:
		if v.Flag = spec.Text == "true"; !v.Flag && spec.Text != "false" {
			return nil, "give " + f.Of.example()
		}
	case valueNumber:
		switch {
		case spec.Number != nil:
			v.Number = trimmed(spec.Number)
			return v, f.among(v.Number.String())
		case spec.Text == unlimited:
			return v, f.among(unlimited)
		}
		return nil, "give " + f.Of.example()
	case valueList:
		v.List = slices.Clone(spec.List)
		if len(v.List) == 0 {
			return nil, "give at least one, or leave the item out"
		}
		for i, text := range v.List {
			if right := f.among(text); right != "" {
				return nil, right
			}
			if slices.Contains(v.List[:i], text) {
				return nil, "give each once, and " + text + " is there twice"
			}
		}
		if f.OneOf != nil {
			slices.SortFunc(v.List, func(a, b string) int { return cmp.Compare(slices.Index(f.OneOf, a), slices.Index(f.OneOf, b)) })
		}
	}
	return v, ""
}

// among says what would be right if a text is not one of those there are; else "".
func (f *Feature) among(text string) string {
	if f.OneOf == nil || slices.Contains(f.OneOf, text) {
		return ""
	}
	return "give one of " + strings.Join(f.OneOf, ", ")
}

func (k ValueKind) example() string {
	return map[ValueKind]string{
		valueText: "text", valueNumber: "a number without quotes, such as 30, or unlimited",
		valueFlag: "true or false", valueList: "a list, such as [a, b]",
	}[k]
}

// spec is the value as a spec states it.
func (v *Value) spec(of ValueKind) *ValueSpec {
	if v == nil {
		return nil
	}
	switch of {
	case valueFlag:
		if v.Flag {
			return &ValueSpec{Text: "true"}
		}
		return &ValueSpec{Text: "false"}
	case valueNumber:
		if v.Number == nil {
			return &ValueSpec{Text: unlimited}
		}
		return &ValueSpec{Text: v.Number.String(), Number: v.Number}
	}
	return &ValueSpec{Text: v.Text, List: v.List}
}

// values refuses a feature that no longer has a value which a plan has that the spec
// leaves as it is.
func (a *application) values(spec CatalogSpec) {
	at := make(map[Code]string)
	for i := range spec.Features {
		f := a.next.Features[spec.Features[i].Code]
		if old := a.old.Features[spec.Features[i].Code]; f != nil && old != nil && f != old && f.OneOf != nil && f.Type == Config && old.Of == f.Of {
			at[f.Code] = element("features", i) + ".one_of"
		}
	}
	if len(at) == 0 {
		return
	}
	for _, code := range slices.Sorted(maps.Keys(a.old.Plans)) {
		if a.sold[code] != nil {
			continue
		}
		terms := &a.old.Plans[code].Latest().Terms
		for i := range terms.Items {
			it := &terms.Items[i]
			if path := at[it.Feature]; path != "" && it.Value != nil {
				f := a.next.Features[it.Feature]
				if _, right := f.setting(it.Value.spec(f.Of)); right != "" {
					a.fault(path, "plan %s has another value of %s (%s) and is not in the file; keep its value, or change the plan too", code, it.Feature, it.Value.text())
				}
			}
		}
	}
}

// about checks what people are told of a thing.
func (a *application) about(path string, of *About) {
	if len(of.Metadata) > maxMetadataKeys {
		a.fault(path+".metadata", "metadata has at most %d entries; these are %d", maxMetadataKeys, len(of.Metadata))
	}
	if len(of.Metadata) == 0 {
		of.Metadata = nil
	}
}

// boundTo is the first plan that has the feature in some version and will keep that
// version, because it is published or not restated by the spec; "" if none does.
func (a *application) boundTo(feature Code, restated []PlanSpec) Code {
	if a.bound == nil {
		a.bound = make(map[Code]Code)
		named := make(map[Code]bool, len(restated))
		for _, s := range restated {
			named[s.Code] = true
		}
		for _, code := range slices.Sorted(maps.Keys(a.old.Plans)) {
			p := a.old.Plans[code]
			if p.Status == draft && named[code] {
				continue
			}
			for _, v := range p.Versions {
				for i := range v.Terms.Items {
					if f := v.Terms.Items[i].Feature; a.bound[f] == "" {
						a.bound[f] = code
					}
				}
			}
		}
	}
	return a.bound[feature]
}

// pools notes of which features ended agreements may leave something behind: those that a
// published version rolls over or gives grants of; and which are burned. It stays so.
func (a *application) pools() {
	for _, p := range a.sold {
		if p.Status != Published || p.Kind == KindPack {
			continue
		}
		for i := range p.terms.Items {
			it := &p.terms.Items[i]
			if it.Burns != nil {
				if f := a.next.Features[it.Burns.Feature]; f != nil && !f.Burned {
					burned := *f
					burned.Burned = true
					a.next.Features[it.Burns.Feature] = &burned
				}
			}
			if f := a.next.Features[it.Feature]; f != nil && !f.Pooled && (it.Rollover != nil || len(it.Grants) > 0) {
				pooled := *f
				pooled.Pooled = true
				a.next.Features[it.Feature] = &pooled
			}
		}
	}
}
