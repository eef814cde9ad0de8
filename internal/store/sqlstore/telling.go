package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/usage"
)

// How far the telling of what time causes has come is a setting.
const (
	selectTelling = `select value from settings where name = 'telling'`

	insertTelling = `insert into settings (name, value) values ('telling', $1) on conflict (name) do nothing`

	updateTelling = `update settings set value = $1 where name = 'telling' and value = $2`

	selectExpired = `select ` + holdColumns + ` from holds where expires_on > $1 and expires_on <= $2
		order by expires_on limit $3`
)

// Telling is as service.EventReader says.
func (r *Reader) Telling() (event.Telling, error) {
	text, err := one(r.conn, value[string], selectTelling)
	if err != nil {
		return event.Telling{}, err
	}
	var told tellingText
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		return event.Telling{}, fmt.Errorf("how far the telling has come: %w", err)
	}
	out := event.Telling{BegunOn: told.BegunOn, Walked: told.Walked, ResetsOn: told.ResetsOn, HoldsOn: told.HoldsOn}
	if told.After != "" {
		out.After, err = billing.ParseID[billing.CustomerID](told.After)
	}
	return out, err
}

// tellingText is how an [event.Telling] is written.
type tellingText struct {
	BegunOn  time.Time `json:"begun_on"`
	After    string    `json:"after,omitempty"`
	Walked   bool      `json:"walked,omitempty"`
	ResetsOn time.Time `json:"resets_on,omitzero"`
	HoldsOn  time.Time `json:"holds_on,omitzero"`
}

func textOfTelling(t event.Telling) (string, error) {
	told := tellingText{BegunOn: t.BegunOn.UTC(), Walked: t.Walked, ResetsOn: t.ResetsOn.UTC(), HoldsOn: t.HoldsOn.UTC()}
	if t.After != (billing.CustomerID{}) {
		told.After = t.After.String()
	}
	text, err := json.Marshal(told)
	return string(text), err
}

// BeginTelling is as service.EventTx says.
func (t *Tx) BeginTelling(begun event.Telling) (bool, error) {
	text, err := textOfTelling(begun)
	if err != nil {
		return false, err
	}
	n, err := t.exec(insertTelling, text)
	return n > 0, err
}

// MoveTelling is as service.EventTx says.
func (t *Tx) MoveTelling(from, to event.Telling) (bool, error) {
	was, err := textOfTelling(from)
	is, err2 := textOfTelling(to)
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	n, err := t.exec(updateTelling, is, was)
	return n > 0, err
}

// ExpiredHolds is as service.EventReader says.
func (r *Reader) ExpiredHolds(after, upTo time.Time, limit int) ([]usage.Hold, error) {
	return list(r.conn, scanHold, selectExpired, instant(after), instant(upTo), limit)
}
