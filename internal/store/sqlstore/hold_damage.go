package sqlstore

import (
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	heldAs = `select hold_id || ' of ' || feature_code || ' is ' || state from holds where customer_id = $1`

	// Whoever closes a hold writes usage of its feature at that instant, which is when the
	// hold ends then. One that is closed and ends later is still among what is held.
	selectClosedLater = heldAs + ` and state <> 'open'
		and exists (select 1 from counters as c where customer_id = $1 and c.feature_code = holds.feature_code
			and c.window_start = ` + allTime + ` and c.changed_on < holds.expires_on)
		order by hold_id limit $2`

	// What was closed has its answer and what it counted; of a twin that may be nothing.
	// Programs that kept neither kept no window either.
	selectClosedOtherwise = heldAs + ` and not (case state
		when 'open' then closing = '' and confirmed is null
		when 'released' then case when closing = '' then confirmed is null and window_start is null else coalesce(confirmed, -1) = 0 end
		when 'confirmed' then case when closing = '' then confirmed is null and window_start is null
			else coalesce(confirmed, -1) >= (case when of_hold = '' then 1 else 0 end) end
		else 1 = 0 end)
		order by hold_id limit $2`

	// What a hold is confirmed with counts at the instant that it was made at, and is recorded
	// at that at which it was closed. Where the day is folded that cannot be seen.
	ofHold = `customer_id = $1 and r.feature_code = holds.feature_code and r.counted_on = holds.made_on
			and r.recorded_on = holds.expires_on and r.change = holds.confirmed
			and r.kind = (case when of_hold = '' then 'consumed' else 'burned' end))`
	aroundHold = `customer_id = $1 and r.feature_code = holds.feature_code and r.kind = 'folded'
			and r.counted_on between holds.made_on - 172800000000 and holds.made_on + 172800000000)`

	selectUncountedHolds = heldAs + ` and state = 'confirmed' and confirmed > 0
		and not exists (select 1 from records as r where ` + ofHold + `
		and not exists (select 1 from usage_records as r where ` + ofHold + `
		and not exists (select 1 from records as r where ` + aroundHold + `
		and not exists (select 1 from usage_records as r where ` + aroundHold + `
		order by hold_id limit $2`

	// A hold and its twin are closed together. Those that are over go one by one.
	selectLoneHolds = heldAs + ` and expires_on > $3 and twin || of_hold <> ''
		and not exists (select 1 from holds as t where customer_id = $1
			and t.hold_id = (case when holds.twin = '' then holds.of_hold else holds.twin end)
			and (case when holds.twin = '' then t.twin else t.of_hold end) = holds.hold_id
			and t.state = holds.state and t.expires_on = holds.expires_on and t.made_on = holds.made_on)
		order by hold_id limit $2`

	// It belongs to the window that it was made in.
	selectMadeOutside = heldAs + ` and not (made_on >= window_start and made_on < window_end) order by hold_id limit $2`

	// Whoever makes a hold or extends it writes usage of its feature at that instant.
	selectEndsLater = heldAs + ` and state = 'open'
		and exists (select 1 from counters as c where customer_id = $1 and c.feature_code = holds.feature_code
			and c.window_start = ` + allTime + ` and c.changed_on < holds.expires_on - 86400000000)
		order by hold_id limit $2`

	// A hold is found by its id alone, which begins as its customer's.
	selectMisnamedHolds = heldAs + ` and not (length(hold_id) = 69
		and substr(hold_id, 1, 37) = 'hold_' || substr(customer_id, 10)) order by hold_id limit $2`
)

// HoldDamage is as service.HoldReader says.
func (r *Reader) HoldDamage(customer billing.CustomerID, now time.Time) (found []string, err error) {
	for _, kind := range []struct{ query, says string }{
		{selectClosedLater, "%s, and ends later than anything of it was written: it is counted as held"},
		{selectClosedOtherwise, "%s, which is not how it was closed"},
		{selectUncountedHolds, "%s, and no usage record is of it"},
		{selectLoneHolds, "%s, and what is held with it is not, or not there"},
		{selectMadeOutside, "%s, and was made outside its window"},
		{selectEndsLater, "%s, and ends later than any hold can that was made or extended when something of it was last written"},
		{selectMisnamedHolds, "%s, and its id is not one of the customer's"},
	} {
		args := []any{customer.String(), mostDamage}
		if kind.query == selectLoneHolds {
			args = append(args, instant(now))
		}
		ids, err := list(r.conn, value[string], kind.query, args...)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found = append(found, fmt.Sprintf(kind.says, id))
		}
	}
	return found, nil
}
