package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// entitlementPage is a step with a page of these entitlements.
func entitlementPage(more bool, ids ...string) string {
	items := ""
	for i, id := range ids {
		if i > 0 {
			items += ","
		}
		items += `{"id":"` + id + `"}`
	}
	return fmt.Sprintf(`{"has_more":%t,"entitlements":[%s]}`, more, items)
}

func collect(seq iter.Seq2[api.BillingEntitlement, error]) (ids []string, err error) {
	for e, err := range seq {
		if err != nil {
			return ids, err
		}
		ids = append(ids, e.ID)
	}
	return ids, nil
}

func TestAll(t *testing.T) {
	const path = "GET /api/v1/billing/entitlements?customer_id=c"
	for name, c := range map[string]struct {
		params client.EntitlementParams
		pages  []string
		ids    []string
		stuck  bool
		lines  []string
	}{
		"nothing": {
			pages: []string{entitlementPage(false)},
			lines: []string{path + "&page_size=100"},
		},
		"three pages, with everything else asked for on each": {
			params: client.EntitlementParams{PageSize: 2, MaxValue: new(int64(9)), Expand: api.ExpandPlans},
			pages:  []string{entitlementPage(true, "a", "b"), entitlementPage(true, "c", "d"), entitlementPage(false, "e")},
			ids:    []string{"a", "b", "c", "d", "e"},
			lines: []string{
				path + "&expand=plans&max_value=9&page_size=2",
				path + "&expand=plans&max_value=9&page_size=2&starting_after=b",
				path + "&expand=plans&max_value=9&page_size=2&starting_after=d",
			},
		},
		"from a cursor": {
			params: client.EntitlementParams{StartingAfter: "a"},
			pages:  []string{entitlementPage(false, "b")},
			ids:    []string{"b"},
			lines:  []string{path + "&page_size=100&starting_after=a"},
		},
		"backwards": {
			params: client.EntitlementParams{EndingBefore: "e", PageSize: 2},
			pages:  []string{entitlementPage(true, "c", "d"), entitlementPage(false, "a", "b")},
			ids:    []string{"d", "c", "b", "a"},
			lines:  []string{path + "&ending_before=e&page_size=2", path + "&ending_before=c&page_size=2"},
		},
		"a cursor that stands still": {
			pages: []string{entitlementPage(true, "a", "b"), entitlementPage(true, "a", "b")},
			ids:   []string{"a", "b"}, stuck: true,
			lines: []string{path + "&page_size=100", path + "&page_size=100&starting_after=b"},
		},
		"cursors that go round": {
			pages: []string{entitlementPage(true, "a"), entitlementPage(true, "b"), entitlementPage(true, "a")},
			ids:   []string{"a", "b"}, stuck: true,
			lines: []string{path + "&page_size=100", path + "&page_size=100&starting_after=a", path + "&page_size=100&starting_after=b"},
		},
		"back to where the walk began": {
			params: client.EntitlementParams{StartingAfter: "a"},
			pages:  []string{entitlementPage(true, "a")}, stuck: true,
			lines: []string{path + "&page_size=100&starting_after=a"},
		},
		"an empty page with more behind it": {
			pages: []string{entitlementPage(true)}, stuck: true,
			lines: []string{path + "&page_size=100"},
		},
		"items without ids": {
			pages: []string{entitlementPage(true, "")}, stuck: true,
			lines: []string{path + "&page_size=100"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			for _, page := range c.pages {
				s.steps = append(s.steps, answer(200, page))
			}
			c.params.CustomerID = "c"
			ids, err := collect(overLoopback(t, s).Entitlements.All(t.Context(), c.params))
			if errors.Is(err, client.ErrNoProgress) != c.stuck || !c.stuck && err != nil {
				t.Errorf("error: %v", err)
			}
			if diff := cmp.Diff(c.ids, ids); diff != "" {
				t.Errorf("ids:\n%s", diff)
			}
			if diff := cmp.Diff(c.lines, s.lines()); diff != "" {
				t.Errorf("requests:\n%s", diff)
			}
		})
	}
}

func TestAllStopsWhenTheLoopDoes(t *testing.T) {
	s := newScript(t, answer(200, entitlementPage(true, "a", "b")))
	for _, err := range overLoopback(t, s).Entitlements.All(t.Context(), client.EntitlementParams{}) {
		if err != nil {
			t.Error(err)
		}
		break // the script wants no second page
	}
}

// A walk may be walked again, from its beginning.
func TestAllIsRepeatable(t *testing.T) {
	s := newScript(t,
		answer(200, entitlementPage(true, "a")), answer(200, entitlementPage(false, "b")),
		answer(200, entitlementPage(true, "a")), answer(200, entitlementPage(false, "b")),
	)
	all := overLoopback(t, s).Entitlements.All(t.Context(), client.EntitlementParams{})
	for range 2 {
		if ids, err := collect(all); err != nil || len(ids) != 2 {
			t.Errorf("got %v, %v", ids, err)
		}
	}
}

func TestAllEndsWithTheError(t *testing.T) {
	s := newScript(t, answer(200, entitlementPage(true, "a")), answer(400, `{"errors":[{"code":"CUSTOMER_NOT_FOUND","message":"m"}]}`))
	ids, err := collect(overLoopback(t, s).Entitlements.All(t.Context(), client.EntitlementParams{}))
	if !errors.Is(err, client.ErrNotFound) || len(ids) != 1 {
		t.Errorf("got %v, %v", ids, err)
	}
}

// The other walks, each over two pages.
func TestAllOfEveryKind(t *testing.T) {
	for name, c := range map[string]struct {
		walk  func(context.Context, *client.Client) ([]string, error)
		pages [2]string
		want  []string
		next  string
	}{
		"agreements": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Agreements.All(ctx, client.AgreementParams{CustomerID: "c", FeatureCode: "f"}), func(a api.BillingAgreement) string { return a.ID })
			},
			[2]string{`{"has_more":true,"agreements":[{"id":"a"}]}`, `{"agreements":[{"id":"b"}]}`},
			[]string{"a", "b"}, "GET /api/v1/billing/agreements?customer_id=c&feature_code=f&page_size=100&starting_after=a",
		},
		"customers": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Customers.All(ctx, client.CustomerParams{Q: "x"}), func(c api.Customer) string { return c.ID })
			},
			[2]string{`{"has_more":true,"customers":[{"id":"a"}]}`, `{"customers":[{"id":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/customers?page_size=100&q=x&starting_after=a",
		},
		"plans": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Catalog.AllPlans(ctx, client.PageParams{}), func(p api.PlanSummary) string { return p.Code })
			},
			[2]string{`{"has_more":true,"plans":[{"code":"a"}]}`, `{"plans":[{"code":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/plans?page_size=100&starting_after=a",
		},
		"features": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Catalog.AllFeatures(ctx, client.PageParams{}), func(f api.Feature) string { return f.Code })
			},
			[2]string{`{"has_more":true,"features":[{"code":"a"}]}`, `{"features":[{"code":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/features?page_size=100&starting_after=a",
		},
		"plan groups": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Catalog.AllPlanGroups(ctx, client.PageParams{}), func(g api.PlanGroup) string { return g.Code })
			},
			[2]string{`{"has_more":true,"plan_groups":[{"code":"a"}]}`, `{"plan_groups":[{"code":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/plan_groups?page_size=100&starting_after=a",
		},
		"holds": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Holds.All(ctx, client.HoldListParams{CustomerID: "c", FeatureCode: "f"}), func(h api.HoldDetail) string { return h.ID })
			},
			[2]string{`{"has_more":true,"holds":[{"id":"a"}]}`, `{"holds":[{"id":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/customers/c/holds?feature_code=f&page_size=100&starting_after=a",
		},
		"usage records": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Usage.All(ctx, client.UsageParams{CustomerID: "c", FeatureCode: "f"}), func(r api.UsageRecord) string { return r.ID })
			},
			[2]string{`{"has_more":true,"records":[{"id":"a"}]}`, `{"records":[{"id":"b"}]}`},
			[]string{"a", "b"}, "GET /v1/customers/c/usage?feature_code=f&page_size=100&starting_after=a",
		},
		"account entitlements": {
			func(ctx context.Context, c *client.Client) ([]string, error) {
				return names(c.Account.All(ctx, client.AccountParams{}), func(e api.AccountEntitlement) string { return e.ID })
			},
			[2]string{`{"data":{"entitlements":[{"id":"a","fixed_charge":0.0}]},"metadata":{"has_more":true,"next_page_starting_after":"a"}}`, `{"data":{"entitlements":[{"id":"b"}]},"metadata":{"has_more":false,"next_page_starting_after":"b"}}`},
			[]string{"a", "b"}, "GET /account_api/v1/entitlements?page_size=100&starting_after=a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, answer(200, c.pages[0]), answer(200, c.pages[1]))
			got, err := c.walk(t.Context(), overLoopback(t, s))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.next, s.lines()[1]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All batches go to the version of the first.
func TestMigrateAll(t *testing.T) {
	for name, c := range map[string]struct {
		batches []string
		bodies  []string
		moved   []string
		fails   error
	}{
		"three batches": {
			[]string{
				`{"to_version":3,"moved":["a","b"],"skipped":[],"after":"b","has_more":true}`,
				`{"to_version":3,"moved":[],"skipped":["c"],"after":"c","has_more":true}`,
				`{"to_version":3,"moved":["d"],"skipped":[],"after":"d","has_more":false}`,
			},
			[]string{`{"when":"now","limit":2}`, `{"to_version":3,"when":"now","after":"b","limit":2}`, `{"to_version":3,"when":"now","after":"c","limit":2}`},
			[]string{"a", "b", "d"}, nil,
		},
		"nobody": {
			[]string{`{"to_version":3,"moved":[],"skipped":[],"has_more":false}`},
			[]string{`{"when":"now","limit":2}`},
			nil, nil,
		},
		"no progress": {
			[]string{`{"to_version":3,"moved":["a"],"after":"a","has_more":true}`, `{"to_version":3,"moved":[],"after":"a","has_more":true}`},
			[]string{`{"when":"now","limit":2}`, `{"to_version":3,"when":"now","after":"a","limit":2}`},
			[]string{"a"}, client.ErrNoProgress,
		},
		"a refusal": {
			[]string{`{"to_version":3,"moved":["a"],"after":"a","has_more":true}`, ``},
			[]string{`{"when":"now","limit":2}`, `{"to_version":3,"when":"now","after":"a","limit":2}`},
			[]string{"a"}, client.ErrForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			for _, batch := range c.batches {
				status := 200
				if batch == "" {
					status = 403
				}
				s.steps = append(s.steps, answer(status, batch))
			}
			var moved []string
			var err error
			for batch, e := range overLoopback(t, s).Plans.MigrateAll(t.Context(), "pro", api.MigratePlanRequest{When: api.WhenNow, Limit: 2}) {
				moved, err = append(moved, batch.Moved...), e
			}
			if !errors.Is(err, c.fails) {
				t.Errorf("got %v, want %v", err, c.fails)
			}
			if diff := cmp.Diff(c.moved, moved); diff != "" {
				t.Errorf("moved:\n%s", diff)
			}
			keys := map[string]bool{}
			for n, want := range c.bodies {
				r, body := s.request(n)
				if diff := cmp.Diff(want, body); diff != "" {
					t.Errorf("body %d:\n%s", n, diff)
				}
				keys[r.Header.Get("Idempotency-Key")] = true
			}
			if len(keys) != len(c.bodies) {
				t.Errorf("%d keys for %d batches", len(keys), len(c.bodies))
			}
		})
	}
}

func TestMigrateAllStopsWhenTheLoopDoes(t *testing.T) {
	s := newScript(t, answer(200, `{"to_version":3,"moved":["a"],"after":"a","has_more":true}`))
	for _, err := range overLoopback(t, s).Plans.MigrateAll(t.Context(), "pro", api.MigratePlanRequest{}) {
		if err != nil {
			t.Error(err)
		}
		break // the script wants no second batch
	}
}

func names[T any](seq iter.Seq2[T, error], name func(T) string) ([]string, error) {
	var all []string
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, name(v))
	}
	return all, nil
}
