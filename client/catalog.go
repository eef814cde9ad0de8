package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// CatalogService reads and changes features, plan groups and plans: Allot's own
// API, which Kinde has not. Reading needs the scope read:catalog.
type CatalogService struct{ client *Client }

const catalogPath = "/v1/catalog"

// Apply makes the catalog what the file says, YAML or JSON, and answers what it
// changed; with dryRun it only answers what it would. All the faults of a file
// come as one *[Error], one entry in Errors each. Its scope is update:catalog.
func (s *CatalogService) Apply(ctx context.Context, file []byte, dryRun bool, opts ...CallOption) (*api.CatalogChanges, error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	r := s.client.newRequest(http.MethodPut, catalogPath, query, opts)
	r.setBody("application/yaml", file) // JSON is YAML
	return get[api.CatalogChanges](ctx, s.client, r)
}

// Get gets the catalog in the form of a catalog file.
func (s *CatalogService) Get(ctx context.Context, opts ...CallOption) (*api.Catalog, error) {
	return get[api.Catalog](ctx, s.client, s.client.newRequest(http.MethodGet, catalogPath, nil, opts))
}

// GetYAML gets the catalog as a catalog file.
func (s *CatalogService) GetYAML(ctx context.Context, opts ...CallOption) ([]byte, error) {
	return s.client.read(ctx, s.client.newRequest(http.MethodGet, catalogPath, url.Values{"format": {"yaml"}}, opts))
}

// Plan gets a plan with all its versions.
func (s *CatalogService) Plan(ctx context.Context, code string, opts ...CallOption) (*api.PlanDetail, error) {
	return get[api.PlanDetail](ctx, s.client, s.client.newElementRequest(http.MethodGet, plansPath, "plan code", code, "", nil, opts))
}

// Plans gets one page of plans and add-ons. The cursors are codes.
func (s *CatalogService) Plans(ctx context.Context, p PageParams, opts ...CallOption) (*api.PlanList, error) {
	return listPage[api.PlanList](ctx, s.client, "/v1/plans", p, opts)
}

// AllPlans goes over the plans and add-ons, page by page. An error is the last
// thing it gives.
func (s *CatalogService) AllPlans(ctx context.Context, p PageParams, opts ...CallOption) iter.Seq2[api.PlanSummary, error] {
	return walk(ctx, p, func(ctx context.Context, p PageParams) ([]api.PlanSummary, bool, error) {
		page, err := s.Plans(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Plans, page.HasMore, nil
	}, func(p api.PlanSummary) string { return p.Code })
}

// Pricing gets the price list: of one plan group, or of all for "".
func (s *CatalogService) Pricing(ctx context.Context, group string, opts ...CallOption) (*api.PriceList, error) {
	query := url.Values{}
	if group != "" {
		query.Set("group", group)
	}
	return get[api.PriceList](ctx, s.client, s.client.newRequest(http.MethodGet, "/v1/pricing", query, opts))
}

// Features gets one page of features. The cursors are codes.
func (s *CatalogService) Features(ctx context.Context, p PageParams, opts ...CallOption) (*api.FeatureList, error) {
	return listPage[api.FeatureList](ctx, s.client, "/v1/features", p, opts)
}

// AllFeatures goes over the features, page by page. An error is the last thing
// it gives.
func (s *CatalogService) AllFeatures(ctx context.Context, p PageParams, opts ...CallOption) iter.Seq2[api.Feature, error] {
	return walk(ctx, p, func(ctx context.Context, p PageParams) ([]api.Feature, bool, error) {
		page, err := s.Features(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Features, page.HasMore, nil
	}, func(f api.Feature) string { return f.Code })
}

// PlanGroups gets one page of plan groups. The cursors are codes.
func (s *CatalogService) PlanGroups(ctx context.Context, p PageParams, opts ...CallOption) (*api.PlanGroupList, error) {
	return listPage[api.PlanGroupList](ctx, s.client, "/v1/plan_groups", p, opts)
}

// AllPlanGroups goes over the plan groups, page by page. An error is the last
// thing it gives.
func (s *CatalogService) AllPlanGroups(ctx context.Context, p PageParams, opts ...CallOption) iter.Seq2[api.PlanGroup, error] {
	return walk(ctx, p, func(ctx context.Context, p PageParams) ([]api.PlanGroup, bool, error) {
		page, err := s.PlanGroups(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.PlanGroups, page.HasMore, nil
	}, func(g api.PlanGroup) string { return g.Code })
}

func listPage[T any](ctx context.Context, c *Client, path string, p PageParams, opts []CallOption) (*T, error) {
	query := url.Values{}
	p.set(query)
	return get[T](ctx, c, c.newRequest(http.MethodGet, path, query, opts))
}
