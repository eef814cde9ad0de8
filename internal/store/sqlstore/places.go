package sqlstore

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/usage"
)

// places are the tables that have records of usage: the first is where they are
// written, and the last is where programs of the version before wrote them, whose
// records are moved to the first; see [Tx.MoveUsage]. A record is in one of them.
var places = [...]string{"records", "usage_records"}

// placed is a statement that reads records, in the forms of [Reader.readFrom].
type placed [2]string

const (
	fromFirst = iota // of the places: all are there
	fromAll
)

// inPlaces makes the forms of a statement out of what it asks of the table records.
// Asked of several, it is one question to all of them, each by its own index: one
// statement sees one state, so that no record is missed or met twice on its way.
func inPlaces(before, question, after string) placed {
	var arms [len(places)]string
	for i, table := range places {
		arms[i] = strings.ReplaceAll(question, "from records", "from "+table)
	}
	return placed{
		fromFirst: before + arms[0] + after,
		fromAll:   before + strings.Join(arms[:], " union all ") + after,
	}
}

// An upgrade is unfinished as long as programs of the version before may run: they
// read and write usage_records. Once it is finished what they left there is moving,
// until all is moved.
const selectStage = `select name, value from settings where name in ('unfinished', 'moving')`

// stage is what is known of where records are. Neither is ever taken back.
type stage struct {
	finished atomic.Bool // records are written to the first place
	moved    atomic.Bool // and all are there
}

// setting is a row of settings.
type setting struct{ name, value string }

func scanSetting(r row) (s setting, err error) { return s, r.Scan(&s.name, &s.value) }

// readStage reads how far an upgrade is, and keeps what will stay so.
func (r *Reader) readStage() (finished bool, moving *string, err error) {
	rows, err := list(r.conn, scanSetting, selectStage)
	if err != nil {
		return false, nil, err
	}
	finished = true
	for _, s := range rows {
		if s.name == "unfinished" {
			finished = false
		} else {
			moving = new(s.value)
		}
	}
	// What this transaction itself has changed may be rolled back.
	if finished && !r.stageTouched {
		r.stage.finished.Store(true)
		if moving == nil {
			r.stage.moved.Store(true)
		}
	}
	return finished, moving, nil
}

// readFrom is the form of statements that reads all places that have records. What a
// transaction has found to be in all of them it goes on to look for there: that some
// were moved since does not make it wrong.
func (r *Reader) readFrom() (form int, err error) {
	switch {
	case r.stage.moved.Load():
		return fromFirst, nil
	case r.everywhere:
		return fromAll, nil
	}
	finished, moving, err := r.readStage()
	if err != nil {
		return 0, err
	}
	if finished && moving == nil {
		return fromFirst, nil
	}
	r.everywhere = true
	return fromAll, nil
}

// writesFirst reports whether records are written to the first place. It is asked
// under the locks of what they are records of, each time until it is so: whoever has
// such a lock after the end of the upgrade, as who moves records, then meets all that
// was written elsewhere.
func (t *Tx) writesFirst() (bool, error) {
	if t.stage.finished.Load() {
		return true, nil
	}
	finished, _, err := t.readStage()
	return finished, err
}

// Of an id that was made here the text says when: the first digits are the
// milliseconds of the clock. Those that keyed requests make look the same, with
// digits of a hash, nearly all of which are of no time in these years.
const (
	madePrefix = "usage_"
	madeDigits = 32
	madeTime   = 12 // digits
)

var madeFrom, madeTo = time.UnixMilli(1577836800000), time.UnixMilli(4733510400000) // 2020 to 2120

// madeOn is the millisecond that an id of the form of those made here says it was made
// in; false of any other id.
func madeOn(id string) (on time.Time, ok bool) {
	digits, ok := strings.CutPrefix(id, madePrefix)
	if !ok || len(digits) != madeDigits || digits != strings.ToLower(digits) {
		return time.Time{}, false
	}
	if _, err := hex.DecodeString(digits); err != nil {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(digits[:madeTime], 16, 64)
	on = time.UnixMilli(ms)
	return on, err == nil && !on.Before(madeFrom) && on.Before(madeTo)
}

// tellsItself reports whether a record is found by its id alone: it counts in the
// millisecond that the id says. Every other has an entry in record_ids.
func tellsItself(u *usage.Record) bool {
	on, ok := madeOn(u.ID)
	return ok && u.CountedOn.UnixMilli() == on.UnixMilli()
}

// needsEntry reports whether a record that is to be stored is to have an entry in
// record_ids.
func needsEntry(u *usage.Record) bool { return !u.Made || !tellsItself(u) }
