package sqlstore

import (
	"context"

	"github.com/allot-dev/allot/internal/service"
)

// Standings is as service.Store says.
func (s *Store) Standings(ctx context.Context, asks ...service.Ask) ([]service.UsageStanding, error) {
	panic("not yet")
}

// Apply is as service.Store says.
func (s *Store) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) ([]bool, error) {
	panic("not yet")
}
