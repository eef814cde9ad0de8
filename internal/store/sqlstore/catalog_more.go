package sqlstore

import (
	"encoding/json"
	"fmt"

	"github.com/allot-dev/allot/internal/billing"
)

// The column more of features, plan_groups and plans: a document of what they have
// beside columns, "" if that is nothing. Its names are part of the schema, as those of
// terms are.
type (
	aboutDoc struct {
		Description string            `json:"description,omitempty"`
		Metadata    map[string]string `json:"metadata,omitempty"`
	}
	featureDoc struct {
		aboutDoc
		Held       bool              `json:"held,omitempty"`
		Pooled     bool              `json:"pooled,omitempty"`
		Burned     bool              `json:"burned,omitempty"`
		Burns      *burnsDoc         `json:"burns,omitempty"`
		Thresholds []int             `json:"thresholds,omitempty"`
		Low        *int64            `json:"low,omitempty"`
		Of         billing.ValueKind `json:"of,omitempty"`
		OneOf      []string          `json:"one_of,omitempty"`
		Pick       billing.Pick      `json:"pick,omitempty"`
	}
	planDoc struct {
		aboutDoc
		Hidden  bool           `json:"hidden,omitempty"`
		Price   string         `json:"price,omitempty"`
		Extends billing.Code   `json:"extends,omitempty"`
		Without []billing.Code `json:"without,omitempty"`
	}
)

func featureMore(f *billing.Feature) (string, error) {
	return encodeMore(featureDoc{
		aboutDoc: aboutDoc(f.About), Held: f.Held, Burns: (*burnsDoc)(f.Burns), Thresholds: f.Thresholds, Low: f.Low,
		Of: f.Of, OneOf: f.OneOf, Pick: f.Pick, Pooled: f.Pooled, Burned: f.Burned,
	})
}

func setFeatureMore(f *billing.Feature, more string) error {
	var doc featureDoc
	err := decodeMore(more, &doc)
	f.About, f.Held, f.Burns, f.Thresholds, f.Low = billing.About(doc.aboutDoc), doc.Held, (*billing.Burns)(doc.Burns), doc.Thresholds, doc.Low
	f.Of, f.OneOf, f.Pick, f.Pooled, f.Burned = doc.Of, doc.OneOf, doc.Pick, doc.Pooled, doc.Burned
	return err
}

func groupMore(g *billing.PlanGroup) (string, error) { return encodeMore(aboutDoc(g.About)) }

func setGroupMore(g *billing.PlanGroup, more string) error {
	var doc aboutDoc
	err := decodeMore(more, &doc)
	g.About = billing.About(doc)
	return err
}

func planMore(p *billing.Plan) (string, error) {
	return encodeMore(planDoc{aboutDoc: aboutDoc(p.About), Hidden: p.Hidden, Price: p.Price, Extends: p.Extends, Without: p.Without})
}

func setPlanMore(p *billing.Plan, more string) error {
	var doc planDoc
	err := decodeMore(more, &doc)
	p.About, p.Hidden, p.Price, p.Extends, p.Without = billing.About(doc.aboutDoc), doc.Hidden, doc.Price, doc.Extends, doc.Without
	return err
}

func encodeMore(doc any) (string, error) {
	text, err := encodeDoc(doc)
	if text == "{}" {
		text = ""
	}
	return text, err
}

func decodeMore(more string, doc any) error {
	if more == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(more), doc); err != nil {
		return fmt.Errorf("more: %w", err)
	}
	return nil
}
