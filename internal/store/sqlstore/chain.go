package sqlstore

import (
	"fmt"

	"github.com/allot-dev/allot/internal/feed"
)

const (
	selectPlaces = `select seq, scope, rev, cause, placed_on, hash from feed where seq > $1 order by seq limit $2`

	selectPlacedChange = `select customer_id, customer_rev, '', happened_on, actor, kind, before_facts, after_facts, '', coalesce(seq, 0)
		from changes where customer_id = $1 and customer_rev = $2`

	selectPlacedEvent = `select customer_id, 0, cause, happened_on, actor, kind, '', facts, features, coalesce(seq, 0)
		from events where customer_id = $1 and cause = $2`

	selectHash = `select hash from feed where seq = $1`

	updateHash = `update feed set hash = $2 where seq = $1`

	updateChained = `update revisions set rev = $1 where name = 'chain'`
)

var (
	selectPlacedChanges = manyLookups(selectPlacedChange)
	selectPlacedEvents  = manyLookups(selectPlacedEvent)
)

// Places is as feed.Reader says.
func (r *Reader) Places(after int64, limit int) ([]feed.Place, error) {
	places, err := list(r.conn, scanPlace, selectPlaces, after, limit)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	return places, r.fill(places)
}

func scanPlace(r row) (p feed.Place, err error) {
	return p, r.Scan(&p.Seq, &p.Scope, &p.Rev, &p.Event, (*instant)(&p.PlacedOn), &p.Hash)
}

func scanPlaced(r row) (p feed.Place, err error) {
	return p, r.Scan(&p.Scope, &p.Rev, &p.Event, (*instant)(&p.On), &p.By, &p.Kind, &p.Before, &p.After, &p.Features, &p.Own)
}

// fill reads what places name.
func (r *Reader) fill(places []feed.Place) error {
	var changed, happened []int
	for i := range places {
		if places[i].Event == "" {
			changed = append(changed, i)
		} else {
			happened = append(happened, i)
		}
	}
	changes, err := listRows(r.conn, scanPlaced, &selectPlacedChanges, len(changed), func(into []any, i int) []any {
		return append(into, places[changed[i]].Scope, places[changed[i]].Rev)
	})
	if err != nil {
		return err
	}
	events, err := listRows(r.conn, scanPlaced, &selectPlacedEvents, len(happened), func(into []any, i int) []any {
		return append(into, places[happened[i]].Scope, places[happened[i]].Event)
	})
	if err != nil {
		return err
	}
	found := make(map[feed.Entry]*feed.Place, len(changes)+len(events))
	for _, all := range [][]feed.Place{changes, events} {
		for i := range all {
			found[all[i].Entry] = &all[i]
		}
	}
	for i := range places {
		p := &places[i]
		named, ok := found[feed.Entry{Scope: p.Scope, Rev: p.Rev, Event: p.Event}]
		if !ok {
			continue
		}
		p.Found, p.Own, p.On, p.By, p.Kind = true, named.Own, named.On, named.By, named.Kind
		p.Before, p.After, p.Features = named.Before, named.After, named.Features
	}
	return nil
}

// Chained is as feed.Reader says.
func (r *Reader) Chained() (int64, error) {
	v, err := one(r.conn, scanRevision, selectRevision, "chain")
	return v.rev, err
}

// hashOf is the hash of a place; "" of that before the first.
func (r *Reader) hashOf(seq int64) (string, error) {
	if seq == 0 {
		return "", nil
	}
	hash, err := one(r.conn, value[string], selectHash, seq)
	if err == nil && hash == "" {
		err = fmt.Errorf("place %d of the feed is to have a hash and has none", seq)
	}
	return hash, err
}

// Chain is as feed.Tx says.
func (t *Tx) Chain(limit int) (int, error) {
	if _, err := one(t.conn, scanRevision, lockRevision, "feed"); err != nil {
		return 0, err
	}
	last, err := t.Chained()
	if err != nil {
		return 0, err
	}
	places, err := t.Places(last, limit)
	if err != nil || len(places) == 0 {
		return 0, err
	}
	before, err := t.hashOf(last)
	if err != nil {
		return 0, err
	}
	for i := range places {
		before = places[i].Sum(before)
		if err := t.change(updateHash, places[i].Seq, before); err != nil {
			return 0, err
		}
	}
	return len(places), t.change(updateChained, places[len(places)-1].Seq)
}
