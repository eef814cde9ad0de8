package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// The document of a plan version's terms. Its names are part of the schema: a
// field may be added, never renamed, and one that is left out reads as zero.
type (
	termsDoc struct {
		Cycle      calendar.Interval `json:"cycle"`
		Align      calendar.Align    `json:"align,omitempty"`
		Quantity   *quantityDoc      `json:"quantity,omitempty"`
		Trial      *trialDoc         `json:"trial,omitempty"`
		AskForCard bool              `json:"ask_for_card,omitempty"`
		Beside     []billing.Code    `json:"beside,omitempty"`
		Items      []itemDoc         `json:"items,omitempty"`
	}
	quantityDoc struct {
		Min *int64 `json:"min,omitempty"`
		Max *int64 `json:"max,omitempty"`
	}
	trialDoc struct {
		Days           int              `json:"days"`
		CardPromptDays int              `json:"card_prompt_days"`
		Then           billing.TrialEnd `json:"then"`
	}
	itemDoc struct {
		Feature            billing.Code      `json:"feature"`
		PriceName          string            `json:"price_name"`
		PriceNameDefaulted bool              `json:"price_name_defaulted,omitempty"`
		FixedCharge        int64             `json:"fixed_charge,omitempty"`
		Interval           calendar.Interval `json:"interval,omitempty"`
		Annual             *int64            `json:"annual,omitempty"`
		Min                *int64            `json:"min,omitempty"`
		Max                *int64            `json:"max,omitempty"`
		PerQuantity        bool              `json:"per_quantity,omitempty"`
		Limit              billing.LimitKind `json:"limit,omitempty"`
		Reset              billing.Reset     `json:"reset,omitempty"`
		Align              calendar.Align    `json:"align,omitempty"`
		OverLimit          overLimitDoc      `json:"over_limit,omitzero"`
		UnitAmount         *decimal.Decimal  `json:"unit_amount,omitempty"`
		Tiers              []tierDoc         `json:"tiers,omitempty"`

		Once             bool              `json:"once,omitempty"`
		AnnualUnitAmount *decimal.Decimal  `json:"annual_unit_amount,omitempty"`
		TiersMode        billing.TiersMode `json:"tiers_mode,omitempty"`
		Package          int64             `json:"package,omitempty"`
		Included         *int64            `json:"included,omitempty"`
		Caps             []capDoc          `json:"caps,omitempty"`
		Thresholds       []int             `json:"thresholds,omitempty"`
		Low              *int64            `json:"low,omitempty"`
		OverageMax       *int64            `json:"overage_max,omitempty"`
		Burns            *burnsDoc         `json:"burns,omitempty"`
		Rollover         *rolloverDoc      `json:"rollover,omitempty"`
		Grants           []itemGrantDoc    `json:"grants,omitempty"`
		Rate             *rateDoc          `json:"rate,omitempty"`
		Value            *valueDoc         `json:"value,omitempty"`
	}
	capDoc struct {
		Max   int64         `json:"max"`
		Reset billing.Reset `json:"reset"`
	}
	burnsDoc struct {
		Feature billing.Code    `json:"feature"`
		Rate    decimal.Decimal `json:"rate"`
	}
	rolloverDoc struct {
		Max     *int64 `json:"max,omitempty"`
		Windows int    `json:"windows"`
	}
	itemGrantDoc struct {
		Amount   billing.Units     `json:"amount"` // in millionths
		At       billing.GrantAt   `json:"at,omitempty"`
		Lasts    billing.GrantLife `json:"lasts"`
		Days     int               `json:"days,omitempty"`
		Priority int               `json:"priority"`
		Kind     billing.GrantKind `json:"kind"`
	}
	rateDoc struct {
		Max   int64           `json:"max"`
		Per   billing.RatePer `json:"per"`
		Burst *int64          `json:"burst,omitempty"`
	}
	valueDoc struct {
		Text   string           `json:"text,omitempty"`
		Number *decimal.Decimal `json:"number,omitempty"`
		Flag   bool             `json:"flag,omitempty"`
		List   []string         `json:"list,omitempty"`
	}
	overLimitDoc struct {
		Policy    billing.OverLimitPolicy `json:"policy"`
		GraceDays int                     `json:"grace_days,omitempty"`
	}
	tierDoc struct {
		UpTo       *int64          `json:"up_to,omitempty"`
		UnitAmount decimal.Decimal `json:"unit_amount"`

		AnnualUnitAmount *decimal.Decimal `json:"annual_unit_amount,omitempty"`
		FlatAmount       *decimal.Decimal `json:"flat_amount,omitempty"`
	}
)

func encodeTerms(t *billing.Terms) (string, error) {
	doc := termsDoc{
		Cycle: t.Cycle, Align: t.Align, Quantity: (*quantityDoc)(t.Quantity), Trial: (*trialDoc)(t.Trial), AskForCard: t.AskForCard,
		Beside: t.Beside,
	}
	for i := range t.Items {
		doc.Items = append(doc.Items, toItemDoc(&t.Items[i]))
	}
	return encodeDoc(doc)
}

func toItemDoc(it *billing.Item) itemDoc {
	return itemDoc{
		Feature: it.Feature, PriceName: it.PriceName, PriceNameDefaulted: it.PriceNameDefaulted,
		FixedCharge: it.FixedCharge, Interval: it.Interval, Annual: it.Annual, Once: it.Once,
		Min: it.Min, Max: it.Max, PerQuantity: it.PerQuantity, Limit: it.Limit, Reset: it.Reset, Align: it.Align,
		OverLimit: overLimitDoc(it.OverLimit), UnitAmount: it.UnitAmount, AnnualUnitAmount: it.AnnualUnitAmount,
		Tiers:     each(it.Tiers, func(t billing.Tier) tierDoc { return tierDoc(t) }),
		TiersMode: it.TiersMode, Package: it.Package, Included: it.Included,
		Caps:       each(it.Caps, func(c billing.Cap) capDoc { return capDoc(c) }),
		Thresholds: it.Thresholds, Low: it.Low, OverageMax: it.OverageMax,
		Burns: (*burnsDoc)(it.Burns), Rollover: (*rolloverDoc)(it.Rollover),
		Grants: each(it.Grants, func(g billing.ItemGrant) itemGrantDoc { return itemGrantDoc(g) }),
		Rate:   (*rateDoc)(it.Rate), Value: (*valueDoc)(it.Value),
	}
}

func (d *itemDoc) item() billing.Item {
	return billing.Item{
		Feature: d.Feature, PriceName: d.PriceName, PriceNameDefaulted: d.PriceNameDefaulted,
		FixedCharge: d.FixedCharge, Interval: d.Interval, Annual: d.Annual, Once: d.Once,
		Min: d.Min, Max: d.Max, PerQuantity: d.PerQuantity, Limit: d.Limit, Reset: d.Reset, Align: d.Align,
		OverLimit: billing.OverLimit(d.OverLimit), UnitAmount: d.UnitAmount, AnnualUnitAmount: d.AnnualUnitAmount,
		Tiers:     each(d.Tiers, func(t tierDoc) billing.Tier { return billing.Tier(t) }),
		TiersMode: d.TiersMode, Package: d.Package, Included: d.Included,
		Caps:       each(d.Caps, func(c capDoc) billing.Cap { return billing.Cap(c) }),
		Thresholds: d.Thresholds, Low: d.Low, OverageMax: d.OverageMax,
		Burns: (*billing.Burns)(d.Burns), Rollover: (*billing.Rollover)(d.Rollover),
		Grants: each(d.Grants, func(g itemGrantDoc) billing.ItemGrant { return billing.ItemGrant(g) }),
		Rate:   (*billing.Rate)(d.Rate), Value: (*billing.Value)(d.Value),
	}
}

// each is a list of what f makes of each; nil if there are none.
func each[A, B any](list []A, f func(A) B) []B {
	var out []B
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

// encodeDoc is a document as text.
func encodeDoc(doc any) (string, error) {
	// Marshal would replace what is not UTF-8 in silence.
	if err := checkTexts(reflect.ValueOf(doc)); err != nil {
		return "", err
	}
	b, err := json.Marshal(doc)
	return string(b), err
}

// checkTexts is checkText of all texts in a value.
func checkTexts(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		return checkText(v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			return checkTexts(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := checkTexts(v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkTexts(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			if err := errors.Join(checkTexts(key), checkTexts(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// TermsDigest is as service.CatalogReader says.
func (r *Reader) TermsDigest(t *billing.Terms) (string, error) {
	text, err := encodeTerms(t)
	return digestOf(text), err
}

// digestOf is the digest of terms as they are stored.
func digestOf(terms string) string {
	sum := sha256.Sum256([]byte(terms))
	return hex.EncodeToString(sum[:])
}

func decodeTerms(s string) (billing.Terms, error) {
	var doc termsDoc
	if err := json.Unmarshal([]byte(s), &doc); err != nil {
		return billing.Terms{}, fmt.Errorf("terms: %w", err)
	}
	t := billing.Terms{
		Cycle: doc.Cycle, Align: doc.Align, Quantity: (*billing.Quantity)(doc.Quantity), Trial: (*billing.Trial)(doc.Trial),
		AskForCard: doc.AskForCard, Beside: doc.Beside,
	}
	for i := range doc.Items {
		t.Items = append(t.Items, doc.Items[i].item())
	}
	t.Complete()
	return t, nil
}
