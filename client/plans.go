package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"github.com/allot-dev/allot/api"
)

// PlansService moves customers between the versions of a plan, and tells before
// what that would do to them. What the versions are is in [CatalogService].
type PlansService struct{ client *Client }

const plansPath = "/v1/plans/"

// Preview tells who would gain, lose or exceed what on a version of a plan, and
// changes nothing. Its scopes are read:catalog and read:customers.
func (s *PlansService) Preview(ctx context.Context, code string, body api.PreviewPlanRequest, opts ...CallOption) (*api.PlanPreview, error) {
	r := s.client.newElementRequest(http.MethodPost, plansPath, "plan code", code, "/preview", nil, opts)
	r.setJSON(body)
	r.asks = true
	return get[api.PlanPreview](ctx, s.client, r)
}

// Migrate moves one batch of customers to another version of their plan. Its
// scope is update:catalog.
func (s *PlansService) Migrate(ctx context.Context, code string, body api.MigratePlanRequest, opts ...CallOption) (*api.PlanMigration, error) {
	r := s.client.newElementRequest(http.MethodPost, plansPath, "plan code", code, "/migrate", nil, opts)
	r.setWork(body)
	return get[api.PlanMigration](ctx, s.client, r)
}

// MigrateAll moves all customers, batch by batch, and gives each batch once it is
// done. All go to the version that the first batch went to, whatever is published
// meanwhile. An error is the last thing it gives; what was moved until then
// stays, and beginning anew goes on from there. The options hold for each batch,
// so an idempotency key must not be among them.
func (s *PlansService) MigrateAll(ctx context.Context, code string, body api.MigratePlanRequest, opts ...CallOption) iter.Seq2[api.PlanMigration, error] {
	return func(yield func(api.PlanMigration, error) bool) {
		body := body
		for {
			batch, err := s.Migrate(ctx, code, body, opts...)
			if err != nil {
				yield(api.PlanMigration{}, err)
				return
			}
			if !yield(*batch, nil) || !batch.HasMore {
				return
			}
			// They ascend, as customer ids do.
			if batch.After <= body.After {
				yield(api.PlanMigration{}, fmt.Errorf("after %q: %w", body.After, ErrNoProgress))
				return
			}
			body.ToVersion, body.After = new(batch.ToVersion), batch.After
		}
	}
}
