package service_test

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Who has used more than another version allows is told, also of a feature with more
// sources than one.
func TestPreviewOfPooled(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	of := func(most int64) []billing.ItemSpec {
		items := seats(most)
		items[0].Rollover = &billing.RolloverSpec{}
		return items
	}
	for i := range spec.Plans {
		if spec.Plans[i].Code == "pro" {
			spec.Plans[i].Items = of(10)
		}
	}
	w.apply(spec)
	id := w.customer("pro")
	must(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", 8*billing.OneUnit) })
	for i := range spec.Plans {
		if spec.Plans[i].Code == "pro" {
			spec.Plans[i].Items = of(3)
		}
	}
	w.apply(spec)
	effect, _, err := w.PreviewPlan(t.Context(), id, "pro", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(effect.Exceeds) != 1 || effect.Exceeds[0].Used != 8*billing.OneUnit {
		t.Errorf("%+v", effect)
	}
}
