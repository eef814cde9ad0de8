package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
	if err := checkText(string(t.Cycle), string(t.Align)); err != nil {
		return "", err
	}
	doc := termsDoc{Cycle: t.Cycle, Align: t.Align, Quantity: (*quantityDoc)(t.Quantity), Trial: (*trialDoc)(t.Trial), AskForCard: t.AskForCard}
	if t.Trial != nil {
		if err := checkText(string(t.Trial.Then)); err != nil {
			return "", err
		}
	}
	for _, it := range t.Items {
		// Marshal would replace what is not UTF-8 in silence.
		if err := checkText(string(it.Feature), it.PriceName, string(it.Interval), string(it.Limit),
			string(it.Reset), string(it.Align), string(it.OverLimit.Policy)); err != nil {
			return "", err
		}
		item := itemDoc{
			Feature: it.Feature, PriceName: it.PriceName, PriceNameDefaulted: it.PriceNameDefaulted,
			FixedCharge: it.FixedCharge, Interval: it.Interval, Annual: it.Annual,
			Min: it.Min, Max: it.Max, PerQuantity: it.PerQuantity, Limit: it.Limit, Reset: it.Reset, Align: it.Align,
			OverLimit: overLimitDoc(it.OverLimit), UnitAmount: it.UnitAmount,
		}
		for _, tier := range it.Tiers {
			item.Tiers = append(item.Tiers, tierDoc(tier))
		}
		doc.Items = append(doc.Items, item)
	}
	b, err := json.Marshal(doc)
	return string(b), err
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
	t := billing.Terms{Cycle: doc.Cycle, Align: doc.Align, Quantity: (*billing.Quantity)(doc.Quantity), Trial: (*billing.Trial)(doc.Trial), AskForCard: doc.AskForCard}
	for _, d := range doc.Items {
		it := billing.Item{
			Feature: d.Feature, PriceName: d.PriceName, PriceNameDefaulted: d.PriceNameDefaulted,
			FixedCharge: d.FixedCharge, Interval: d.Interval, Annual: d.Annual,
			Min: d.Min, Max: d.Max, PerQuantity: d.PerQuantity, Limit: d.Limit, Reset: d.Reset, Align: d.Align,
			OverLimit: billing.OverLimit(d.OverLimit), UnitAmount: d.UnitAmount,
		}
		for _, tier := range d.Tiers {
			it.Tiers = append(it.Tiers, billing.Tier(tier))
		}
		t.Items = append(t.Items, it)
	}
	return t, nil
}
