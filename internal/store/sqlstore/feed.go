package sqlstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/feed"
)

const (
	selectFeed = `select seq, scope, rev, cause from feed where seq > $1 order by seq limit $2`

	selectFeedOf = `select seq, scope, rev, cause from feed where scope = $1 and seq > $2 order by seq limit $3`

	selectFeedBefore = `select seq, scope, rev, cause from feed where seq < $1 order by seq desc limit $2`

	selectFeedOfBefore = `select seq, scope, rev, cause from feed where scope = $1 and seq < $2 order by seq desc limit $3`

	selectFeedEvents = `select seq, scope, rev, cause from feed where seq >= $1 and seq < $2 and cause <> '' order by seq`

	selectPlacedOn = `select placed_on from feed where seq = $1`

	selectUnsequenced = `select customer_id, customer_rev, '', happened_on, 1 from changes where seq is null
		order by happened_on, customer_id, customer_rev limit $1`

	selectUnsequencedEvents = `select customer_id, 0, cause, happened_on, case when actor = '' then 0 when kind = 'limit.reached' then 3 else 2 end from events where seq is null
		order by happened_on, customer_id, cause limit $1`

	insertFeed = `insert into feed (seq, scope, rev, cause, placed_on, hash) values ($1, $2, $3, $4, $5, $6)`

	updateSequenced = `update changes set seq = $3 where customer_id = $1 and customer_rev = $2`

	updateSequencedEvent = `update events set seq = $3 where customer_id = $1 and cause = $2`

	updateFeedLength = `update revisions set rev = $1 where name = 'feed'`
)

var insertFeeds = manyRows(insertFeed)

// Feed is as feed.Reader says.
func (r *Reader) Feed(after int64, limit int) ([]feed.Entry, error) {
	return list(r.conn, scanFeedEntry, selectFeed, after, limit)
}

func scanFeedEntry(r row) (e feed.Entry, err error) {
	return e, r.Scan(&e.Seq, &e.Scope, &e.Rev, &e.Event)
}

// FeedLength is as feed.Reader says.
func (r *Reader) FeedLength() (int64, error) {
	v, err := one(r.conn, scanRevision, selectRevision, "feed")
	return v.rev, err
}

// PlacedOn is as service.EventReader says.
func (r *Reader) PlacedOn(seq int64) (time.Time, error) {
	return one(r.conn, scanInstant, selectPlacedOn, seq)
}

func scanInstant(r row) (t time.Time, err error) {
	return t, r.Scan((*instant)(&t))
}

// waiting has no place in the feed yet.
type waiting struct {
	feed.Entry
	on   time.Time
	rank int64 // among those of one instant
}

func scanWaiting(r row) (w waiting, err error) {
	return w, r.Scan(&w.Scope, &w.Rev, &w.Event, (*instant)(&w.on), &w.rank)
}

// waiting are the changes and events without a place, by their instants. Of one instant
// what time caused comes first, as a change finds it so, then changes, then what they and
// usage caused, a refusal after the uses that led to it.
func (r *Reader) waiting(limit int) ([]waiting, error) {
	events, err := list(r.conn, scanWaiting, selectUnsequencedEvents, limit)
	if err != nil {
		return nil, err
	}
	changes, err := list(r.conn, scanWaiting, selectUnsequenced, limit)
	if err != nil {
		return nil, err
	}
	// Each kind is in its order, which a stable sort leaves.
	all := append(events, changes...)
	slices.SortStableFunc(all, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(a.on.UnixMicro(), b.on.UnixMicro()), cmp.Compare(a.rank, b.rank))
	})
	return all[:min(limit, len(all))], nil
}

// Unsequenced is as feed.Reader says.
func (r *Reader) Unsequenced(limit int) ([]feed.Entry, error) {
	all, err := r.waiting(limit)
	if len(all) == 0 {
		return nil, err
	}
	entries := make([]feed.Entry, len(all))
	for i := range all {
		entries[i] = all[i].Entry
	}
	return entries, nil
}

// Sequence implements [feed.Tx]. Within a scope, revisions are committed in
// their order and their instants do not go back (a repair of the clock, which takes them back,
// gives places to all before it), so that the order of those
// that are seen here is right and none is missing before another.
func (t *Tx) Sequence(limit int, now time.Time) (int, error) {
	// The lock makes sequencers wait for one another, should a lease fail.
	last, err := one(t.conn, scanRevision, lockRevision, "feed")
	if err != nil {
		return 0, err
	}
	all, err := t.waiting(limit)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	places := make([]feed.Place, len(all))
	for i := range all {
		places[i] = feed.Place{Entry: all[i].Entry, PlacedOn: now}
		p := &places[i]
		p.Seq = last.rev + int64(i) + 1
		if p.Event != "" {
			err = t.change(updateSequencedEvent, p.Scope, p.Event, p.Seq)
		} else {
			err = t.change(updateSequenced, p.Scope, p.Rev, p.Seq)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := t.hash(places, last.rev); err != nil {
		return 0, err
	}
	_, err = t.insertRows(&insertFeeds, len(places), func(into []any, i int) []any {
		p := &places[i]
		return append(into, p.Seq, p.Scope, p.Rev, p.Event, instant(p.PlacedOn), p.Hash)
	})
	if err != nil {
		return 0, err
	}
	return len(places), t.change(updateFeedLength, last.rev+int64(len(places)))
}

// hash gives the next places their hashes, unless there are some before them that have
// none yet: then they get theirs from [Tx.Chain].
func (t *Tx) hash(places []feed.Place, last int64) error {
	chained, err := t.Chained()
	if err != nil || chained != last {
		return err
	}
	before, err := t.hashOf(last)
	if err != nil {
		return err
	}
	if err := t.fill(places); err != nil {
		return err
	}
	for i := range places {
		before = places[i].Sum(before)
		places[i].Hash = before
	}
	return t.change(updateChained, last+int64(len(places)))
}
