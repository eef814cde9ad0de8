package billing

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// maxValueText is the longest text in a value, in characters.
const maxValueText = 1000

// valueDoc is a value in the change log and in stores. What is zero is left out, so that
// it is read back exactly without its feature.
type valueDoc struct {
	Text   string           `json:"text,omitempty"`
	Number *decimal.Decimal `json:"number,omitempty"`
	Flag   bool             `json:"flag,omitempty"`
	List   []string         `json:"list,omitempty"`
}

// Encoded is a value as a text that [DecodeValue] reads; that of nil is "".
func (v *Value) Encoded() string {
	if v == nil {
		return ""
	}
	text, err := json.Marshal(valueDoc(*v))
	if err != nil {
		panic(err) // there is nothing in it that could fail
	}
	return string(text)
}

// DecodeValue reads what [Value.Encoded] writes.
func DecodeValue(text string) (*Value, error) {
	if text == "" {
		return nil, nil
	}
	var doc valueDoc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	return new(Value(doc)), nil
}

// JSON is a value of a config feature as answers show it: a number or "unlimited", true
// or false, a list of texts, or a text. That of nil is "".
func (v *Value) JSON(of ValueKind) string {
	if v == nil {
		return ""
	}
	var shown any = v.Text
	switch of {
	case valueNumber:
		if shown = unlimited; v.Number != nil {
			shown = json.Number(v.Number.String())
		}
	case valueFlag:
		shown = v.Flag
	case valueList:
		shown = v.List
	}
	text, err := json.Marshal(shown)
	if err != nil {
		panic(err) // there is nothing in it that could fail
	}
	return string(text)
}

// equalValue reports whether two values are the same; nil is none.
func equalValue(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Text == b.Text && a.Flag == b.Flag && slices.Equal(a.List, b.List) && compareNumbers(a.Number, b.Number) == 0
}

// compareNumbers orders numbers; nil, which is unlimited, comes last.
func compareNumbers(a, b *decimal.Decimal) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Cmp(*b)
}

// value joins the values that an override (or nil) and the live parts give to a config
// feature: the largest number (the smallest with [pickMin]), true, all of a list; of texts
// that of the override, else of the plan, else of the add-on with the lowest code. It is
// nil if none gives one.
func (f *Feature) value(parts []part, o *Override, now time.Time) *Value {
	if f.Type != Config {
		return nil
	}
	given := valuesOf(parts, o, now)
	if len(given) == 0 {
		return nil
	}
	out := *given[0]
	for _, v := range given[1:] {
		switch f.Of {
		case valueNumber:
			if order := compareNumbers(v.Number, out.Number); order > 0 && f.Pick != pickMin || order < 0 && f.Pick == pickMin {
				out.Number = v.Number
			}
		case valueFlag:
			out.Flag = out.Flag || v.Flag
		case valueList:
			out.List = slices.Clip(out.List)
			for _, text := range v.List {
				if !slices.Contains(out.List, text) {
					out.List = append(out.List, text)
				}
			}
		}
	}
	if len(out.List) > 1 && f.OneOf != nil {
		out.List = slices.Clone(out.List)
		slices.SortStableFunc(out.List, func(a, b string) int { return slices.Index(f.OneOf, a) - slices.Index(f.OneOf, b) })
	}
	return &out
}

// valuesOf are the values of an override and the live parts: the override's, the plan's,
// and those of the add-ons, ascending by code.
func valuesOf(parts []part, o *Override, now time.Time) []*Value {
	var out []*Value
	if o != nil && o.Value != nil {
		out = append(out, o.Value)
	}
	for _, p := range inOrder(parts, now) {
		if p.item.Value != nil {
			out = append(out, p.item.Value)
		}
	}
	return out
}

// inOrder are the parts that are live, that of the plan first, then those of the add-ons
// by code: no answer depends on when they were bought.
func inOrder(parts []part, now time.Time) []part {
	live := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !p.Live(now) })
	slices.SortFunc(live, func(a, b part) int {
		switch {
		case a.Kind == b.Kind:
			return strings.Compare(string(a.Plan), string(b.Plan))
		case a.Kind == KindPlan:
			return -1
		}
		return 1
	})
	return live
}

// isOff reports whether a feature is a flag that is not set: Kinde's routes do not have it.
func (f *Feature) isOff(v *Value) bool {
	return f.Type == Config && f.Of == valueFlag && (v == nil || !v.Flag)
}
