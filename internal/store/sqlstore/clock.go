package sqlstore

import (
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// What is kept of clocks stands in the table of leases, which are of programs that run and are
// not copied: the mark, which is the newest time that a server saw, and of which time somebody
// has said that it is right.
const (
	clockMark     = "clock"
	clockAccepted = "clock accepted"
)

const (
	selectClock = `select held_until from leases where name = $1`

	raiseClock = `insert into leases (name, holder, held_until) values ($1, '', $2)
		on conflict (name) do update set held_until = excluded.held_until where leases.held_until < excluded.held_until`

	putClock = `insert into leases (name, holder, held_until) values ($1, '', $2)
		on conflict (name) do update set held_until = excluded.held_until`

	// Of servers that are gone: each has a name of its own where addresses change.
	deleteProbes = `delete from leases where name > 'probe ' and name < 'probe!' and (held_until < $1 or held_until > $2)`

	selectNewestShared = `select changed_on from revisions where changed_on is not null order by changed_on desc limit 1`

	selectNewestPlace = `select placed_on from feed order by seq desc limit 1`

	selectNewestCustomer = `select changed_on from customers where changed_on is not null order by changed_on desc limit $1`

	selectNewestCounter = `select changed_on from counters where changed_on is not null order by changed_on desc limit $1`
)

// ClockMark is the newest time that a server said it saw; zero if none has.
func (r *Reader) ClockMark() (time.Time, error) { return r.newest(selectClock, clockMark) }

// ClockAccepted is the time of which somebody said last that it is right; zero if nobody has.
func (r *Reader) ClockAccepted() (time.Time, error) { return r.newest(selectClock, clockAccepted) }

// LastPlaced is when the catalog, clients or keys changed last, or a place of the feed was given:
// about the last change, found at once.
func (r *Reader) LastPlaced() (time.Time, error) {
	shared, err := r.newest(selectNewestShared)
	if err != nil {
		return shared, err
	}
	place, err := r.newest(selectNewestPlace)
	return later(shared, place), err
}

// LastStamped is the newest time of a change or a counter. It reads all customers and counters.
func (r *Reader) LastStamped() (time.Time, error) {
	last, err := r.LastPlaced()
	for _, query := range []string{selectNewestCustomer, selectNewestCounter} {
		if err != nil {
			return last, err
		}
		var next time.Time
		next, err = r.newest(query, 1)
		last = later(last, next)
	}
	return last, err
}

// LastSeen is the newest time that is known to have been: of a change or a counter, or the
// mark. It reads as much as LastStamped.
func (r *Reader) LastSeen() (time.Time, error) {
	mark, err := r.ClockMark()
	if err != nil {
		return mark, err
	}
	last, err := r.LastStamped()
	return later(last, mark), err
}

// newest is the time that a query finds; zero if it finds none.
func (r *Reader) newest(query string, args ...any) (time.Time, error) {
	us, err := one(r.conn, value[int64], query, args...)
	switch {
	case errors.Is(err, billing.ErrNotFound), err == nil && us == 0:
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	return time.UnixMicro(us).UTC(), nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// RaiseClockMark says that a time was seen. The mark never goes back by it.
func (t *Tx) RaiseClockMark(seen time.Time) error {
	_, err := t.exec(raiseClock, clockMark, instant(seen))
	return err
}

// AcceptClock says that a time is right, to every server on the database whose clock shows it.
func (t *Tx) AcceptClock(now time.Time) error {
	_, err := t.exec(putClock, clockAccepted, instant(now))
	return err
}

// ForgetClock takes the mark away: what was seen is told by what was written.
func (t *Tx) ForgetClock() error {
	_, err := t.exec(deleteMark, clockMark)
	return err
}

// PutProbe writes that a server could write at a time.
func (t *Tx) PutProbe(holder string, now time.Time) error {
	if _, err := t.exec(putClock, "probe "+holder, instant(now)); err != nil {
		return err
	}
	_, err := t.exec(deleteProbes, instant(now.Add(-probesKept)), instant(now.Add(probesKept)))
	return err
}

// probesKept is for how long it is kept that a server could write.
const probesKept = time.Hour
