package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// A decision that was made on a lane takes effect only if the lane has the version and
// the facts that it was made on. A window that has a counter of its own is not taken
// over: it would be there twice.
const updateLane = `update counters set used = $1, changed_on = $2, version = version + 1,
		present_start = $3, present_end = $4, present_used = $5, held = $6, held_on = $7
		where customer_id = $8 and feature_code = $9 and window_end = $10 and window_start = $11 and version = $12 and rev = $13
		and case when present_start = $14 and present_end = $15 then 0 else
		(select count(*) from counters where customer_id = $16 and feature_code = $17 and window_end = $18 and window_start = $19
		and window_start > ` + allTime + `) end = 0`

func laneArgs(c *usage.Counter) ([]any, error) {
	l := &c.Lane
	customer, feature := c.CustomerID.String(), string(c.Feature)
	from, to := windowStart(l.Window), windowEnd(l.Window)
	return plain([]any{int64(c.Used), optional(c.ChangedOn), from, to, int64(l.InWindow), int64(l.Held), optional(l.HeldOn),
		customer, feature, int64(noEnd), int64(noStart), l.Version, l.Facts, from, to, customer, feature, to, from})
}

// errCatalog is a catalog of another revision than was decided on.
var errCatalog = errors.New("the catalog is another")

// Apply is as service.Store says.
func (s *Store) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) (made []bool, err error) {
	for i := range changes {
		if err := checkChange(&changes[i]); err != nil {
			return nil, fmt.Errorf("%w: %w", service.ErrNotApplied, err)
		}
	}
	made = make([]bool, len(changes))
	err = s.retry(ctx, func() error {
		clear(made)
		if s.isOneTrip(changes) {
			return s.applyTogether(ctx, catalog, changes, made)
		}
		return s.applyEach(ctx, catalog, changes, made)
	})
	if err == nil {
		return made, nil
	}
	if errors.Is(err, errCatalog) {
		clear(made)
		return made, nil
	}
	if c, ok := errors.AsType[*CommitError](err); ok && !s.undone(c.Err) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", service.ErrNotApplied, err)
}

// checkChange guards that all of a change is of its lane.
func checkChange(c *service.LaneChange) error {
	id, feature := c.Lane.CustomerID, c.Lane.Feature
	for i := range c.Records {
		if u := &c.Records[i]; u.CustomerID != id || u.Feature != feature {
			return fmt.Errorf("a record of %s of %v is not of the lane of %s of %v", u.Feature, u.CustomerID, feature, id)
		}
		if u := &c.Records[i]; len(u.Draws) > 0 || names(u) {
			return fmt.Errorf("record %q of %s draws or names another, which needs a transaction", u.ID, u.Feature)
		}
	}
	for i := range c.Answers {
		if a := &c.Answers[i]; a.Scope != id.Scope() {
			return fmt.Errorf("an answer under %s is not of the lane of %v", a.Scope, id)
		}
	}
	for i := range c.Windows {
		if w := &c.Windows[i]; w.CustomerID != id || w.Feature != feature || w.Window.AllTime() {
			return fmt.Errorf("a counter of %s of %v is not of a window of the lane of %s of %v", w.Feature, w.CustomerID, feature, id)
		}
	}
	return nil
}

// applyEach makes changes one after the other.
func (s *Store) applyEach(ctx context.Context, catalog int64, changes []service.LaneChange, made []bool) error {
	c, err := s.beginWrite(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	var records []usage.Record
	var answers []service.StoredAnswer
	var windows []*usage.Counter
	for i := range changes {
		change := &changes[i]
		if made[i], err = c.applyLane(change); err != nil {
			return &service.ChangeError{At: i, Err: err}
		}
		if made[i] {
			records, answers = append(records, change.Records...), append(answers, change.Answers...)
			for i := range change.Windows {
				windows = append(windows, &change.Windows[i])
			}
		}
	}
	if !c.wrote {
		return nil
	}
	t := &Tx{Reader: Reader{conn: c, catalogs: &s.catalogs, stage: &s.records}, serial: s.batching.Serial}
	if err := t.putWindows(windows); err != nil {
		return err
	}
	if err := t.createUsage(records); err != nil {
		return err
	}
	if err := t.CreateAnswers(answers...); err != nil {
		return err
	}
	now, err := one(c, scanRevision, selectRevision, billing.ScopeCatalog)
	if err != nil {
		return err
	}
	if now.rev != catalog {
		return errCatalog
	}
	commits, err := s.countCommit(c)
	if err != nil {
		return err
	}
	return s.commit(c, commits)
}

// applyLane writes what a change makes of its lane, and reports whether that was as it
// was thought to be.
func (c *conn) applyLane(change *service.LaneChange) (bool, error) {
	for i := range change.Answers {
		a := &change.Answers[i]
		switch _, err := one(c, scanAnswer, selectAnswer, a.Scope, a.Key); {
		case err == nil:
			return false, nil
		case !errors.Is(err, billing.ErrNotFound):
			return false, err
		}
	}
	args, err := laneArgs(&change.Lane)
	if err != nil {
		return false, err
	}
	n, err := c.exec(updateLane, args...)
	return n > 0, err
}
