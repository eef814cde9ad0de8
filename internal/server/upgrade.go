package server

import (
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

const (
	// upgradeEvery is how often a server says that an upgrade waits to be finished.
	upgradeEvery = 24 * time.Hour
	// upgradeLook is how often it looks whether one was, as what is left to do then
	// makes answers dearer until it is done.
	upgradeLook = time.Minute
)

// upgrade finishes an upgrade where no other server can be, and else says, at once
// and then every day until ctx ends, that somebody has to: nobody but the operator
// knows when the last server of the version before is gone. What a finish left to be
// adopted it adopts, and what it left to be moved it moves. It makes what is derived and
// not there, as in a copy.
func (s *Server) upgrade(ctx context.Context, changes *feed.Feed) {
	tick := time.NewTicker(upgradeLook)
	defer tick.Stop()
	for looks := 0; ; looks++ {
		if err := s.upgradeOnce(ctx, changes, looks%int(upgradeEvery/upgradeLook) == 0); err != nil && ctx.Err() == nil {
			s.log.Error("an upgrade is not finished", "error", err)
		}
		if err := s.place.store.PackAll(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("facts are not all packed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// upgradeOnce does what there is to do for an upgrade. It says that one waits to be
// finished if it is told to.
func (s *Server) upgradeOnce(ctx context.Context, changes *feed.Feed, say bool) error {
	catalog, err := s.billing.Catalog(ctx)
	if err != nil {
		return err
	}
	if catalog.Unfinished {
		if s.place.store.Nodes() != nil {
			if !say {
				return nil
			}
			s.log.Warn("an upgrade is not finished: what servers of the version before do not know is refused. Once all are of this version, run allot migrate --finish")
			return nil
		}
		if _, err := s.billing.Finish(ctx, itself); err != nil {
			return err
		}
	}
	return errors.Join(s.adopt(ctx, changes), s.place.directory.Adopt(ctx, itself), s.webhooks.Adopt(ctx), s.moveUsage(ctx, changes))
}

func (s *Server) adopt(ctx context.Context, changes *feed.Feed) error {
	if more, err := s.billing.Adopting(ctx); err != nil || !more {
		return err
	}
	_, err := changes.Alone(ctx, "adopt", func(ctx context.Context) error {
		customers, err := s.billing.Adopt(ctx, itself, nil)
		s.log.Info("facts of before the upgrade are in the log", "customers", customers, "all", err == nil)
		return err
	})
	return err
}

func (s *Server) moveUsage(ctx context.Context, changes *feed.Feed) error {
	if more, err := s.billing.MovingUsage(ctx); err != nil || !more {
		return err
	}
	_, err := changes.Alone(ctx, "move", func(ctx context.Context) error {
		s.log.Info("usage records of before the upgrade are moved to their new table")
		customers, err := s.billing.MoveUsage(ctx, nil)
		s.log.Info("usage records of before the upgrade are moved", "customers", customers, "all", err == nil)
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
	if err == nil {
		m.Moving, err = s.MovingUsage(ctx)
	}
	m.Servers, counted = st.Servers(ctx)
	return errors.Join(err, counted)
}
