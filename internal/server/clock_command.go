package server

import (
	"context"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// commandClock is the clock of a machine on which a command runs. It has no past that it could be
// held against, as that of a server has; what others know is in the database.
type commandClock struct {
	store *store.Store
	now   func() time.Time
}

// ClockApartError is a clock that shows another time than that of the database, or than a server
// on it has noted.
type ClockApartError struct {
	Now, Theirs time.Time
	Whose       string
}

func (e *ClockApartError) Error() string {
	return fmt.Sprintf("the clock of this machine says %s, and %s %s: one of them is wrong",
		e.Now.UTC().Format(time.RFC3339), e.Whose, e.Theirs.UTC().Format(time.RFC3339))
}

// check says what is wrong with the clock, and a time that is right then, or at least not ahead.
func (c *commandClock) check(ctx context.Context) (right time.Time, err error) {
	if c == nil {
		return right, nil
	}
	now := c.now()
	if right, err = c.apart(ctx, now); err != nil {
		return right, err
	}
	seen, err := seenBefore(ctx, c.store, now, DefaultMaxClockGap)
	switch {
	case err != nil:
		return right, fmt.Errorf("read the newest time: %w", err)
	case seen.Sub(now) > DefaultMaxClockSkew:
		return seen, &ClockBehindError{now, seen}
	case !seen.IsZero() && now.Sub(seen) > DefaultMaxClockGap:
		return seen, &ClockGapError{now, seen, DefaultMaxClockGap}
	}
	return c.ahead(ctx, now)
}

// apart holds the clock against that of the database, where that is another.
func (c *commandClock) apart(ctx context.Context, now time.Time) (right time.Time, err error) {
	shared, other, err := c.store.Clock(ctx)
	if err != nil || !other || shared.Sub(now).Abs() <= DefaultMaxClockSkew {
		return right, err
	}
	return shared, &ClockApartError{now, shared, "that of the database"}
}

// ahead holds the clock against what the server on a SQLite file has noted: while it believes its
// clock, it does so each minute.
func (c *commandClock) ahead(ctx context.Context, now time.Time) (right time.Time, err error) {
	if !c.store.Served() {
		return right, nil
	}
	err = c.store.Read(ctx, func(r *sqlstore.Reader) (err error) {
		right, err = r.ClockMark()
		return err
	})
	if err != nil || right.IsZero() || now.Sub(right) <= markEvery+DefaultMaxClockSkew {
		return right, err
	}
	return right, &ClockApartError{now, right, "the server on the database, which notes its time each minute while it believes it, has noted"}
}
