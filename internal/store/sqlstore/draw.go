package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// What records draw stands beside them, under the same place; so does which other records
// they name. Of a record that does neither nothing is written or read here.
const (
	drawColumns   = `customer_id, feature_code, counted_on, record_id, source, pays, place, units, recorded_on`
	linkColumns   = `customer_id, record_id, feature_code, counted_on, corrects, of_record`
	sourceColumns = `customer_id, feature_code, source, drawn`

	insertDraw = `insert into draws (` + drawColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (customer_id, feature_code, counted_on, record_id, source, pays) do nothing`

	insertLink = `insert into record_links (` + linkColumns + `) values ($1, $2, $3, $4, $5, $6)
		on conflict (customer_id, record_id) do nothing`

	upsertSource = `insert into sources (` + sourceColumns + `) values ($1, $2, $3, $4)
		on conflict (customer_id, feature_code, source) do update set drawn = excluded.drawn`

	selectSources = `select ` + sourceColumns + ` from sources where customer_id = $1 order by feature_code, source`

	selectSourcesOf = `select ` + sourceColumns + ` from sources where customer_id = $1 and feature_code = $2 order by source`

	selectDraws = `select ` + drawColumns + ` from draws
		where customer_id = $1 and feature_code = $2 and counted_on = $3 and record_id = $4`

	drawsOf     = `select ` + drawColumns + ` from draws where customer_id = $1 and feature_code = $2`
	drawsAfter  = drawsOf + ` and (counted_on, record_id, source, pays) > ($3, $4, $5, $6) order by counted_on, record_id, source, pays limit $7`
	drawsBefore = drawsOf + ` and (counted_on, record_id, source, pays) < ($3, $4, $5, $6)
		order by counted_on desc, record_id desc, source desc, pays desc limit $7`
	sourceAfter  = drawsOf + ` and source = $3 and (counted_on, record_id, pays) > ($4, $5, $6) order by counted_on, record_id, pays limit $7`
	sourceBefore = drawsOf + ` and source = $3 and (counted_on, record_id, pays) < ($4, $5, $6)
		order by counted_on desc, record_id desc, pays desc limit $7`

	// In two parts, as the sum of usage.
	drawSum = `cast(coalesce(sum(units / 1000000000), 0) as bigint), cast(coalesce(sum(units % 1000000000), 0) as bigint) from draws
		where customer_id = $1 and feature_code = $2`

	selectDrawSums = `select source, pays, ` + drawSum + ` and counted_on >= $3 and counted_on < $4 and recorded_on <= $5
		group by source, pays`

	selectDrawSumsOf = `select source, pays, ` + drawSum + ` and source = $3 and counted_on >= $4 and counted_on < $5 and recorded_on <= $6
		group by source, pays`

	selectPaid = `select ` + drawSum + ` and pays = $3 and pays <> '' and counted_on >= $4 and counted_on < $5 and recorded_on <= $6`

	selectLink = `select ` + linkColumns + ` from record_links where customer_id = $1 and record_id = $2`

	selectCorrections = `select ` + usageColumns + ` from records
		where customer_id = $1 and (feature_code, counted_on, record_id) in
		(select feature_code, counted_on, record_id from record_links where customer_id = $1 and corrects = $2 and corrects <> '')`

	selectBurnedSum = `select cast(coalesce(sum(change / 1000000000), 0) as bigint), cast(coalesce(sum(change % 1000000000), 0) as bigint)
		from records where customer_id = $1 and feature_code = $2 and counted_on >= $4 and counted_on < $5 and record_id in
		(select record_id from record_links where customer_id = $1 and of_record <> '' and of_record in
		(select record_id from records where customer_id = $1 and feature_code = $3 and counted_on >= $4 and counted_on < $5))`

	selectTwin = `select ` + usageColumns + ` from records
		where customer_id = $1 and (feature_code, counted_on, record_id) in
		(select feature_code, counted_on, record_id from record_links where customer_id = $1 and of_record = $2 and of_record <> '')`
)

var (
	insertDraws     = manyRows(insertDraw)
	insertLinks     = manyRows(insertLink)
	upsertSources   = manyRows(upsertSource)
	selectDrawsOf   = manyLookups(selectDraws)
	selectDrawnSums = manyLookups(selectDrawSumsOf)
	selectLinks     = manyLookups(selectLink)
	selectTwins     = manyLookups(selectTwin)
)

// drawRow is a row of draws.
type drawRow struct {
	usage.Drawn
	customer billing.CustomerID
	feature  billing.Code
	place    int64
}

func scanDraw(r row) (d drawRow, err error) {
	return d, r.Scan(customerColumn(&d.customer), &d.feature, (*instant)(&d.CountedOn), &d.Record, &d.Source, &d.Pays, &d.place,
		&d.Units, (*instant)(&d.RecordedOn))
}

func drawArgs(into []any, d *drawRow) []any {
	return append(into, d.customer.String(), d.feature, instant(d.CountedOn), d.Record, d.Source, d.Pays, d.place, d.Units,
		instant(d.RecordedOn))
}

// drawn are the draws that rows are of.
func drawn(rows []drawRow) []usage.Drawn {
	if len(rows) == 0 {
		return nil
	}
	out := make([]usage.Drawn, len(rows))
	for i := range rows {
		out[i] = rows[i].Drawn
	}
	return out
}

// Draws is as service.DrawReader says.
func (r *Reader) Draws(customer billing.CustomerID, records []usage.Record) ([]usage.Drawn, error) {
	rows, err := r.drawRows(customer, records)
	return drawn(rows), err
}

func (r *Reader) drawRows(customer billing.CustomerID, records []usage.Record) ([]drawRow, error) {
	rows, err := listRows(r.conn, scanDraw, &selectDrawsOf, len(records), func(into []any, i int) []any {
		u := &records[i]
		return append(into, customer.String(), u.Feature, instant(u.CountedOn), u.ID)
	})
	slices.SortFunc(rows, func(a, b drawRow) int {
		return cmp.Or(a.CountedOn.Compare(b.CountedOn), cmp.Compare(a.Record, b.Record), cmp.Compare(a.place, b.place))
	})
	return rows, err
}

// DrawsOf is as service.DrawReader says.
func (r *Reader) DrawsOf(
	customer billing.CustomerID, feature billing.Code, source usage.SourceID, page service.Page[service.DrawCursor],
) ([]usage.Drawn, bool, error) {
	queries, at := [2]string{drawsAfter, drawsBefore}, page.After
	if source != "" {
		queries = [2]string{sourceAfter, sourceBefore}
	}
	query := queries[0]
	if page.Before != nil {
		query, at = queries[1], page.Before
	}
	args := []any{customer.String(), feature}
	if source != "" {
		args = append(args, source)
	}
	switch {
	case at == nil && source != "":
		args = append(args, start{}, "", "")
	case at == nil:
		args = append(args, start{}, "", "", "")
	case source != "":
		args = append(args, instant(at.CountedOn), at.Record, at.Pays)
	default:
		args = append(args, instant(at.CountedOn), at.Record, at.Source, at.Pays)
	}
	rows, err := list(r.conn, scanDraw, query, append(args, limitOf(page))...)
	if err != nil {
		return nil, false, err
	}
	found, more := cut(drawn(rows), page)
	return found, more, nil
}

func scanDrawnSum(r row) (d usage.DrawnSum, err error) {
	var high, low int64
	if err := r.Scan(&d.Source, &d.Pays, &high, &low); err != nil {
		return d, err
	}
	d.Units = cutUnits(joined(high, low))
	return d, nil
}

func compareSums(a, b usage.DrawnSum) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Pays, b.Pays))
}

// SumDraws is as service.DrawReader says.
func (r *Reader) SumDraws(
	customer billing.CustomerID, feature billing.Code, w billing.Window, recordedBy time.Time,
) ([]usage.DrawnSum, error) {
	sums, err := list(r.conn, scanDrawnSum, selectDrawSums, customer.String(), feature, start(w.Start), end(w.End), end(recordedBy))
	slices.SortFunc(sums, compareSums)
	return sums, err
}

// SumDrawsOf is as service.DrawReader says.
func (r *Reader) SumDrawsOf(
	customer billing.CustomerID, feature billing.Code, sources []usage.SourceID, w billing.Window, recordedBy time.Time,
) ([]usage.DrawnSum, error) {
	sums, err := listRows(r.conn, scanDrawnSum, &selectDrawnSums, len(sources), func(into []any, i int) []any {
		return append(into, customer.String(), feature, sources[i], start(w.Start), end(w.End), end(recordedBy))
	})
	slices.SortFunc(sums, compareSums)
	return sums, err
}

// SumPaid is as service.DrawReader says.
func (r *Reader) SumPaid(
	customer billing.CustomerID, feature billing.Code, grant usage.SourceID, w billing.Window, recordedBy time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectPaid, customer.String(), feature, grant, start(w.Start), end(w.End), end(recordedBy))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// SumBurned is as service.DrawReader says. Before an upgrade is finished nothing burns, so
// all twins are in the first place.
func (r *Reader) SumBurned(customer billing.CustomerID, pool, by billing.Code, w billing.Window) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectBurnedSum, customer.String(), pool, by, start(w.Start), end(w.End))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

func scanSource(r row) (s usage.SourceSum, err error) {
	return s, r.Scan(customerColumn(&s.CustomerID), &s.Feature, &s.Source, &s.Drawn)
}

// Sources is as service.DrawReader says.
func (r *Reader) Sources(customer billing.CustomerID, feature billing.Code) ([]usage.SourceSum, error) {
	if feature == "" {
		return list(r.conn, scanSource, selectSources, customer.String())
	}
	return list(r.conn, scanSource, selectSourcesOf, customer.String(), feature)
}

// PutSources is as service.DrawTx says.
func (t *Tx) PutSources(sums ...usage.SourceSum) error {
	for i := range sums {
		if err := t.requireMeter(sums[i].CustomerID, sums[i].Feature); err != nil {
			return err
		}
	}
	customer := func(i int) billing.CustomerID { return sums[i].CustomerID }
	_, err := t.insertRowsOf(customer, &upsertSources, len(sums), func(into []any, i int) []any {
		s := &sums[i]
		return append(into, s.CustomerID.String(), s.Feature, s.Source, s.Drawn)
	})
	return err
}

// Corrections is as service.DrawReader says.
func (r *Reader) Corrections(customer billing.CustomerID, id string) ([]usage.Record, error) {
	found, err := list(r.conn, scanUsageRecord, selectCorrections, customer.String(), id)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b usage.Record) int {
		return cmp.Or(a.CountedOn.Compare(b.CountedOn), cmp.Compare(a.ID, b.ID))
	})
	return found, r.link(found)
}

// Twins is as service.DrawReader says.
func (r *Reader) Twins(customer billing.CustomerID, ids []string) ([]usage.Record, error) {
	found, err := listRows(r.conn, scanUsageRecord, &selectTwins, len(ids), func(into []any, i int) []any {
		return append(into, customer.String(), ids[i])
	})
	if err != nil {
		return nil, err
	}
	return found, r.link(found)
}

// names reports whether a record says which others it is about.
func names(u *usage.Record) bool { return u.Corrects != "" || u.Of != "" }

// mayName reports whether a record can say it. Of all others nothing is looked up.
func mayName(u *usage.Record) bool {
	return u.Kind == usage.Burned || u.Kind == usage.Delta && u.Value < 0
}

// checkDraws returns what is wrong with the draws of a record that is to be stored, and
// with what it names. Whoever made it is wrong.
func checkDraws(u *usage.Record) error {
	fail := func(says string) error { return fmt.Errorf("usage record %q of %s %s", u.ID, u.Feature, says) }
	if names(u) && !mayName(u) {
		return fail("names another, as one of its kind cannot")
	}
	if u.Of != "" && u.Kind != usage.Burned {
		return fail("is a twin, and not of the kind of one")
	}
	if (u.Kind == usage.Debt) != (u.Pays != "") || u.Pays != "" && len(u.Draws) == 0 {
		return fail("does not say what it pays, and with what")
	}
	for i, d := range u.Draws {
		if d.Source == "" || d.Units == 0 {
			return fail("draws nothing, or of nothing")
		}
		if slices.ContainsFunc(u.Draws[:i], func(other usage.Draw) bool { return other.Source == d.Source }) {
			return fail("draws from a source twice")
		}
	}
	return nil
}

// createDraws stores what records draw and name.
func (t *Tx) createDraws(records []usage.Record) error {
	var rows []drawRow
	var linked []usage.Record
	for i := range records {
		u := &records[i]
		for place, d := range u.Draws {
			rows = append(rows, drawRow{usage.Drawn{Draw: d, Record: u.ID, CountedOn: u.CountedOn, RecordedOn: u.RecordedOn, Pays: u.Pays},
				u.CustomerID, u.Feature, int64(place)})
		}
		if names(u) {
			linked = append(linked, *u)
		}
	}
	if err := t.insertDraws(rows); err != nil {
		return err
	}
	err := t.insertAll(&insertLinks, linked, func(into []any, u *usage.Record) []any {
		return append(into, u.CustomerID.String(), u.ID, u.Feature, instant(u.CountedOn), u.Corrects, u.Of)
	})
	if errors.Is(err, billing.ErrExists) {
		err = errors.New("a usage record that is new was linked before")
	}
	return err
}

func (t *Tx) insertDraws(rows []drawRow) error {
	customer := func(i int) billing.CustomerID { return rows[i].customer }
	n, err := t.insertRowsOf(customer, &insertDraws, len(rows), func(into []any, i int) []any { return drawArgs(into, &rows[i]) })
	if err == nil && n < int64(len(rows)) {
		err = errors.New("a usage record that is new has drawn before")
	}
	return err
}

// link completes records of one customer by what they name.
func (r *Reader) link(records []usage.Record) error {
	var some []int
	for i := range records {
		if mayName(&records[i]) {
			some = append(some, i)
		}
	}
	links, err := listRows(r.conn, scanLink, &selectLinks, len(some), func(into []any, i int) []any {
		u := &records[some[i]]
		return append(into, u.CustomerID.String(), u.ID)
	})
	if err != nil || len(links) == 0 {
		return err
	}
	of := make(map[string]*usage.Record, len(links))
	for i := range links {
		of[links[i].ID] = &links[i]
	}
	for _, i := range some {
		if l := of[records[i].ID]; l != nil {
			records[i].Corrects, records[i].Of = l.Corrects, l.Of
		}
	}
	return nil
}

// scanLink reads of a record its place and what it names.
func scanLink(r row) (u usage.Record, err error) {
	return u, r.Scan(customerColumn(&u.CustomerID), &u.ID, &u.Feature, (*instant)(&u.CountedOn), &u.Corrects, &u.Of)
}
