package routes

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// manyPlans are two plans of n items each, and none in common.
func manyPlans(t testing.TB, w *world, n int) {
	t.Helper()
	spec := billing.CatalogSpec{
		Currency: "usd",
		Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization}},
	}
	for _, plan := range []billing.Code{"one", "two"} {
		p := billing.PlanSpec{Code: plan, Name: string(plan), Group: "teams", Status: billing.Published}
		for i := range n {
			code := billing.Code(fmt.Sprintf("%s_%04d", plan, i))
			f := billing.Feature{Code: code, Name: "Feature " + string(code), Type: billing.Unmetered}
			item := billing.ItemSpec{Feature: code}
			switch i % 4 {
			case 0:
				f.Type, item.FixedCharge = billing.Charge, new(int64(100*i))
			case 1:
				f.Type, item.Max, item.Min = billing.Metered, new(int64(10*i)), new(int64(1))
			}
			spec.Features = append(spec.Features, f)
			p.Items = append(p.Items, item)
		}
		spec.Plans = append(spec.Plans, p)
	}
	w.apply(t, spec)
	ask[api.Customer](t, w, "POST", "/v1/customers", `{"id":"`+acme+`","type":"organization","plan_code":"one"}`)
}

func page(t testing.TB, w *world, size int, cursor string) api.BillingEntitlementList {
	t.Helper()
	return ask[api.BillingEntitlementList](t, w, "GET",
		"/api/v1/billing/entitlements?customer_id="+acme+"&page_size="+strconv.Itoa(size)+cursor, "")
}

func TestWalkOfAThousandEntitlements(t *testing.T) {
	w := newWorld(t)
	manyPlans(t, w, 1000)
	var all []api.BillingEntitlement
	for cursor := ""; ; cursor = "&starting_after=" + all[len(all)-1].ID {
		p := page(t, w, 500, cursor)
		all = append(all, p.Entitlements...)
		if !p.HasMore {
			break
		}
	}
	for i, e := range all {
		if want := fmt.Sprintf("one_%04d", i); e.FeatureCode != want || i > 0 && e.ID <= all[i-1].ID {
			t.Fatalf("entitlement %d is %s %s; want %s, ascending by id", i, e.ID, e.FeatureCode, want)
		}
	}
	if len(all) != 1000 {
		t.Fatalf("%d entitlements, want 1000", len(all))
	}
	for _, size := range []int{1, 7, 10, 499, 500} {
		pages := (1000 + size - 1) / size
		t.Run(fmt.Sprintf("forwards by %d", size), func(t *testing.T) {
			var got []api.BillingEntitlement
			cursor := ""
			for n := 1; ; n++ {
				p := page(t, w, size, cursor)
				got = append(got, p.Entitlements...)
				if p.HasMore != (n < pages) {
					t.Fatalf("page %d of %d: has_more %v", n, pages, p.HasMore)
				}
				if !p.HasMore {
					break
				}
				cursor = "&starting_after=" + got[len(got)-1].ID
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
		t.Run(fmt.Sprintf("backwards by %d", size), func(t *testing.T) {
			var got []api.BillingEntitlement
			cursor := "&ending_before=entitlement_ffffffffffffffffffffffffffffffff"
			for n := 1; ; n++ {
				p := page(t, w, size, cursor)
				got = append(p.Entitlements, got...)
				if p.HasMore != (n < pages) {
					t.Fatalf("page %d of %d: has_more %v", n, pages, p.HasMore)
				}
				if !p.HasMore {
					break
				}
				cursor = "&ending_before=" + got[0].ID
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A walk whose ground is taken away: the agreement is replaced between pages.
// What is shown is shown once, and the last agreement is shown whole.
func TestWalkWhileTheAgreementIsReplaced(t *testing.T) {
	for _, size := range []int{7, 10, 499} {
		t.Run(fmt.Sprintf("by %d", size), func(t *testing.T) {
			w := newWorld(t)
			manyPlans(t, w, 1000)
			plans := []string{"two", "one"}
			var ids, codes []string
			cursor := ""
			for n := 0; ; n++ {
				p := page(t, w, size, cursor)
				for _, e := range p.Entitlements {
					ids, codes = append(ids, e.ID), append(codes, e.FeatureCode)
				}
				if n < 5 {
					// Within one millisecond too, the new agreement's id is behind the old one's.
					w.now = w.now.Add(time.Duration(n) * time.Millisecond)
					ask[api.Success](t, w, "POST", "/api/v1/billing/agreements", `{"customer_id":"`+acme+`","plan_code":"`+plans[n%2]+`"}`)
				} else if !p.HasMore {
					break
				}
				cursor = "&starting_after=" + ids[len(ids)-1]
			}
			if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
				t.Error("an entitlement is shown twice, or out of order")
			}
			last := codes[max(0, len(codes)-1000):]
			for i, code := range last {
				if want := fmt.Sprintf("two_%04d", i); code != want {
					t.Fatalf("entitlement %d of the last agreement is %s, want %s", i, code, want)
				}
			}
		})
	}
}
