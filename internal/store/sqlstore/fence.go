package sqlstore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// Where statements go together in one trip, a change is one statement: what is made of
// the lane feeds all else, so that it is there if the lane was as it was thought to be.
// Lists are arrays, so that there are few texts. An id that is taken is an error on
// purpose, as are two of the catalog: see docs/decisions/0025.
const (
	fenceKeys = ` and not exists (select 1 from answers where answers.customer_id = $8 and answer_key = any(cast($20 as text[])))`

	fenceRecords = `, recorded as (insert into records (` + usageColumns + `)
		select lane.customer_id, made.record_id, lane.feature_code, made.kind, made.value, made.change, made.stamp, made.counted_on,
		made.recorded_on, made.actor from lane, unnest(cast($20 as text[]), cast($21 as text[]), cast($22 as bigint[]), cast($23 as bigint[]),
		cast($24 as bigint[]), cast($25 as bigint[]), cast($26 as bigint[]), cast($27 as text[]))
		as made (record_id, kind, value, change, stamp, counted_on, recorded_on, actor))`

	// Of one record, which is what most changes have, there are no arrays to be taken apart.
	fenceRecord = `, recorded as (insert into records (` + usageColumns + `)
		select lane.customer_id, cast($20 as text), lane.feature_code, cast($21 as text), cast($22 as bigint), cast($23 as bigint),
		cast($24 as bigint), cast($25 as bigint), cast($26 as bigint), cast($27 as text) from lane)`

	fenceEntry = `, entered as (insert into record_ids (customer_id, record_id, feature_code, counted_on)
		select lane.customer_id, cast($20 as text), lane.feature_code, cast($25 as bigint) from lane)`

	fenceEntries = `, entered as (insert into record_ids (customer_id, record_id, feature_code, counted_on)
		select lane.customer_id, made.record_id, lane.feature_code, made.counted_on
		from lane, unnest(cast($20 as text[]), cast($21 as bigint[])) as made (record_id, counted_on))`

	fenceAnswers = `, answered as (insert into answers (` + writtenAnswer + `)
		select lane.customer_id, made.answer_key, made.fingerprint, made.created_on, made.status, made.body, made.revision, made.digest
		from lane, unnest(cast($20 as text[]), cast($21 as bytea[]), cast($22 as bigint[]), cast($23 as bigint[]), cast($24 as bytea[]),
		cast($25 as text[]), cast($26 as text[])) as made (answer_key, fingerprint, created_on, status, body, revision, digest))`

	fenceWindows = `, counted as (insert into counters (` + counterColumns + `)
		select lane.customer_id, lane.feature_code, made.window_start, made.window_end, made.used, made.changed_on
		from lane, unnest(cast($20 as bigint[]), cast($21 as bigint[]), cast($22 as bigint[]), cast($23 as bigint[]))
		as made (window_start, window_end, used, changed_on)
		on conflict (customer_id, feature_code, window_end, window_start) do update
		set used = excluded.used, changed_on = excluded.changed_on)`

	// In READ COMMITTED it sees what has been committed while those before it waited.
	guardCatalog = `select 1 / count(*) from revisions where name = 'catalog' and rev = $1`
)

// fence is the statement of a change with some of records, entries of them, answers and
// windows.
type fence uint8

const (
	withRecords fence = 1 << iota
	withEntries
	withAnswers
	withWindows
	single // the records are one
)

// laneParameters is how many the update of a lane has. Those of what goes with it are
// counted from there.
const laneParameters = 19

var fences = func() (all [32]string) {
	for shape := range fence(len(all)) {
		var keys string
		var rest strings.Builder
		next := laneParameters + 1
		add := func(part string, parameters int) {
			rest.WriteString(renumber(part, next-laneParameters-1))
			next += parameters
		}
		switch records := shape & (withRecords | withEntries | single); records {
		case withRecords | single:
			add(fenceRecord, 8)
		case withRecords | withEntries | single: // which has no parameters of its own
			add(fenceRecord+fenceEntry, 8)
		case withRecords, withRecords | withEntries:
			add(fenceRecords, 8)
			if records != withRecords {
				add(fenceEntries, 2)
			}
		case 0:
		default: // there are no entries without records
			continue
		}
		if shape&withAnswers != 0 {
			keys = renumber(fenceKeys, next-laneParameters-1)
			add(fenceAnswers, 7)
		}
		if shape&withWindows != 0 {
			add(fenceWindows, 4)
		}
		all[shape] = `with lane as (` + updateLane + keys + ` returning customer_id, feature_code)` + rest.String() + ` select count(*) from lane`
	}
	return all
}()

// renumber adds to the numbers of the parameters that are behind those of a lane.
func renumber(part string, by int) string {
	var b strings.Builder
	for i, text := range strings.Split(part, "$") {
		if i > 0 {
			rest := strings.TrimLeft(text, "0123456789")
			n, _ := strconv.Atoi(text[:len(text)-len(rest)])
			if n > laneParameters {
				n += by
			}
			b.WriteString("$" + strconv.Itoa(n))
			text = rest
		}
		b.WriteString(text)
	}
	return b.String()
}

// fenced is the statement of a change.
func fenced(c *service.LaneChange) (query string, args []any, err error) {
	var shape fence
	if args, err = laneArgs(&c.Lane); err != nil {
		return "", nil, err
	}
	entered := slices.Collect(entries(c))
	if len(entered) > 0 {
		shape |= withEntries
	}
	switch len(c.Records) {
	case 0:
	case 1:
		shape |= withRecords | single
		u := &c.Records[0]
		args = append(args, u.ID, string(u.Kind), int64(u.Value), int64(u.Change), u.Stamp.UnixMicro(), countedOn(u), u.RecordedOn.UnixMicro(), string(u.By))
	default:
		shape |= withRecords
		args = append(args, recordArrays(c.Records)...)
		if len(entered) > 0 {
			args = append(args, column(entered, recordID), column(entered, countedOn))
		}
	}
	if len(c.Answers) > 0 {
		shape |= withAnswers
		args = append(args, answerArrays(c.Answers)...)
	}
	if len(c.Windows) > 0 {
		shape |= withWindows
		args = append(args, windowArrays(c.Windows)...)
	}
	args, err = plain(args)
	return fences[shape], args, err
}

// column is what one field of some records is, as an array.
func column[R, V any](records []R, field func(*R) V) []V {
	values := make([]V, len(records))
	for i := range records {
		values[i] = field(&records[i])
	}
	return values
}

func recordArrays(records []usage.Record) []any {
	type r = usage.Record
	return []any{
		column(records, recordID),
		column(records, func(u *r) string { return string(u.Kind) }),
		column(records, func(u *r) int64 { return int64(u.Value) }),
		column(records, func(u *r) int64 { return int64(u.Change) }),
		column(records, func(u *r) int64 { return u.Stamp.UnixMicro() }),
		column(records, countedOn),
		column(records, func(u *r) int64 { return u.RecordedOn.UnixMicro() }),
		column(records, func(u *r) string { return string(u.By) }),
	}
}

func recordID(u *usage.Record) string { return u.ID }

func countedOn(u *usage.Record) int64 { return u.CountedOn.UnixMicro() }

// entries are the records of a change that have an entry.
func entries(c *service.LaneChange) iter.Seq[usage.Record] {
	return func(yield func(usage.Record) bool) {
		for i := range c.Records {
			if u := &c.Records[i]; needsEntry(u) && !yield(*u) {
				return
			}
		}
	}
}

// isOneTrip reports whether changes can be made by fences: not while records are moved
// that may have an id that is given, nor with one that looks as if it was made here,
// for which those of all features are looked through.
func (s *Store) isOneTrip(changes []service.LaneChange) bool {
	if s.together == nil || !s.records.finished.Load() {
		return false
	}
	moved := s.records.moved.Load()
	for i := range changes {
		for u := range entries(&changes[i]) {
			if _, looks := madeOn(u.ID); !moved || looks && !u.Made {
				return false
			}
		}
	}
	return true
}

func answerArrays(answers []service.StoredAnswer) []any {
	type a = service.StoredAnswer
	return []any{
		column(answers, func(a *a) string { return a.Key }),
		column(answers, func(a *a) []byte { return append([]byte{}, a.Fingerprint...) }),
		column(answers, func(a *a) int64 { return a.CreatedOn.UnixMicro() }),
		column(answers, func(a *a) int64 { return int64(a.Status) }),
		column(answers, func(a *a) []byte { return append([]byte{}, a.Body...) }),
		column(answers, func(a *a) string { return a.Revision }),
		column(answers, answerDigest),
	}
}

func windowArrays(counters []usage.Counter) []any {
	type c = usage.Counter
	return []any{
		column(counters, func(c *c) int64 { return microsOr(c.Window.Start, noStart) }),
		column(counters, func(c *c) int64 { return microsOr(c.Window.End, noEnd) }),
		column(counters, func(c *c) int64 { return int64(c.Used) }),
		column(counters, func(c *c) *int64 {
			if c.ChangedOn.IsZero() {
				return nil
			}
			return new(c.ChangedOn.UnixMicro())
		}),
	}
}

// microsOr is a time in microseconds, or what stands for none.
func microsOr(t time.Time, none int64) int64 {
	if t.IsZero() {
		return none
	}
	return t.UnixMicro()
}

// applyTogether makes changes in one trip.
func (s *Store) applyTogether(ctx context.Context, catalog int64, changes []service.LaneChange, made []bool) (err error) {
	if err := s.admit(); err != nil {
		return err
	}
	statements := make([]Statement, len(changes), len(changes)+1)
	for i := range changes {
		st := &statements[i]
		if st.Query, st.Args, err = fenced(&changes[i]); err != nil {
			return err
		}
		st.Row = func(r row) error {
			var n int64
			err := r.Scan(&n)
			made[i] = n > 0
			return err
		}
	}
	statements = append(statements, Statement{Query: guardCatalog, Args: []any{catalog}})
	done, err := s.writer.batch(ctx, s.together, &s.writer.options, statements)
	if _, unknown := errors.AsType[*CommitError](err); err == nil || unknown {
		return err
	}
	if done == len(changes) {
		return errCatalog
	}
	return &service.ChangeError{At: done, Err: err}
}
