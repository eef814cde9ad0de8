package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	usageColumns = `customer_id, record_id, feature_code, kind, value, change, stamp, counted_on, recorded_on, actor`

	// In two parts, neither of which can overflow, so that the sum is exact in
	// whatever order a database takes it. The casts are for those whose sums are
	// of a wider type.
	selectUsageSum = `select cast(coalesce(sum(change / 1000000000), 0) as bigint),
		cast(coalesce(sum(change % 1000000000), 0) as bigint) from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4 and recorded_on <= $5`

	selectUsageRecord = `select ` + usageColumns + ` from usage_records where customer_id = $1 and record_id = $2`

	// Readings of a window have stamps in it, or up to five minutes after it.
	selectNewestReading = `select stamp from usage_records
		where customer_id = $1 and feature_code = $2 and kind = 'absolute' and stamp >= $3 and stamp < $4
		and counted_on >= $3 and counted_on < $5
		order by stamp desc limit 1`

	selectUsageFeatures = `select feature_code from counters
		where customer_id = $1 and window_start = $2 and window_end = $3`

	usageRecords = `select ` + usageColumns + ` from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4`
	usageRecordsAfter = usageRecords + ` and (counted_on, record_id) > ($5, $6)
		order by counted_on, record_id limit $7`
	usageRecordsBefore = usageRecords + ` and (counted_on, record_id) < ($5, $6)
		order by counted_on desc, record_id desc limit $7`

	insertUsage = `insert into usage_records (` + usageColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (customer_id, record_id) do nothing`

	// Folded records are told by their id because it is in the index.
	unfolded = `substr(record_id, 1, 7) <> 'folded_'`

	selectUnfoldedFeatures = `select feature_code from counters
		where customer_id = $1 and window_start = $2 and window_end = $3 and exists (select 1 from usage_records
			where usage_records.customer_id = $1 and usage_records.feature_code = counters.feature_code
			and counted_on < $4 and ` + unfolded + `)
		order by feature_code`

	selectUnfolded = `select ` + usageColumns + ` from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on < $3 and ` + unfolded + `
		order by counted_on, record_id limit $4`

	deleteUnfolded = `delete from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and ` + unfolded

	updateFolded = `update usage_records set value = $3, change = $4, recorded_on = $5
		where customer_id = $1 and record_id = $2`
)

var (
	selectUsageRecords = manyLookups(selectUsageRecord)
	insertUsages       = manyRows(insertUsage)
)

func scanUsageRecord(r row) (u usage.Record, err error) {
	err = r.Scan(customerColumn(&u.CustomerID), &u.ID, &u.Feature, &u.Kind, &u.Value, &u.Change,
		(*instant)(&u.Stamp), (*instant)(&u.CountedOn), (*instant)(&u.RecordedOn), &u.By)
	return u, err
}

// scanSum puts together a sum that was taken in two parts.
func scanSum(r row) (*big.Int, error) {
	var high, low int64
	if err := r.Scan(&high, &low); err != nil {
		return nil, err
	}
	sum := new(big.Int).Mul(big.NewInt(high), big.NewInt(1_000_000_000))
	return sum.Add(sum, big.NewInt(low)), nil
}

// cutUnits is a sum, cut at what 64 bits hold.
func cutUnits(sum *big.Int) billing.Units {
	switch {
	case sum.IsInt64():
		return billing.Units(sum.Int64())
	case sum.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// SumUsage is as service.UsageReader says.
func (r *Reader) SumUsage(
	customer billing.CustomerID, feature billing.Code, w billing.Window, recordedBy time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectUsageSum, customer.String(), feature, start(w.Start), end(w.End),
		end(recordedBy))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// NewestReading is as service.UsageReader says.
func (r *Reader) NewestReading(customer billing.CustomerID, feature billing.Code, w billing.Window) (time.Time, error) {
	behind := w.End
	if !behind.IsZero() {
		behind = behind.Add(billing.MaxAhead)
	}
	stamp, err := one(r.conn, value[int64], selectNewestReading, customer.String(), feature, start(w.Start), end(behind), end(w.End))
	return time.UnixMicro(stamp).UTC(), err
}

// UsageRecord is as service.UsageReader says.
func (r *Reader) UsageRecord(customer billing.CustomerID, id string) (usage.Record, error) {
	return one(r.conn, scanUsageRecord, selectUsageRecord, customer.String(), id)
}

// UsageRecords implements [Reader]. The page of all features is merged
// from one of each, which costs less than an index that every record is put
// into for it.
func (r *Reader) UsageRecords(
	customer billing.CustomerID, feature billing.Code, from, to time.Time, page service.Page[service.UsageCursor],
) ([]usage.Record, bool, error) {
	features := []billing.Code{feature}
	if feature == "" {
		var err error
		features, err = list(r.conn, value[billing.Code], selectUsageFeatures, customer.String(), start{}, end{})
		if err != nil {
			return nil, false, err
		}
	}
	query, direction, cursor := usageRecordsAfter, 1, []any{start{}, ""}
	// The cursor narrows the span too: a database that looks up one bound of the
	// index may choose the wrong one.
	switch {
	case page.After != nil:
		cursor = []any{instant(page.After.CountedOn), page.After.ID}
		if page.After.CountedOn.After(from) {
			from = page.After.CountedOn
		}
	case page.Before != nil:
		query, direction, cursor = usageRecordsBefore, -1, []any{instant(page.Before.CountedOn), page.Before.ID}
		if behind := page.Before.CountedOn.Add(time.Microsecond); to.IsZero() || behind.Before(to) {
			to = behind
		}
	}
	var found []usage.Record
	for _, f := range features {
		part, err := list(r.conn, scanUsageRecord, query,
			customer.String(), f, start(from), end(to), cursor[0], cursor[1], limitOf(page))
		if err != nil {
			return nil, false, err
		}
		found = append(found, part...)
	}
	slices.SortFunc(found, func(a, b usage.Record) int {
		return direction * cmp.Or(a.CountedOn.Compare(b.CountedOn), cmp.Compare(a.ID, b.ID))
	})
	found, more := cut(found, page)
	return found, more, nil
}

// UsageRecordsByID is as service.UsageReader says.
func (r *Reader) UsageRecordsByID(customer billing.CustomerID, ids []string) ([]usage.Record, error) {
	return listByKeys(r.conn, scanUsageRecord, &selectUsageRecords, customer.String(), ids)
}

// CreateUsage is as service.UsageTx says.
func (t *Tx) CreateUsage(records ...usage.Record) error {
	for i := range records {
		if err := t.requireMeter(records[i].CustomerID, records[i].Feature); err != nil {
			return err
		}
	}
	n, err := t.insertRows(&insertUsages, len(records), func(into []any, i int) []any {
		u := &records[i]
		return append(into, u.CustomerID.String(), u.ID, u.Feature, u.Kind, u.Value, u.Change,
			instant(u.Stamp), instant(u.CountedOn), instant(u.RecordedOn), u.By)
	})
	if err == nil && n < int64(len(records)) {
		err = billing.ErrExists
	}
	return err
}

// UnfoldedFeatures is as service.UsageReader says.
func (r *Reader) UnfoldedFeatures(customer billing.CustomerID, before time.Time) ([]billing.Code, error) {
	return list(r.conn, value[billing.Code], selectUnfoldedFeatures, customer.String(), start{}, end{}, instant(before))
}

// FoldUsage implements [Tx].
func (t *Tx) FoldUsage(
	customer billing.CustomerID, feature billing.Code, before time.Time, day func(time.Time) calendar.Span, limit int,
) (int, error) {
	if err := t.requireMeter(customer, feature); err != nil {
		return 0, err
	}
	gone, err := list(t.conn, scanUsageRecord, selectUnfolded, customer.String(), feature, instant(before), limit)
	if err != nil {
		return 0, err
	}
	for rest := gone; len(rest) > 0; {
		on := day(rest[0].CountedOn)
		n := slices.IndexFunc(rest, func(u usage.Record) bool { return !on.Contains(u.CountedOn) })
		if n < 0 {
			n = len(rest)
		}
		if err := t.foldDay(on.Start, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(gone), nil
}

// foldDay folds records that are all there are from the first to the last of
// them and count on the day that begins at an instant.
func (t *Tx) foldDay(begin time.Time, gone []usage.Record) error {
	first, last := gone[0], gone[len(gone)-1]
	n, err := t.exec(deleteUnfolded, first.CustomerID.String(), first.Feature,
		instant(first.CountedOn), instant(last.CountedOn), last.ID)
	if err != nil {
		return err
	}
	if n != int64(len(gone)) {
		return fmt.Errorf("%d usage records are deleted to fold %d", n, len(gone))
	}
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
		return t.CreateUsage(whole)
	}
	if there.RecordedOn.Before(whole.RecordedOn) {
		whole.RecordedOn = there.RecordedOn
	}
	return t.change(updateFolded, whole.CustomerID.String(), whole.ID, whole.Value, whole.Change,
		instant(whole.RecordedOn))
}
