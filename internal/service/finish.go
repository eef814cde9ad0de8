package service

import (
	"context"

	"github.com/allot-dev/allot/internal/billing"
)

// Finish says that no server of the version before runs any more: from then on none
// can start, and what they could not keep is no longer refused. Servers hear of it
// by the feed. It answers whether that is new.
func (s *Service) Finish(ctx context.Context, by billing.Actor) (bool, error) {
	var done bool
	clock := s.now()
	err := s.Store.Update(ctx, func(tx Tx) error {
		done = false
		current, err := tx.LockCatalog()
		if err != nil || !current.Unfinished {
			return err
		}
		if err := tx.Finish(); err != nil {
			return err
		}
		done = true
		_, err = tx.AppendChange(billing.Change{
			Scope: billing.ScopeCatalog, On: latest(clock, current.ChangedOn), By: by, Kind: billing.CatalogApplied,
			Before: map[string]string{"unfinished": "true"},
		})
		return err
	})
	return done && err == nil, err
}
