package service_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// A fallback counts for ends that are set from then on: apply and its dry run say
// whom it comes too late for.
func TestApplySaysWhoEndsWithoutAFallback(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	w.apply(spec)
	w.subscribe(w.customer("free"), billing.NewAgreement{Plan: "extra"}) // has no end
	onFallback := w.subscribe(w.customer(""), billing.NewAgreement{Plan: "free"})
	w.cancel(onFallback.ID, billing.WhenPeriodEnd)
	spec.Groups[0].Fallback = "free"
	would, err := w.PreviewCatalog(t.Context(), spec)
	if err != nil || len(would.Fallbacks) != 1 || warnsOfEnd(would) {
		t.Errorf("only one on the fallback itself ends: %+v, %v", would, err)
	}
	w.cancel(w.subscribe(w.customer(""), billing.NewAgreement{Plan: "annual"}).ID, billing.WhenPeriodEnd)
	would, err = w.PreviewCatalog(t.Context(), spec)
	if err != nil || !warnsOfEnd(would) {
		t.Errorf("dry run: %q, %v", would.Warnings, err)
	}
	did := must(w, func(u *service.Work) (billing.CatalogChanges, error) { return u.ApplyCatalog(spec) })
	if !slices.Equal(did.Warnings, would.Warnings) {
		t.Errorf("apply: %q, dry run: %q", did.Warnings, would.Warnings)
	}
	if again := must(w, func(u *service.Work) (billing.CatalogChanges, error) { return u.ApplyCatalog(spec) }); warnsOfEnd(again) || len(again.Changes) > 0 {
		t.Errorf("applied again: %+v", again)
	}
}

func warnsOfEnd(changes billing.CatalogChanges) bool {
	return slices.ContainsFunc(changes.Warnings, func(w billing.Warning) bool {
		return strings.HasPrefix(w.Message, "1 customer of g")
	})
}
