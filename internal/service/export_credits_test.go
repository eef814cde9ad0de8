package service

import (
	"context"

	"github.com/allot-dev/allot/internal/usage"
)

// RecordsAt are the records of a feature that count at an instant, by id.
func (s *Service) RecordsAt(ctx context.Context, hold usage.Hold) (out []usage.Record, err error) {
	err = s.Store.View(ctx, func(r Reader) error {
		var err error
		out, _, err = r.UsageRecords(hold.CustomerID, hold.Feature, hold.MadeOn, hold.MadeOn.Add(1000), Page[UsageCursor]{Size: 1000})
		return err
	})
	return out, err
}
