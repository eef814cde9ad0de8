package server

import (
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// upgradeEvery is how often a server says that an upgrade waits to be finished.
const upgradeEvery = 24 * time.Hour

// upgrade finishes an upgrade where no other server can be, and else says, at once
// and then every day until ctx ends, that somebody has to: nobody but the operator
// knows when the last server of the version before is gone. What a finish left to be
// adopted it adopts.
func (s *Server) upgrade(ctx context.Context, changes *feed.Feed) {
	tick := time.NewTicker(upgradeEvery)
	defer tick.Stop()
	for {
		if err := s.upgradeOnce(ctx, changes); err != nil && ctx.Err() == nil {
			s.log.Error("an upgrade is not finished", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) upgradeOnce(ctx context.Context, changes *feed.Feed) error {
	catalog, err := s.billing.Catalog(ctx)
	if err != nil {
		return err
	}
	if catalog.Unfinished {
		if s.place.store.Nodes() != nil {
			s.log.Warn("an upgrade is not finished: what servers of the version before do not know is refused. Once all are of this version, run allot migrate --finish")
			return nil
		}
		if _, err := s.billing.Finish(ctx, itself); err != nil {
			return err
		}
	}
	if more, err := s.billing.Adopting(ctx); err != nil || !more {
		return err
	}
	_, err = changes.Alone(ctx, "adopt", func(ctx context.Context) error {
		customers, err := s.billing.Adopt(ctx, itself, nil)
		s.log.Info("facts of before the upgrade are in the log", "customers", customers, "all", err == nil)
		return err
	})
	return err
}

// finish says that no server of the version before runs on a place, and adopts what
// those have left.
func finish(ctx context.Context, st *store.Store, m *Migration, progress func(customers int)) error {
	s := service.Service{Store: st}
	var err, counted error
	if m.Finished, err = s.Finish(ctx, commandLine); err == nil {
		m.Adopted, err = s.Adopt(ctx, commandLine, progress)
	}
	m.Servers, counted = st.Servers(ctx)
	return errors.Join(err, counted)
}
