package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	// Records that no entry has the place of, with whether one has their id.
	selectUnentered = `select feature_code, counted_on, record_id,
		(select count(*) from record_ids as e where customer_id = $1 and e.record_id = records.record_id)
		from records where customer_id = $1 and (feature_code, counted_on, record_id) > ($2, $3, $4)
		and not exists (select 1 from record_ids as e where customer_id = $1 and e.record_id = records.record_id
			and e.feature_code = records.feature_code and e.counted_on = records.counted_on)
		order by feature_code, counted_on, record_id limit $5`

	selectLostEntries = `select record_id from record_ids
		where customer_id = $1 and not exists (select 1 from records as r where customer_id = $1
			and r.feature_code = record_ids.feature_code and r.counted_on = record_ids.counted_on
			and r.record_id = record_ids.record_id)
		order by record_id limit $2`

	selectLostDraws = `select record_id from draws
		where customer_id = $1 and not exists (select 1 from records as r where customer_id = $1
			and r.feature_code = draws.feature_code and r.counted_on = draws.counted_on and r.record_id = draws.record_id)
		group by record_id order by record_id limit $2`

	selectLostLinks = `select record_id from record_links
		where customer_id = $1 and not exists (select 1 from records as r where customer_id = $1
			and r.feature_code = record_links.feature_code and r.counted_on = record_links.counted_on
			and r.record_id = record_links.record_id)
		order by record_id limit $2`

	selectTwicePlaced = `select record_id from usage_records
		where customer_id = $1 and exists (
			select 1 from record_ids as e where customer_id = $1 and e.record_id = usage_records.record_id
			union all
			select 1 from records as r where customer_id = $1 and r.feature_code = usage_records.feature_code
			and r.counted_on = usage_records.counted_on and r.record_id = usage_records.record_id)
		order by record_id limit $2`
)

const (
	// What records or holds are counted and decided by.
	withoutLane = ` and not exists (select 1 from counters as c where customer_id = $1 and c.feature_code = `

	selectUncounted = `select feature_code from records where customer_id = $1` + withoutLane + `records.feature_code
		and c.window_start = ` + allTime + `) group by feature_code order by feature_code limit $2`

	selectHeldUncounted = `select feature_code from holds where customer_id = $1` + withoutLane + `holds.feature_code
		and c.window_start = ` + allTime + `) group by feature_code order by feature_code limit $2`

	// What a reading changes follows from what was there before it, and one that is folded is
	// of many. A correction that is said by others, one for each record that it is of, changes
	// nothing.
	selectChangedOtherwise = `select record_id from records
		where customer_id = $1 and value <> change and kind in ('delta', 'consumed') and not (change = 0 and value < 0)
		order by feature_code, counted_on, record_id limit $2`

	// What of a record follows from what is beside it: the id of a folded one, whose twin a
	// burned one is, and when what it drew was recorded.
	selectKindOtherwise = `select record_id from records
		where customer_id = $1 and (kind not in ('delta', 'absolute', 'consumed', 'folded', 'burned', 'debt')
			or (kind = 'folded') <> (substr(record_id, 1, 7) = '` + usage.FoldedPrefix + `')
			or (kind = 'burned') <> (exists (select 1 from record_links as l where customer_id = $1
				and l.record_id = records.record_id and l.of_record <> '')))
		order by feature_code, counted_on, record_id limit $2`

	selectDrawnOtherwise = `select record_id from draws
		where customer_id = $1 and exists (select 1 from records as r where customer_id = $1
			and r.feature_code = draws.feature_code and r.counted_on = draws.counted_on and r.record_id = draws.record_id
			and r.recorded_on <> draws.recorded_on)
		group by record_id order by record_id limit $2`
)

const (
	// Who writes usage or holds of a feature says so on its counter, which says up to when an
	// answer knows of all. A folded record is of a whole day.
	selectWrittenLater = `select feature_code from counters where customer_id = $1 and window_start = ` + allTime + ` and not (
		not exists (select 1 from records as r where customer_id = $1 and r.feature_code = counters.feature_code
			and r.recorded_on > counters.changed_on and r.kind <> 'folded')
		and not exists (select 1 from holds as h where customer_id = $1 and h.feature_code = counters.feature_code
			and h.made_on > counters.changed_on))
		order by feature_code limit $2`

	// billing.MaxAhead is how far ahead of now usage may be that is reported.
	selectRecordedBefore = `select record_id from records where customer_id = $1 and kind <> 'folded'
		and not (stamp <= recorded_on + 300000000 and counted_on <= recorded_on + 300000000)
		order by feature_code, counted_on, record_id limit $2`
)

// unentered is the place of a record without an entry.
type unentered struct {
	feature billing.Code
	counted time.Time
	id      string
	others  int64 // entries with its id
}

func scanUnentered(r row) (u unentered, err error) {
	return u, r.Scan(&u.feature, (*instant)(&u.counted), &u.id, &u.others)
}

// mostDamage is how many findings of a kind are told of one customer.
const mostDamage = 10

// UsageDamage is as service.UsageReader says.
func (r *Reader) UsageDamage(customer billing.CustomerID) (found []string, err error) {
	if found, err = r.unenteredRecords(customer); err != nil {
		return nil, err
	}
	for _, kind := range []struct{ query, says string }{
		{selectLostEntries, "the id %q is taken by a usage record that is not there"},
		{selectLostDraws, "usage record %q, which has drawn, is not there"},
		{selectLostLinks, "usage record %q, which corrects another or is its twin, is not there"},
		{selectTwicePlaced, "usage record %q is in two tables"},
		{selectUncounted, "there are usage records of %q and no counter of them"},
		{selectHeldUncounted, "there are holds of %q and no counter of it"},
	} {
		ids, err := list(r.conn, value[string], kind.query, customer.String(), mostDamage)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found = append(found, fmt.Sprintf(kind.says, id))
		}
	}
	form, err := r.readFrom()
	if err != nil || form != fromFirst {
		return found, err
	}
	left, err := one(r.conn, value[billing.Code], selectUnmovedFeature, customer.String())
	if errors.Is(err, billing.ErrNotFound) {
		return found, nil
	}
	return append(found, fmt.Sprintf("usage of %s is where the version before kept it, and not counted: all is moved", left)), err
}

// ValueDamage is as service.UsageReader says.
func (r *Reader) ValueDamage(customer billing.CustomerID) (found []string, err error) {
	for _, kind := range []struct{ query, says string }{
		{selectChangedOtherwise, "usage record %q says that it is of another amount than it counts"},
		{selectKindOtherwise, "usage record %q says that it is of another kind than it is"},
		{selectWrittenLater, "usage or a hold was written after the counter of %s says that any was"},
		{selectRecordedBefore, "usage record %q says that it happened after it was recorded"},
		{selectDrawnOtherwise, "usage record %q says that it was recorded at another instant than what it drew"},
	} {
		ids, err := list(r.conn, value[string], kind.query, customer.String(), mostDamage)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found = append(found, fmt.Sprintf(kind.says, id))
		}
	}
	return found, nil
}

// unenteredRecords are findings on records in the first place that can be found by
// their id in no way, or not alone.
func (r *Reader) unenteredRecords(customer billing.CustomerID) (found []string, err error) {
	const page = 1000
	last := unentered{counted: time.UnixMicro(noStart)}
	for len(found) < mostDamage {
		rows, err := list(r.conn, scanUnentered, selectUnentered,
			customer.String(), last.feature, instant(last.counted), last.id, page)
		if err != nil {
			return nil, err
		}
		for _, u := range rows {
			switch on, ok := madeOn(u.id); {
			case u.others > 0:
				found = append(found, fmt.Sprintf("two usage records have the id %q", u.id))
			case !ok || on.UnixMilli() != u.counted.UnixMilli():
				found = append(found, fmt.Sprintf("the id of usage record %q is not taken", u.id))
			}
			last = u
		}
		if len(rows) < page {
			break
		}
	}
	return found[:min(len(found), mostDamage)], nil
}
