package sqlstore

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	usageColumns = `customer_id, record_id, feature_code, kind, value, change, stamp, counted_on, recorded_on, actor`

	selectUsageFeatures = `select feature_code from counters
		where customer_id = $1 and window_start = $2 and window_end = $3 order by feature_code`

	insertRecord = `insert into records (` + usageColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (customer_id, feature_code, counted_on, record_id) do nothing`

	insertRecordID = `insert into record_ids (customer_id, record_id, feature_code, counted_on) values ($1, $2, $3, $4)
		on conflict (customer_id, record_id) do nothing`

	// The place of a record that has an entry.
	selectRecord = `select ` + usageColumns + ` from records
		where customer_id = $1 and (feature_code, counted_on, record_id) in
		(select feature_code, counted_on, record_id from record_ids where customer_id = $1 and record_id = $2)`

	// One that has none, of a feature.
	selectRecordMade = `select ` + usageColumns + ` from records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4 and record_id = $5`

	// Those of programs of the version before.
	insertUnmoved = `insert into usage_records (` + usageColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (customer_id, record_id) do nothing`

	selectUnmoved = `select ` + usageColumns + ` from usage_records where customer_id = $1 and record_id = $2`

	// A claim is nobody's record: no feature is called "".
	deleteClaims = `delete from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $3`
)

var (
	// In two parts, neither of which can overflow, so that the sum is exact in
	// whatever order a database takes it. The casts are for those whose sums are
	// of a wider type.
	selectUsageSum = inPlaces(`select cast(coalesce(sum(change / 1000000000), 0) as bigint),
		cast(coalesce(sum(change % 1000000000), 0) as bigint) from (`,
		`select change from records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4 and recorded_on <= $5`,
		`) as counted`)

	selectKindSum = inPlaces(`select cast(coalesce(sum(change / 1000000000), 0) as bigint),
		cast(coalesce(sum(change % 1000000000), 0) as bigint) from (`,
		`select change from records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4 and kind = $5`,
		`) as counted`)

	// Readings of a window have stamps in it, or up to five minutes after it.
	selectNewestReading = inPlaces(``, `select stamp from records
		where customer_id = $1 and feature_code = $2 and kind = 'absolute' and stamp >= $3 and stamp < $4
		and counted_on >= $3 and counted_on < $5`,
		` order by stamp desc limit 1`)

	usageRecordsAfter = inPlaces(``, usageRecords+` and (counted_on, record_id) > ($5, $6)`,
		` order by counted_on, record_id limit $7`)
	usageRecordsBefore = inPlaces(``, usageRecords+` and (counted_on, record_id) < ($5, $6)`,
		` order by counted_on desc, record_id desc limit $7`)

	selectRecords      = manyLookups(selectRecord)
	selectRecordsMade  = manyLookups(selectRecordMade)
	selectUnmovedByIDs = manyLookups(selectUnmoved)
	insertRecords      = manyRows(insertRecord)
	insertRecordIDs    = manyRows(insertRecordID)
	insertsUnmoved     = manyRows(insertUnmoved)
)

const usageRecords = `select ` + usageColumns + ` from records
	where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on < $4`

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
	return joined(high, low), nil
}

// joined is a sum whose parts are there.
func joined(high, low int64) *big.Int {
	sum := new(big.Int).Mul(big.NewInt(high), big.NewInt(1_000_000_000))
	return sum.Add(sum, big.NewInt(low))
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
	form, err := r.readFrom()
	if err != nil {
		return 0, err
	}
	sum, err := one(r.conn, scanSum, selectUsageSum[form], customer.String(), feature, start(w.Start), end(w.End),
		end(recordedBy))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// SumKind is as service.UsageReader says.
func (r *Reader) SumKind(customer billing.CustomerID, feature billing.Code, kind usage.Kind, w billing.Window) (billing.Units, error) {
	form, err := r.readFrom()
	if err != nil {
		return 0, err
	}
	sum, err := one(r.conn, scanSum, selectKindSum[form], customer.String(), feature, start(w.Start), end(w.End), kind)
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
	form, err := r.readFrom()
	if err != nil {
		return time.Time{}, err
	}
	stamp, err := one(r.conn, value[int64], selectNewestReading[form], customer.String(), feature, start(w.Start), end(behind), end(w.End))
	return time.UnixMicro(stamp).UTC(), err
}

// UsageRecord is as service.UsageReader says.
func (r *Reader) UsageRecord(customer billing.CustomerID, id string) (usage.Record, error) {
	found, err := r.UsageRecordsByID(customer, []string{id})
	if err == nil && len(found) == 0 {
		err = billing.ErrNotFound
	}
	if err != nil {
		return usage.Record{}, err
	}
	return found[0], nil
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
	form, err := r.readFrom()
	if err != nil {
		return nil, false, err
	}
	query, direction, cursor := usageRecordsAfter[form], 1, []any{start{}, ""}
	// The cursor narrows the span too: a database that looks up one bound of the
	// index may choose the wrong one.
	switch {
	case page.After != nil:
		cursor = []any{instant(page.After.CountedOn), page.After.ID}
		if page.After.CountedOn.After(from) {
			from = page.After.CountedOn
		}
	case page.Before != nil:
		query, direction, cursor = usageRecordsBefore[form], -1, []any{instant(page.Before.CountedOn), page.Before.ID}
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
	return found, more, r.link(found)
}

// UsageRecordsByID is as service.UsageReader says. Each id is looked up where records
// come from before where they go to, so that none is missed that is on its way.
func (r *Reader) UsageRecordsByID(customer billing.CustomerID, ids []string) ([]usage.Record, error) {
	form, err := r.readFrom()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	byID := func(ids []string) (int, func(into []any, i int) []any) {
		return len(ids), func(into []any, i int) []any { return append(into, customer.String(), ids[i]) }
	}
	var found []usage.Record
	if form == fromAll {
		n, args := byID(ids)
		if found, err = listRows(r.conn, scanUsageRecord, &selectUnmovedByIDs, n, args); err != nil {
			return nil, err
		}
		ids = without(ids, found)
	}
	n, args := byID(ids)
	entered, err := listRows(r.conn, scanUsageRecord, &selectRecords, n, args)
	if err != nil {
		return nil, err
	}
	made, err := r.recordsMade(customer, without(ids, entered))
	if err != nil {
		return nil, err
	}
	found = slices.Concat(found, entered, made)
	return found, r.link(found)
}

// without are the ids that none of some records has.
func without(ids []string, records []usage.Record) []string {
	if len(records) == 0 {
		return ids
	}
	have := make(map[string]bool, len(records))
	for i := range records {
		have[records[i].ID] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return have[id] })
}

// recordsMade are the records of a customer in the first place that have one of some
// ids and no entry: an id says when its record counts, but not of what feature.
func (r *Reader) recordsMade(customer billing.CustomerID, ids []string) ([]usage.Record, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := madeOn(id); return !ok })
	if len(ids) == 0 {
		return nil, nil
	}
	features, err := list(r.conn, value[billing.Code], selectUsageFeatures, customer.String(), start{}, end{})
	if err != nil {
		return nil, err
	}
	n := len(features)
	return listRows(r.conn, scanUsageRecord, &selectRecordsMade, len(ids)*n, func(into []any, i int) []any {
		on, _ := madeOn(ids[i/n])
		return append(into, customer.String(), features[i%n], instant(on), instant(on.Add(time.Millisecond)), ids[i/n])
	})
}

// CreateUsage is as service.UsageTx says.
func (t *Tx) CreateUsage(records ...usage.Record) error {
	for i := range records {
		if err := t.requireMeter(records[i].CustomerID, records[i].Feature); err != nil {
			return err
		}
	}
	return t.createUsage(records)
}

// createUsage stores records of which the locks are had.
func (t *Tx) createUsage(records []usage.Record) error {
	if len(records) == 0 {
		return nil
	}
	more := false // than plain records
	for i := range records {
		u := &records[i]
		if err := checkDraws(u); err != nil {
			return err
		}
		more = more || len(u.Draws) > 0 || names(u)
	}
	first, err := t.writesFirst()
	if err != nil {
		return err
	}
	if !first && more {
		return errors.New("a usage record draws, or names another, before the upgrade is finished")
	}
	if !first {
		return t.insertAll(&insertsUnmoved, records, usageArgs)
	}
	var entered, alone []usage.Record
	for _, u := range records {
		if needsEntry(&u) {
			entered = append(entered, u)
		} else {
			alone = append(alone, u)
		}
	}
	if err := t.enter(entered, alone); err != nil {
		return err
	}
	if err := t.insertAll(&insertRecords, records, usageArgs); err != nil || !more {
		return err
	}
	return t.createDraws(records)
}

func usageArgs(into []any, u *usage.Record) []any {
	return append(into, u.CustomerID.String(), u.ID, string(u.Feature), string(u.Kind), int64(u.Value), int64(u.Change),
		instant(u.Stamp), instant(u.CountedOn), instant(u.RecordedOn), string(u.By))
}

func entryArgs(into []any, u *usage.Record) []any {
	return append(into, u.CustomerID.String(), u.ID, u.Feature, instant(u.CountedOn))
}

// insertAll inserts a row for each record. It returns ErrExists if one of them is
// there.
func (t *Tx) insertAll(insert *texts, records []usage.Record, args func(into []any, u *usage.Record) []any) error {
	customer := func(i int) billing.CustomerID { return records[i].CustomerID }
	n, err := t.insertRowsOf(customer, insert, len(records), func(into []any, i int) []any { return args(into, &records[i]) })
	if err == nil && n < int64(len(records)) {
		err = billing.ErrExists
	}
	return err
}

// claim returns ErrExists if one of the ids of some records is that of a record which
// is not moved yet. Looking is not enough: one that another transaction writes, or
// moves, is waited for as only those are who write the same. So they are written, and
// taken back.
func (t *Tx) claim(records []usage.Record) error {
	form, err := t.readFrom()
	if err != nil || form != fromAll || len(records) == 0 {
		return err
	}
	err = t.insertAll(&insertsUnmoved, records, func(into []any, u *usage.Record) []any {
		return usageArgs(into, &usage.Record{CustomerID: u.CustomerID, ID: u.ID, Kind: "claim",
			Stamp: epoch, CountedOn: epoch, RecordedOn: epoch})
	})
	if err != nil {
		return err
	}
	for i := range records {
		if i > 0 && records[i].CustomerID == records[i-1].CustomerID {
			continue
		}
		if _, err := t.exec(deleteClaims, records[i].CustomerID.String(), "", instant(epoch)); err != nil {
			return err
		}
	}
	return nil
}

var epoch = time.UnixMicro(0)

// enter makes the entries of records that are to be stored, beside others that are to
// have none. It returns ErrExists if an id is that of another.
func (t *Tx) enter(records, alone []usage.Record) error {
	if err := t.claim(records); err != nil {
		return err
	}
	for i := range records {
		u := &records[i]
		if _, ok := madeOn(u.ID); !ok {
			continue
		}
		made, err := t.recordsMade(u.CustomerID, []string{u.ID})
		if err != nil {
			return err
		}
		same := func(other usage.Record) bool { return other.CustomerID == u.CustomerID && other.ID == u.ID }
		if len(made) > 0 || slices.ContainsFunc(alone, same) {
			return billing.ErrExists
		}
	}
	return t.insertAll(&insertRecordIDs, records, entryArgs)
}
