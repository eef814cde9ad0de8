package sqlstore

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/usage"
)

// Folded records are told by their id because it is in the index.
const unfolded = `substr(record_id, 1, 7) <> 'folded_'`

const (
	deleteUnfolded = `delete from records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and ` + unfolded

	deleteUnmovedUnfolded = `delete from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and ` + unfolded

	deleteRecordID = `delete from record_ids where customer_id = $1 and record_id = $2`

	// Of those that need none there are few entries: the ids of a span follow each other.
	deleteRecordIDs = `delete from record_ids
		where customer_id = $1 and record_id >= $2 and record_id <= $3 and feature_code = $4
		and counted_on >= $5 and counted_on <= $6 and (counted_on, record_id) <= ($6, $7)`

	updateFolded = `update records set value = $4, change = $5, recorded_on = $6
		where customer_id = $1 and feature_code = $2 and counted_on = $7 and record_id = $3`

	updateUnmovedFolded = `update usage_records set value = $4, change = $5, recorded_on = $6
		where customer_id = $1 and feature_code = $2 and counted_on = $7 and record_id = $3`
)

var (
	selectUnfoldedFeatures = inPlaces(`select feature_code from counters
		where customer_id = $1 and window_start = $2 and window_end = $3 and exists (`,
		`select 1 from records as r
		where customer_id = $1 and r.feature_code = counters.feature_code and counted_on < $4 and `+unfolded,
		`) order by feature_code`)

	selectUnfolded = inPlaces(``, `select `+usageColumns+` from records
		where customer_id = $1 and feature_code = $2 and counted_on < $3 and `+unfolded,
		` order by counted_on, record_id limit $4`)
)

// UnfoldedFeatures is as service.UsageReader says.
func (r *Reader) UnfoldedFeatures(customer billing.CustomerID, before time.Time) ([]billing.Code, error) {
	form, err := r.readFrom()
	if err != nil {
		return nil, err
	}
	return list(r.conn, value[billing.Code], selectUnfoldedFeatures[form], customer.String(), start{}, end{}, instant(before))
}

// FoldUsage implements [Tx].
func (t *Tx) FoldUsage(
	customer billing.CustomerID, feature billing.Code, before time.Time, day func(time.Time) calendar.Span, limit int,
) (int, error) {
	if err := t.requireMeter(customer, feature); err != nil {
		return 0, err
	}
	form, err := t.readFrom()
	if err != nil {
		return 0, err
	}
	gone, err := list(t.conn, scanUsageRecord, selectUnfolded[form], customer.String(), feature, instant(before), limit)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	taken, err := t.takeDraws(gone)
	if err != nil {
		return 0, err
	}
	for rest := gone; len(rest) > 0; {
		on := day(rest[0].CountedOn)
		n := slices.IndexFunc(rest, func(u usage.Record) bool { return !on.Contains(u.CountedOn) })
		if n < 0 {
			n = len(rest)
		}
		drew := slices.DeleteFunc(slices.Clone(taken), func(d drawRow) bool { return !on.Contains(d.CountedOn) })
		if err := t.foldDay(on.Start, rest[:n], drew); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(gone), nil
}

// foldDay folds records that are all there are from the first to the last of
// them and count on the day that begins at an instant, with what they drew.
func (t *Tx) foldDay(begin time.Time, gone []usage.Record, drew []drawRow) error {
	if err := t.deleteUnfolded(gone); err != nil {
		return err
	}
	first := gone[0]
	whole := usage.Record{
		CustomerID: first.CustomerID,
		ID:         fmt.Sprintf("%s%d_%s", usage.FoldedPrefix, begin.UnixMicro(), first.Feature),
		Feature:    first.Feature,
		Kind:       usage.Folded,
		Stamp:      begin,
		CountedOn:  begin,
		// Whoever asks for what was known by an instant after the day sees all
		// of it.
		RecordedOn: first.CountedOn,
	}
	there, err := t.UsageRecord(whole.CustomerID, whole.ID)
	found := err == nil
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return err
	}
	sum := big.NewInt(int64(there.Change))
	for _, u := range gone {
		sum.Add(sum, big.NewInt(int64(u.Change)))
	}
	if whole.Change = billing.Units(sum.Int64()); !sum.IsInt64() {
		return fmt.Errorf("the usage of a day sums to %v millionths, more than a record holds", sum)
	}
	whole.Value = whole.Change
	if !found {
		if err := t.CreateUsage(whole); err != nil || len(drew) == 0 {
			return err
		}
		return t.foldDraws(&whole, drew)
	}
	if there.RecordedOn.Before(whole.RecordedOn) {
		whole.RecordedOn = there.RecordedOn
	}
	args := []any{whole.CustomerID.String(), whole.Feature, whole.ID, whole.Value, whole.Change,
		instant(whole.RecordedOn), instant(whole.CountedOn)}
	err = t.change(updateFolded, args...)
	if errors.Is(err, billing.ErrNotFound) {
		err = t.change(updateUnmovedFolded, args...)
	}
	if err != nil {
		return err
	}
	return t.foldDraws(&whole, drew)
}

// deleteUnfolded deletes records of one feature that are all there are from the first
// to the last of them.
func (t *Tx) deleteUnfolded(gone []usage.Record) error {
	form, err := t.readFrom()
	if err != nil {
		return err
	}
	first, last := &gone[0], &gone[len(gone)-1]
	var deleted int64
	for i, statement := range []string{deleteUnfolded, deleteUnmovedUnfolded} {
		if i > 0 && form == fromFirst {
			continue
		}
		n, err := t.exec(statement, first.CustomerID.String(), first.Feature,
			instant(first.CountedOn), instant(last.CountedOn), last.ID)
		if err != nil {
			return err
		}
		deleted += n
	}
	if deleted != int64(len(gone)) {
		return fmt.Errorf("%d usage records are deleted to fold %d", deleted, len(gone))
	}
	return t.deleteEntries(gone)
}

// deleteEntries deletes the entries of records that are all there were of a feature
// from the first to the last of them. One that needs none may have one.
func (t *Tx) deleteEntries(gone []usage.Record) error {
	var lowest, highest string
	for i := range gone {
		u := &gone[i]
		if tellsItself(u) {
			if lowest == "" {
				lowest, highest = u.ID, u.ID
			}
			lowest, highest = min(lowest, u.ID), max(highest, u.ID)
			continue
		}
		if _, err := t.exec(deleteRecordID, u.CustomerID.String(), u.ID); err != nil {
			return err
		}
	}
	if lowest == "" {
		return nil
	}
	first, last := &gone[0], &gone[len(gone)-1]
	_, err := t.exec(deleteRecordIDs, first.CustomerID.String(), lowest, highest, first.Feature,
		instant(first.CountedOn), instant(last.CountedOn), last.ID)
	return err
}
