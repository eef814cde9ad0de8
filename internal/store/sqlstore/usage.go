package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
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

	selectUnfolded = usageRecords + ` and counted_on < $5 and kind <> 'folded'
		order by counted_on, record_id limit $6`

	deleteUnfolded = `delete from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and kind <> 'folded'`

	updateFolded = `update usage_records set value = $3, change = $4, recorded_on = $5
		where customer_id = $1 and record_id = $2`
)

func scanUsageRecord(r row) (u billing.UsageRecord, err error) {
	err = r.Scan(customerColumn(&u.CustomerID), &u.ID, &u.Feature, &u.Kind, &u.Value, &u.Change,
		(*instant)(&u.Stamp), (*instant)(&u.CountedOn), (*instant)(&u.RecordedOn), &u.By)
	return u, err
}

func scanUsageSum(r row) (billing.Units, error) {
	var high, low int64
	if err := r.Scan(&high, &low); err != nil {
		return 0, err
	}
	sum := new(big.Int).Mul(big.NewInt(high), big.NewInt(1_000_000_000))
	return exactUnits(sum.Add(sum, big.NewInt(low)))
}

func exactUnits(sum *big.Int) (billing.Units, error) {
	if !sum.IsInt64() {
		return 0, fmt.Errorf("usage sums to %v millionths, more than can be kept", sum)
	}
	return billing.Units(sum.Int64()), nil
}

func (r *reader) SumUsage(
	customer billing.CustomerID, feature billing.Code, w billing.Window, recordedBy time.Time,
) (billing.Units, error) {
	return one(r.conn, scanUsageSum, selectUsageSum, customer.String(), feature, start(w.Start), end(w.End),
		end(recordedBy))
}

func (r *reader) UsageRecord(customer billing.CustomerID, id string) (billing.UsageRecord, error) {
	return one(r.conn, scanUsageRecord, selectUsageRecord, customer.String(), id)
}

// UsageRecords implements [billing.Reader]. The page of all features is merged
// from one of each, which costs less than an index that every record is put
// into for it.
func (r *reader) UsageRecords(
	customer billing.CustomerID, feature billing.Code, from, to time.Time, page billing.Page[billing.UsageCursor],
) ([]billing.UsageRecord, bool, error) {
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
	var found []billing.UsageRecord
	for _, f := range features {
		part, err := list(r.conn, scanUsageRecord, query,
			customer.String(), f, start(from), end(to), cursor[0], cursor[1], limitOf(page))
		if err != nil {
			return nil, false, err
		}
		found = append(found, part...)
	}
	slices.SortFunc(found, func(a, b billing.UsageRecord) int {
		return direction * cmp.Or(a.CountedOn.Compare(b.CountedOn), cmp.Compare(a.ID, b.ID))
	})
	found, more := cut(found, page)
	return found, more, nil
}

func (t *tx) CreateUsage(u billing.UsageRecord) error {
	if err := t.requireMeter(u.CustomerID, u.Feature); err != nil {
		return err
	}
	return t.create(insertUsage, u.CustomerID.String(), u.ID, u.Feature, u.Kind, u.Value, u.Change,
		instant(u.Stamp), instant(u.CountedOn), instant(u.RecordedOn), u.By)
}

// FoldUsage implements [billing.Tx]. The folded record counts where the earliest
// of those it stands for did; if one is there already, it takes them in. Others
// are left alone: they may stand in windows that this one is wider than.
func (t *tx) FoldUsage(
	customer billing.CustomerID, feature billing.Code, w billing.Window, before time.Time, limit int,
) (int, error) {
	if err := t.requireMeter(customer, feature); err != nil {
		return 0, err
	}
	gone, err := list(t.conn, scanUsageRecord, selectUnfolded,
		customer.String(), feature, start(w.Start), end(w.End), instant(before), limit)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	whole, err := fold(gone)
	if err != nil {
		return 0, err
	}
	last := gone[len(gone)-1]
	n, err := t.exec(deleteUnfolded, customer.String(), feature, start(w.Start), instant(last.CountedOn), last.ID)
	if err != nil {
		return 0, err
	}
	if n != int64(len(gone)) {
		return 0, fmt.Errorf("%d usage records are deleted to fold %d", n, len(gone))
	}
	return len(gone), t.putFolded(whole)
}

// putFolded names a folded record by its place and feature, and puts it there.
func (t *tx) putFolded(whole billing.UsageRecord) error {
	whole.ID = strconv.FormatInt(whole.CountedOn.UnixMicro(), 10) + "_" + string(whole.Feature)
	for {
		whole.ID = billing.FoldedPrefix + whole.ID
		err := t.CreateUsage(whole)
		if !errors.Is(err, billing.ErrExists) {
			return err
		}
		there, err := t.UsageRecord(whole.CustomerID, whole.ID)
		if err != nil {
			return err
		}
		if there.Kind != billing.Folded {
			continue // a caller has given its own record that name
		}
		both, err := fold([]billing.UsageRecord{there, whole})
		if err != nil {
			return err
		}
		return t.change(updateFolded, whole.CustomerID.String(), whole.ID, both.Value, both.Change,
			instant(both.RecordedOn))
	}
}

// fold makes one record, which has no id, of some of one feature that ascend by
// their place.
func fold(records []billing.UsageRecord) (billing.UsageRecord, error) {
	whole := billing.UsageRecord{
		CustomerID: records[0].CustomerID, Feature: records[0].Feature, Kind: billing.Folded,
		Stamp: records[0].CountedOn, CountedOn: records[0].CountedOn, RecordedOn: records[0].RecordedOn,
	}
	sum := new(big.Int)
	for _, r := range records {
		sum.Add(sum, big.NewInt(int64(r.Change)))
		if r.RecordedOn.After(whole.RecordedOn) {
			whole.RecordedOn = r.RecordedOn
		}
	}
	change, err := exactUnits(sum)
	whole.Value, whole.Change = change, change
	return whole, err
}
