package sqlstore

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	selectUnfoldedDraws = `select ` + drawColumns + ` from draws
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and ` + unfolded

	deleteUnfoldedDraws = `delete from draws
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5) and ` + unfolded

	deleteDraws = `delete from draws
		where customer_id = $1 and feature_code = $2 and counted_on = $3 and record_id = $4`

	deleteLink = `delete from record_links where customer_id = $1 and record_id = $2`
)

// takeDraws takes away the draws of records that are all there are of a feature from the
// first to the last of them, and what they name.
func (t *Tx) takeDraws(gone []usage.Record) ([]drawRow, error) {
	for i := range gone {
		u := &gone[i]
		if !mayName(u) {
			continue
		}
		if _, err := t.exec(deleteLink, u.CustomerID.String(), u.ID); err != nil {
			return nil, err
		}
	}
	first, last := &gone[0], &gone[len(gone)-1]
	args := []any{first.CustomerID.String(), first.Feature, instant(first.CountedOn), instant(last.CountedOn), last.ID}
	taken, err := list(t.conn, scanDraw, selectUnfoldedDraws, args...)
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	n, err := t.exec(deleteUnfoldedDraws, args...)
	if err == nil && n != int64(len(taken)) {
		err = fmt.Errorf("%d draws are deleted to fold %d", n, len(taken))
	}
	return taken, err
}

// foldDraws has the record of a day draw what the records drew that it stands for. What
// was recorded when is as with the record.
func (t *Tx) foldDraws(whole *usage.Record, taken []drawRow) error {
	there, err := t.drawRows(whole.CustomerID, []usage.Record{*whole})
	if err != nil || len(taken)+len(there) == 0 {
		return err
	}
	type key struct{ source, pays usage.SourceID }
	sums := map[key]*big.Int{}
	for _, d := range slices.Concat(there, taken) {
		k := key{d.Source, d.Pays}
		if sums[k] == nil {
			sums[k] = new(big.Int)
		}
		sums[k].Add(sums[k], big.NewInt(int64(d.Units)))
	}
	var rows []drawRow
	for k, sum := range sums {
		if !sum.IsInt64() {
			return fmt.Errorf("what a day drew from %s sums to %v millionths, more than a draw holds", k.source, sum)
		}
		if sum.Sign() != 0 {
			rows = append(rows, drawRow{Drawn: usage.Drawn{
				Draw: usage.Draw{Source: k.source, Units: billing.Units(sum.Int64())}, Record: whole.ID, Pays: k.pays,
				CountedOn: whole.CountedOn, RecordedOn: whole.RecordedOn,
			}, customer: whole.CustomerID, feature: whole.Feature})
		}
	}
	slices.SortFunc(rows, func(a, b drawRow) int { return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Pays, b.Pays)) })
	for i := range rows {
		rows[i].place = int64(i)
	}
	if len(there) > 0 {
		if _, err := t.exec(deleteDraws, whole.CustomerID.String(), whole.Feature, instant(whole.CountedOn), whole.ID); err != nil {
			return err
		}
	}
	return t.insertDraws(rows)
}
