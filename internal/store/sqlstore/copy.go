package sqlstore

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
)

// Table is a table as a copy sees it: rows of values under a key. It has the
// statements to walk the rows in the order of the key and to make others.
type Table struct {
	Name    string
	columns []string // those of the primary key first, in its order
	key     int      // how many they are
	page    int      // how many rows are read at a time

	selectFirst, selectAfter string
	put                      texts
	remove                   string
}

// How many rows of a table are in memory at a time: of those whose rows may each
// have a whole document, few.
const (
	copyPage     = 1024
	copyWidePage = 64
)

// Tables are all that an installation consists of: everything but the leases,
// which are those of running programs, and what is derived and made where it is not. A table
// refers only to ones before it.
// The first is that of changes, which come about in no other way than being made
// and so tell installations apart; their last column, the place in the feed, is
// the one that is set later.
var Tables = []Table{
	table("changes", 2, copyPage, `customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts, seq`),
	table("revisions", 1, copyPage, `name, rev, changed_on`),
	table("settings", 1, copyPage, `name, value`),
	table("features", 1, copyPage, `code, name, type, unit, reset_interval, more`),
	table("plan_groups", 1, copyPage, `code, group_id, name, customer_type, is_default, fallback, more`),
	table("plans", 1, copyPage, `code, name, plan_group, kind, status, archived, is_default, more`),
	table("plan_versions", 2, copyWidePage, `plan_code, version, published_on, terms`),
	table("customers", 1, copyPage, `customer_id, type, org_code, user_id, name, email, status, anchor_on, metadata,
		search, created_on, changed_on, deleted_on, rev, last_agreement_ms, external_id, anchor_given, zones, digest_key`),
	table("customer_codes", 2, copyPage, `org_code, user_id, customer_id`),
	table("customer_external_ids", 1, copyPage, `external_id, customer_id`),
	table("agreements", 2, copyPage, `customer_id, agreement_id, plan_code, version, kind, quantity, annual, created_on,
		starts_on, expires_on, own_end, trial_ends_on, trial_scope, carried, anchor_on, term_from, trial_then, origin,
		at_period_end, external_id, metadata`),
	table("agreement_external_ids", 1, copyPage, `external_id, customer_id, agreement_id`),
	table("agreement_ids", 1, copyPage, `stem, agreement_id, customer_id`),
	table("overrides", 2, copyPage, `customer_id, override_id, feature_code, has_max, limit_max, limit_add, deny, note,
		actor, starts_on, expires_on, at_least, override_value`),
	table("grants", 2, copyPage, grantColumns),
	table("counters", 4, copyPage, `customer_id, feature_code, window_end, window_start, used, changed_on,
		version, rev, present_start, present_end, present_used, held, held_on, pooled`),
	table("usage_records", 2, copyPage, usageColumns),
	table("records", 4, copyPage, `customer_id, feature_code, counted_on, record_id, kind, value, change, stamp,
		recorded_on, actor`),
	table("record_ids", 2, copyPage, `customer_id, record_id, feature_code, counted_on`),
	table("record_links", 2, copyPage, linkColumns),
	table("draws", 6, copyPage, drawColumns),
	table("sources", 3, copyPage, sourceColumns),
	table("holds", 2, copyPage, holdColumns),
	table("answers", 2, copyWidePage, writtenAnswer),
	table("images", 3, copyWidePage, `customer_id, happened_on, customer_rev, after_facts`),
	table("events", 2, copyPage, `customer_id, cause, kind, happened_on, actor, facts, features, seq`),
	table("dues", 1, copyPage, `customer_id, told_on, due_on`),
	table("marks", 3, copyPage, `customer_id, feature_code, mark, reached_on`),
	table("feed", 1, copyPage, `seq, scope, rev, cause, placed_on, hash`),
	table("followers", 1, copyPage, `name, place`),
	table("webhooks", 1, copyPage, webhookColumns),
	table("deliveries", 3, copyPage, deliveryColumns),
	table("queues", 2, copyPage, `webhook_id, scope, next_on`),
	table("administrators", 1, copyPage, administratorColumns),
	table("administrator_links", 1, copyPage, adminLinkColumns),
	table("administrator_sessions", 1, copyPage, adminSessionColumns),
	table("administrator_identities", 2, copyPage, adminIdentityColumns),
	table("clients", 1, copyPage, clientColumns),
	table("signing_keys", 1, copyPage, signingKeyColumns),
}

// table is one whose first columns, so many, are its key.
func table(name string, key, page int, columns string) Table {
	t := Table{Name: name, key: key, page: page}
	for column := range strings.SplitSeq(columns, ",") {
		t.columns = append(t.columns, strings.TrimSpace(column))
	}
	all, keys := strings.Join(t.columns, ", "), strings.Join(t.columns[:key], ", ")
	selected := "select " + all + " from " + name
	order := " order by " + keys + " limit $"
	t.selectFirst = selected + order + "1"
	t.selectAfter = selected + " where (" + keys + ") > (" + placeholders(1, key) + ")" + order + strconv.Itoa(key+1)

	var set, where []string
	for _, column := range t.columns[key:] {
		set = append(set, column+" = excluded."+column)
	}
	for i, column := range t.columns[:key] {
		where = append(where, column+" = $"+strconv.Itoa(i+1))
	}
	t.put = manyRows("insert into " + name + " (" + all + ") values (" + placeholders(1, len(t.columns)) + ")" +
		" on conflict (" + keys + ") do update set " + strings.Join(set, ", "))
	t.remove = "delete from " + name + " where " + strings.Join(where, " and ")
	return t
}

// tableOf is the one of [Tables] of a name; nil if there is none.
func tableOf(name string) *Table {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &Tables[i]
}

// column is the place of a column in a row.
func (t *Table) column(name string) int { return slices.Index(t.columns, name) }

// Row is a row of a [Table]: for each column an int64, a string, bytes or nil.
type Row []any

// Compare is the order of two rows of a table, which is that of their keys.
func (t *Table) Compare(a, b Row) int {
	for i := range t.key {
		var order int
		switch v := a[i].(type) {
		case int64:
			order = cmp.Compare(v, b[i].(int64))
		case string:
			order = strings.Compare(v, b[i].(string))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// Equal reports whether two rows, or parts of them, have the same values.
func (r Row) Equal(other Row) bool {
	return slices.EqualFunc(r, other, func(a, b any) bool {
		if a, ok := a.([]byte); ok {
			b, ok := b.([]byte)
			return ok && bytes.Equal(a, b)
		}
		return a == b
	})
}

// Append writes the row behind buf in a way that is the same on every backend and
// different for every two rows.
func (r Row) Append(buf []byte) []byte {
	for _, v := range r {
		switch v := v.(type) {
		case nil:
			buf = append(buf, 'n')
		case int64:
			buf = append(strconv.AppendInt(append(buf, 'i'), v, 10), ';')
		case string:
			buf = append(strconv.AppendInt(append(buf, 't'), int64(len(v)), 10), ':')
			buf = append(buf, v...)
		case []byte:
			buf = append(strconv.AppendInt(append(buf, 'b'), int64(len(v)), 10), ':')
			buf = append(buf, v...)
		}
	}
	return buf
}

// Rows are the rows behind one, ascending, or the first if that is nil. After the
// last they are none.
func (t *Table) Rows(r *Reader, after Row) ([]Row, error) {
	query, args := t.selectFirst, []any(nil)
	if after != nil {
		query, args = t.selectAfter, append(args, after[:t.key]...)
	}
	return list(r.conn, t.scan, query, append(args, t.page)...)
}

func (t *Table) scan(r row) (Row, error) {
	values := make(Row, len(t.columns))
	into := make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := r.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range values {
		if b, ok := v.([]byte); ok && b == nil {
			values[i] = []byte{} // no bytes are not null
		}
	}
	return values, nil
}

// Put stores rows, each in the place of the one that has its key.
func (t *Table) Put(tx *Tx, rows []Row) error {
	_, err := tx.insertRows(&t.put, len(rows), func(into []any, i int) []any { return append(into, rows[i]...) })
	return err
}

// Remove removes rows.
func (t *Table) Remove(tx *Tx, rows []Row) error {
	for _, row := range rows {
		if err := tx.change(t.remove, row[:t.key]...); err != nil {
			return err
		}
	}
	return nil
}

// A database that a copy is made into has a mark, in the table of leases, which
// is not copied.
const copyMark = "copy"

const (
	selectMark = `select holder from leases where name = $1`

	upsertMark = `insert into leases (name, holder, held_until) values ($1, $2, 0)
		on conflict (name) do update set holder = excluded.holder`

	lockMark = `update leases set held_until = held_until where name = $1 and holder = $2`

	deleteMark = `delete from leases where name = $1`

	deleteLeases = `delete from leases where held_until > 0` // a mark is held until 0
)

// CopyMark is the mark of a database, "" if it has none.
func CopyMark(r *Reader) (string, error) { return r.mark(copyMark) }

// mark is what stands under a name in the table of leases, "" if nothing does.
func (r *Reader) mark(name string) (string, error) {
	mark, err := one(r.conn, value[string], selectMark, name)
	if errors.Is(err, billing.ErrNotFound) {
		return "", nil
	}
	return mark, err
}

// PutCopyMark gives the database a mark, in the place of what it has.
func PutCopyMark(t *Tx, mark string) error {
	_, err := t.exec(upsertMark, copyMark, mark)
	return err
}

// DropLeases takes the leases of running programs away, none of which is running: the
// database is a backup that was put in place.
func DropLeases(t *Tx) error {
	_, err := t.exec(deleteLeases)
	return err
}

// LockCopyMark keeps others from changing the mark until the transaction ends.
// It returns ErrNotFound if the database has another mark, or none.
func LockCopyMark(t *Tx, mark string) error {
	return t.lock(lockMark, copyMark, mark)
}

// DeleteCopyMark takes the mark away, if there is one.
func DeleteCopyMark(t *Tx) error {
	_, err := t.exec(deleteMark, copyMark)
	return err
}
