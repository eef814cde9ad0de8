package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// How usage of a customer stands is one statement, which is one state of the store
// under any isolation: a row of each lane, all with what the customer is; one row if there
// is no lane. Of holds it looks at those that ended since the lane was told of them, in two
// parts as the sum of usage, and at the first that has not ended; where nothing was held,
// at none. Arguments are said anew where they are needed again: one that has its turn is
// quicker to bind.
const (
	standings = `select (select rev from revisions where name = 'catalog'), customers.rev, customers.deleted_on,
		counters.feature_code, counters.version, counters.rev, used, counters.changed_on, present_start, present_end, present_used, held, held_on,
		case when held <> 0 then (select cast(coalesce(sum(units / 1000000000), 0) as bigint) from holds where ` + lapsedHolds + `
			and expires_on <= case when counters.changed_on > $1 then counters.changed_on else $2 end) end,
		case when held <> 0 then (select cast(coalesce(sum(units % 1000000000), 0) as bigint) from holds where ` + lapsedHolds + `
			and expires_on <= case when counters.changed_on > $3 then counters.changed_on else $4 end) end,
		case when held <> 0 then (select min(expires_on) from holds where ` + sameFeature + `
			and expires_on > case when counters.changed_on > $5 then counters.changed_on else $6 end) end,
		case when $7 = 0 then 0 when exists (select 1 from counters as other
			where other.customer_id = counters.customer_id and other.feature_code = counters.feature_code
			and other.window_end > coalesce(counters.present_start, ` + allTime + `) and other.window_start > ` + allTime + `) then 1 else 0 end
		from customers left join counters on counters.customer_id = customers.customer_id`

	sameFeature = `holds.customer_id = counters.customer_id and holds.feature_code = counters.feature_code`
	lapsedHolds = sameFeature + ` and expires_on > coalesce(held_on, ` + allTime + `) and made_on >= present_start and made_on < present_end`

	selectStanding = standings + ` and counters.feature_code = $8 and window_end = $9 and window_start = $10
		where customers.customer_id = $11`

	// Their index has the lanes, without the windows that there were.
	selectStandings = standings + ` and counters.feature_code in
		(select feature_code from counters where customer_id = $8 and window_start = ` + allTime + `)
		and window_end = $9 and window_start = $10 where customers.customer_id = $11`
)

// standingRow is a row of how usage stands.
type standingRow struct {
	feature nullable[string]
	integer [16]nullable[int64]
}

func scanStandingRow(r row) (s standingRow, err error) {
	n := &s.integer
	return s, r.Scan(&n[0], &n[1], &n[2], &s.feature, &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10],
		&n[11], &n[12], &n[13], &n[14], &n[15])
}

// standingOf is the statement that answers an ask.
func standingOf(ask service.Ask) (query string, args []any, err error) {
	at, err := micros(ask.At)
	if err != nil {
		return "", nil, err
	}
	id := ask.Customer.String()
	query, which := selectStanding, string(ask.Feature)
	if which == "" {
		query, which = selectStandings, id
	}
	return query, []any{at, at, at, at, at, at, integer(ask.Others), which, int64(noEnd), int64(noStart), id}, nil
}

// standing is what the rows of the statement say.
func standing(customer billing.CustomerID, rows []standingRow) (s service.UsageStanding, err error) {
	for i := range rows {
		r := &rows[i]
		s.Revision = billing.Revision{Catalog: r.integer[0].value, Customer: r.integer[1].value}
		s.Deleted = r.integer[2].there
		if !r.feature.there {
			continue
		}
		lane, err := r.lane(customer)
		if err != nil {
			return s, fmt.Errorf("lane of %v: %w", customer, err)
		}
		s.Lanes = append(s.Lanes, lane)
	}
	slices.SortFunc(s.Lanes, func(a, b service.LaneStanding) int { return cmp.Compare(a.Feature, b.Feature) })
	return s, nil
}

func (s *standingRow) lane(customer billing.CustomerID) (l service.LaneStanding, err error) {
	n := s.integer[3:]
	at := func(i int) time.Time {
		if !n[i].there {
			return time.Time{}
		}
		return time.UnixMicro(n[i].value).UTC()
	}
	l.CustomerID, l.Feature, l.Used, l.ChangedOn = customer, billing.Code(s.feature.value), billing.Units(n[2].value), at(3)
	l.Lane = usage.Lane{Version: n[0].value, Facts: n[1].value, InWindow: billing.Units(n[6].value),
		Held: billing.Units(n[7].value), HeldOn: at(8)}
	if n[4].there && n[5].there {
		l.Lane.Window = new(billing.Window)
		err = errors.Join((*start)(&l.Lane.Window.Start).Scan(n[4].value), (*end)(&l.Lane.Window.End).Scan(n[5].value))
	}
	if n[9].value != 0 || n[10].value != 0 {
		sum := new(big.Int).Mul(big.NewInt(n[9].value), big.NewInt(1_000_000_000))
		l.Lapsed = cutUnits(sum.Add(sum, big.NewInt(n[10].value)))
	}
	l.NextEnd, l.Others = at(11), n[12].value != 0
	return l, err
}

// Standings is as service.Store says. Each is one statement, so none needs a
// transaction.
func (s *Store) Standings(ctx context.Context, asks ...service.Ask) (all []service.UsageStanding, err error) {
	rows := make([][]standingRow, len(asks))
	err = s.retry(ctx, func() error {
		if s.together == nil {
			return s.standEach(ctx, asks, rows)
		}
		return s.standTogether(ctx, asks, rows)
	})
	if err != nil {
		return nil, err
	}
	all = make([]service.UsageStanding, len(asks))
	for i, ask := range asks {
		if all[i], err = standing(ask.Customer, rows[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) standEach(ctx context.Context, asks []service.Ask, into [][]standingRow) (err error) {
	for i, ask := range asks {
		query, args, err := standingOf(ask)
		if err != nil {
			return err
		}
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
		if st.Query, st.Args, err = standingOf(ask); err != nil {
			return err
		}
		if err = checkArgs(st.Args); err != nil {
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
