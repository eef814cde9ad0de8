package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// How usage of a customer stands is one statement, which is one state of the store
// under any isolation: a row of the customer, and one of each lane. They share columns:
// the kind of row, a feature and fourteen integers. Of holds it looks at those that ended
// since the lane was told of them, in two parts as the sum of usage, and at the first
// that has not ended, if the lane was told of any. Arguments are said anew where they are
// needed again: one that has its turn is quicker to bind. So is an integer to read that
// cannot be null.
const (
	standings = `select 0, '', coalesce((select rev from revisions where name = 'catalog'), 0), rev, coalesce(deleted_on, ` + none + `),
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 from customers where customer_id = $1
	union all
	select 1, feature_code, version, rev, used, coalesce(changed_on, ` + none + `), coalesce(present_start, ` + none + `),
		coalesce(present_end, ` + none + `), present_used, held, coalesce(held_on, ` + none + `),
		case when held = 0 then 0 else (select cast(coalesce(sum(units / 1000000000), 0) as bigint) from holds where ` + lapsedHolds + `
			and expires_on <= case when changed_on > $2 then changed_on else $3 end) end,
		case when held = 0 then 0 else (select cast(coalesce(sum(units % 1000000000), 0) as bigint) from holds where ` + lapsedHolds + `
			and expires_on <= case when changed_on > $4 then changed_on else $5 end) end,
		case when held = 0 then ` + none + ` else (select coalesce(min(expires_on), ` + none + `) from holds where ` + sameFeature + `
			and expires_on > case when changed_on > $6 then changed_on else $7 end) end,
		case when exists (select 1 from counters as other
			where other.customer_id = counters.customer_id and other.feature_code = counters.feature_code
			and other.window_end > coalesce(counters.present_start, ` + allTime + `) and other.window_start > ` + allTime + `) then 1 else 0 end,
		pooled from counters where customer_id = $8`

	// none is a time that is not there; the least there is, is that of all time.
	none = `-9223372036854775807`

	sameFeature = `holds.customer_id = counters.customer_id and holds.feature_code = counters.feature_code`
	lapsedHolds = sameFeature + ` and expires_on > coalesce(held_on, ` + allTime + `) and made_on >= present_start and made_on < present_end`

	selectStanding = standings + ` and feature_code = $9 and window_end = $10 and window_start = $11`

	// Their index has the lanes, without the windows that there were.
	selectStandings = standings + ` and feature_code in (select feature_code from counters where customer_id = $9 and window_start = ` + allTime + `)
		and window_end = $10 and window_start = $11`
)

const noTime = -1<<63 + 1 // none, as it is read

// standingRow is a row of how usage stands.
type standingRow struct {
	kind    int64
	feature billing.Code
	integer [14]int64
}

func scanStandingRow(r row) (s standingRow, err error) {
	n := &s.integer
	return s, r.Scan(&s.kind, &s.feature, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10],
		&n[11], &n[12], &n[13])
}

// standingOf is the statement that answers an ask.
func standingOf(ask service.Ask) (query string, args []any) {
	id, at := ask.Customer.String(), instant(ask.At)
	query, which := selectStanding, string(ask.Feature)
	if which == "" {
		query, which = selectStandings, id
	}
	return query, []any{id, at, at, at, at, at, at, id, which, end{}, start{}}
}

// standing is what the rows of the statement say.
func standing(customer billing.CustomerID, rows []standingRow) (s service.UsageStanding, err error) {
	found := false
	for i := range rows {
		r := &rows[i]
		if r.kind == 0 {
			found = true
			s.Revision = billing.Revision{Catalog: r.integer[0], Customer: r.integer[1]}
			s.Deleted = r.integer[2] != noTime
			continue
		}
		lane, err := r.lane(customer)
		if err != nil {
			return s, fmt.Errorf("lane of %v: %w", customer, err)
		}
		s.Lanes = append(s.Lanes, lane)
	}
	if !found && len(s.Lanes) > 0 {
		return s, fmt.Errorf("%v has lanes and is not there", customer)
	}
	slices.SortFunc(s.Lanes, func(a, b service.LaneStanding) int { return cmp.Compare(a.Feature, b.Feature) })
	return s, nil
}

func (s *standingRow) lane(customer billing.CustomerID) (l service.LaneStanding, err error) {
	n := &s.integer
	at := func(i int) time.Time {
		if n[i] == noTime {
			return time.Time{}
		}
		return time.UnixMicro(n[i]).UTC()
	}
	l.CustomerID, l.Feature, l.Used, l.ChangedOn = customer, s.feature, billing.Units(n[2]), at(3)
	l.Lane = usage.Lane{Version: n[0], Facts: n[1], InWindow: billing.Units(n[6]),
		Held: billing.Units(n[7]), HeldOn: at(8), Pooled: n[13] != 0}
	if n[4] != noTime && n[5] != noTime {
		l.Lane.Window = new(billing.Window)
		err = errors.Join((*start)(&l.Lane.Window.Start).Scan(n[4]), (*end)(&l.Lane.Window.End).Scan(n[5]))
	}
	l.Lapsed = cutUnits(joined(n[9], n[10]))
	l.NextEnd, l.Others = at(11), n[12] != 0
	return l, err
}

// Standings is as service.Store says. Each is one statement, so none needs a
// transaction. Who asks shares what it is answered with others that ask the same.
func (s *Store) Standings(ctx context.Context, asks ...service.Ask) ([]service.UsageStanding, error) {
	all := make([]service.UsageStanding, len(asks))
	var at []int // of those that are read
	for i, ask := range asks {
		var ok bool
		if all[i], ok = s.recall.get(ask); !ok {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return all, nil
	}
	reading, moves, rows := make([]service.Ask, len(at)), make([]uint64, len(at)), make([][]standingRow, len(at))
	for i, n := range at {
		reading[i], moves[i] = asks[n], s.recall.moves(asks[n].Customer)
	}
	err := s.retry(ctx, func() error {
		if s.together == nil {
			return s.standEach(ctx, reading, rows)
		}
		return s.standTogether(ctx, reading, rows)
	})
	if err != nil {
		return nil, err
	}
	for i, n := range at {
		if all[n], err = standing(reading[i].Customer, rows[i]); err != nil {
			return nil, err
		}
		s.recall.put(reading[i], moves[i], all[n])
	}
	return all, nil
}

func (s *Store) standEach(ctx context.Context, asks []service.Ask, into [][]standingRow) (err error) {
	for i, ask := range asks {
		query, args := standingOf(ask)
		if into[i], err = list(s.reader.single(ctx), scanStandingRow, query, args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) standTogether(ctx context.Context, asks []service.Ask, into [][]standingRow) (err error) {
	statements := make([]Statement, len(asks))
	for i, ask := range asks {
		st := &statements[i]
		st.Query, st.Args = standingOf(ask)
		if st.Args, err = plain(st.Args); err != nil {
			return err
		}
		into[i] = into[i][:0]
		st.Row = func(r row) error {
			found, err := scanStandingRow(r)
			into[i] = append(into[i], found)
			return err
		}
	}
	_, err = s.reader.batch(ctx, s.together, nil, statements)
	return err
}
