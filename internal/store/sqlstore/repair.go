package sqlstore

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/usage"
)

// move is what a repair of the clock does to a column of times.
type move uint8

const (
	// stamp is what a clock said: of all stamps of a customer that are too late, each counts
	// from the right time on, a microsecond after the one before.
	stamp move = iota + 1
	// follows is a time that may follow from a stamp of its row or be another stamp: then it
	// moves with it. One that a caller stated stays.
	follows
	// with is a time that follows from the first stamp of its row, always.
	with
	// latest is at most the right time: nothing goes by the order.
	latest
	// drop takes a row away that is later: it is made anew where it is wanted.
	drop
	// text is a document with times in microseconds that follow.
	text
	// overlaps are secrets of a client from before: until when each is good follows from its
	// rotation, which stands in the log.
	overlaps
	// said stays: what was answered, and where things stand in an order.
	said
)

// Moves are what a repair does, by table and column; of a row with several that it moves with,
// the stamp comes first. A test sees that every column with a time is here.
var Moves = map[string]map[string]move{
	"changes":       {"happened_on": said}, // the log stays; a change on top has what is true. See lateLog
	"revisions":     {"changed_on": latest},
	"plan_versions": {"published_on": latest},
	"customers":     {"created_on": stamp, "changed_on": stamp, "deleted_on": stamp, "anchor_on": follows, "zones": text, "last_agreement_ms": said},
	"agreements": {"created_on": stamp, "starts_on": follows, "expires_on": follows, "own_end": follows, "trial_ends_on": follows,
		"anchor_on": follows, "term_from": follows, "carried": text},
	"overrides": {"starts_on": stamp, "expires_on": follows},
	"grants": {"created_on": stamp, "effective_on": follows, "expires_on": follows, "ended_on": stamp, "clawed_back_on": stamp,
		"set_aside_on": stamp},
	"counters": {"changed_on": stamp, "window_start": said, "window_end": drop, "present_start": said, "present_end": said, "held_on": said},

	"usage_records": {"recorded_on": stamp, "stamp": stamp, "counted_on": stamp},
	"records":       {"recorded_on": stamp, "stamp": stamp, "counted_on": stamp},
	"record_ids":    {"counted_on": stamp},
	"record_links":  {"counted_on": stamp},
	"draws":         {"recorded_on": stamp, "counted_on": stamp},
	"holds":         {"made_on": stamp, "expires_on": with, "window_start": said, "window_end": said, "closing": said, "pins": said},
	"answers":       {"created_on": stamp, "body": said},
	"images":        {"happened_on": drop},
	"feed":          {"placed_on": latest},
	"events":        {"happened_on": said}, // what was told was told
	"dues":          {"told_on": latest, "due_on": latest},
	"marks":         {"reached_on": drop},
	"webhooks": {"old_until": latest, "disabled_on": latest, "failing_since": latest, "created_on": latest,
		"changed_on": latest},
	"deliveries":               {"created_on": latest, "attempted_on": latest, "done_on": latest},
	"queues":                   {"next_on": latest},
	"administrators":           {"created_on": latest, "disabled_on": latest},
	"administrator_links":      {"created_on": latest, "expires_on": latest, "spent_on": latest},
	"administrator_sessions":   {"created_on": latest, "seen_on": latest, "ends_on": latest},
	"administrator_identities": {"created_on": latest},
	"clients":                  {"created_on": latest, "revoked_on": latest, "tokens_from": latest, "old_secrets": overlaps},
	"signing_keys":             {"created_on": latest, "retired_on": latest},
}

// ofCustomer are the tables of [Tables] that have rows of customers, in its order.
var ofCustomer = func() (found []*Table) {
	for i := range Tables {
		t := &Tables[i]
		if slices.Contains(t.columns, "customer_id") && Moves[t.Name] != nil && t.Name != "changes" && t.Name != "events" {
			found = append(found, t)
		}
	}
	return found
}()

// rowsOfCustomer are all rows of a customer in a table.
func (t *Table) rowsOfCustomer(r *Reader, id billing.CustomerID) ([]Row, error) {
	return list(r.conn, t.scan, "select "+strings.Join(t.columns, ", ")+" from "+t.Name+" where customer_id = $1", id.String())
}

// stamps are times that are too late, and where they go.
type stamps struct {
	after int64
	goes  map[int64]int64
	told  bool // events of time are told up to a time that is too late
	// rotated is when a client's secret was replaced with an overlap, if that is too late, by
	// what the log says of the secret since.
	rotated map[string]time.Time
}

// late reports whether a value is a time that is too late, and no end of all time.
func (s *stamps) late(v any) (int64, bool) {
	us, ok := v.(int64)
	return us, ok && us > s.after && us != noEnd
}

// collectRepaired takes in the times of a row that are stamps as repairs have moved them.
func (s *stamps) collectRepaired(table *Table, row Row, repairs []int64) {
	take := func(us int64) {
		for _, on := range repairs {
			if us > s.after && us <= on && on-us < repairedWithin {
				s.goes[us] = 0
			}
		}
	}
	for i, name := range table.columns {
		switch Moves[table.Name][name] {
		case follows:
			if us, late := s.late(row[i]); late {
				take(us)
			}
		case text:
			for _, digits := range inText.FindAllString(row[i].(string), -1) {
				if us, err := strconv.ParseInt(digits, 10, 64); err == nil {
					take(us)
				}
			}
		}
	}
}

// order gives each stamp its new time.
func (s *stamps) order() (last int64, moved bool) {
	all := make([]int64, 0, len(s.goes))
	for us := range s.goes {
		all = append(all, us)
	}
	slices.Sort(all)
	last = s.after
	for _, us := range all {
		last++
		s.goes[us] = last
		moved = moved || us != last
	}
	return last, moved
}

// day is what times that follow from a stamp are apart from it: trials, terms and graces are
// days, and so are, but for a change of the clocks, weeks, months and years.
const day = int64(24 * time.Hour / time.Microsecond)

// follow is where a time goes that follows from one of some stamps of its row, if it does.
func (s *stamps) follow(us int64, from []int64) int64 {
	if to, ok := s.goes[us]; ok {
		return to
	}
	for _, origin := range from {
		if to, ok := s.goes[origin]; ok && us > origin && (us-origin)%day == 0 {
			return us + to - origin
		}
	}
	return us
}

// inText are the times of a document.
var inText = regexp.MustCompile(`\b[0-9]{16}\b`)

func (s *stamps) text(doc string, from []int64) string {
	return inText.ReplaceAllStringFunc(doc, func(digits string) string {
		us, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || us <= s.after {
			return digits
		}
		return strconv.FormatInt(s.follow(us, from), 10)
	})
}

// overlaps has secrets of before be good from the right time on for as long as they were to be.
func (s *stamps) overlaps(doc string) string {
	var old oldSecrets
	if old.Scan(doc) != nil {
		return doc // no client can be read then, which is said elsewhere
	}
	for i := range old {
		if on, late := s.rotated[record.OldSecretsFact(old[i:i+1])]; late {
			old[i].Until = time.UnixMicro(s.after).UTC().Add(old[i].Until.Sub(on))
		}
	}
	text, _ := old.Value() // of instants and bytes
	return text.(string)
}

// rotations are those of clients that are stamped too late, for [stamps].
func (r *Reader) rotations(after time.Time) (map[string]time.Time, error) {
	const page = 500
	rotated := map[string]time.Time{}
	for rev := int64(0); ; {
		changes, err := r.Changes(record.ScopeClients, rev, page)
		if err != nil {
			return nil, err
		}
		for i := range changes {
			c := &changes[i]
			if rev = c.Rev; c.Kind == record.ClientRotated && c.On.After(after) {
				rotated[record.LastOldSecret(c.After[record.OldSecrets])] = c.On
			}
		}
		if len(changes) < page {
			return rotated, nil
		}
	}
}

// MoveStamps is as service.LogTx says.
func (t *Tx) MoveStamps(id billing.CustomerID, after time.Time) (last time.Time, rows int, err error) {
	if err := t.requireLock(id); err != nil {
		return last, 0, err
	}
	log, err := t.lateLog(id, after)
	if err != nil {
		return last, 0, err
	}
	s := &stamps{after: max(after.UnixMicro(), log.settled), goes: map[int64]int64{}}
	found := map[*Table][]Row{}
	for _, table := range ofCustomer {
		if found[table], err = table.rowsOfCustomer(&t.Reader, id); err != nil {
			return last, 0, err
		}
		for _, row := range found[table] {
			s.collect(table, row)
		}
	}
	for _, us := range log.since {
		s.goes[us] = 0
	}
	_, moved := s.order()
	if !moved && !s.told {
		return last, 0, nil
	}
	if moved {
		for _, us := range log.before {
			s.goes[us] = 0
		}
		for _, table := range ofCustomer {
			for _, row := range found[table] {
				s.collectRepaired(table, row, log.repairs)
			}
		}
		end, _ := s.order()
		last = time.UnixMicro(end).UTC()
		if err := t.dropWindowSums(id, after); err != nil {
			return last, 0, err
		}
	}
	for _, table := range ofCustomer {
		n, err := t.moveRows(table, found[table], s)
		if err != nil {
			return last, 0, fmt.Errorf("%s: %w", table.Name, err)
		}
		rows += n
	}
	return last, rows, nil
}

// lateLog are instants of the log of a customer that are too late. Ends, and the time from which
// a zone counts, are stamps of changes that no row has any more once there is a later one.
type lateLog struct {
	since, before []int64 // of changes since the last repair, and of those that it has moved
	repairs       []int64
	settled       int64 // until when the last repair has put all in order, if it was to the same time
}

// repairedWithin is within which time a repair puts its stamps, a microsecond apart.
const repairedWithin = int64(time.Second / time.Microsecond)

func (t *Tx) lateLog(id billing.CustomerID, after time.Time) (l lateLog, err error) {
	entries, err := list(t.conn, scanLogInstant, selectRepairs, id.String(), billing.ClockRepaired)
	if err != nil {
		return l, err
	}
	var rev int64
	for _, e := range entries {
		l.repairs, rev = append(l.repairs, e.on), e.rev
		if l.settled = e.on; e.on-after.UnixMicro() > repairedWithin {
			l.settled = 0
		}
	}
	entries, err = list(t.conn, scanLogInstant, selectLateChanges, id.String(), max(after.UnixMicro(), l.settled))
	for _, e := range entries {
		if e.rev > rev {
			l.since = append(l.since, e.on)
		} else {
			l.before = append(l.before, e.on)
		}
	}
	return l, err
}

type logInstant struct{ on, rev int64 }

func scanLogInstant(r row) (e logInstant, err error) { return e, r.Scan(&e.on, &e.rev) }

const (
	selectRepairs     = `select happened_on, customer_rev from changes where customer_id = $1 and kind = $2 order by customer_rev`
	selectLateChanges = `select happened_on, customer_rev from changes where customer_id = $1 and happened_on > $2`
)

// collect takes in the stamps of a row.
func (s *stamps) collect(table *Table, row Row) {
	for i, name := range table.columns {
		us, late := s.late(row[i])
		isStamp := Moves[table.Name][name] == stamp
		if table.Name == "holds" && name == "expires_on" && row[table.column("state")] != string(usage.HoldOpen) {
			isStamp = true // it is when it was closed
		}
		if late && isStamp {
			s.goes[us] = 0
		}
		s.told = s.told || late && name == "told_on"
	}
}

// moveRows moves the rows of a table, and returns how many became others.
func (t *Tx) moveRows(table *Table, rows []Row, s *stamps) (n int, err error) {
	var gone, put []Row
	for _, row := range rows {
		next, keep := s.moved(table, row)
		switch {
		case keep && next.Equal(row):
			continue
		case !keep || !next[:table.key].Equal(row[:table.key]):
			gone = append(gone, row)
		}
		if keep {
			put = append(put, next)
		}
		n++
	}
	if err := table.Remove(t, gone); err != nil {
		return 0, err
	}
	if err := table.Put(t, put); err != nil || table.Name != "records" {
		return n, err
	}
	return n, t.enterMoved(table, put)
}

// enterMoved has records found by their ids that were found by what the ids say of when they were
// made.
func (t *Tx) enterMoved(records *Table, moved []Row) error {
	entries := tableOf("record_ids")
	var rows []Row
	for _, row := range moved {
		if _, made := madeOn(row[records.column("record_id")].(string)); !made {
			continue
		}
		entry := make(Row, len(entries.columns))
		for i, name := range entries.columns {
			entry[i] = row[records.column(name)]
		}
		rows = append(rows, entry)
	}
	return entries.Put(t, rows)
}

// moved is what becomes of a row; keep is false if it goes.
func (s *stamps) moved(table *Table, row Row) (next Row, keep bool) {
	next = slices.Clone(row)
	moves := Moves[table.Name]
	var from []int64
	for i, name := range table.columns {
		if us, late := s.late(row[i]); late && (moves[name] == stamp || s.goes[us] != 0) {
			from = append(from, us)
		}
	}
	lane := false
	for i, name := range table.columns {
		us, late := s.late(row[i])
		switch moves[name] {
		case stamp:
			if late {
				next[i] = s.goes[us]
			}
		case follows:
			if late {
				next[i] = s.follow(us, from)
			}
		case with:
			if to, ok := s.goes[us]; late && ok && row[table.column("state")] != string(usage.HoldOpen) {
				next[i] = to
			} else if made, madeLate := s.late(row[table.column("made_on")]); late && madeLate {
				next[i] = us + s.goes[made] - made
			}
		case latest:
			if late {
				next[i] = s.after
			}
		case drop:
			if late {
				return nil, false
			}
		case text:
			next[i] = s.text(row[i].(string), from)
		case overlaps:
			next[i] = s.overlaps(row[i].(string))
		}
		lane = lane || table.Name == "counters" && name == "window_start" && row[i] == int64(noStart)
	}
	switch {
	case lane: // what it says of a window is made anew of the records
		next[table.column("present_start")], next[table.column("present_end")] = nil, nil
		next[table.column("present_used")], next[table.column("held")] = int64(0), int64(0)
		next[table.column("held_on")] = nil
		next[table.column("version")] = row[table.column("version")].(int64) + 1
	case table.Name == "holds" && len(from) > 0: // it belongs to the window that it was made in
		next[table.column("window_start")], next[table.column("window_end")] = nil, nil
	}
	return next, true
}

// dropWindowSums takes away the sums of draws in windows that end after an instant: they are made
// anew where they are wanted.
func (t *Tx) dropWindowSums(id billing.CustomerID, after time.Time) error {
	table := tableOf("sources")
	rows, err := table.rowsOfCustomer(&t.Reader, id)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(row Row) bool {
		w, ok := usage.SourceID(row[table.column("source")].(string)).Elsewhere()
		return !ok || !w.End.IsZero() && !w.End.After(after)
	})
	return table.Remove(t, rows)
}

// MoveShared is as service.LogTx says.
func (t *Tx) MoveShared(after time.Time) (rows int, was, is map[billing.Scope]map[string]string, err error) {
	s := &stamps{after: after.UnixMicro()}
	if s.rotated, err = t.rotations(after); err != nil {
		return 0, nil, nil, err
	}
	was, is = map[billing.Scope]map[string]string{}, map[billing.Scope]map[string]string{}
	for i := range Tables {
		table := &Tables[i]
		if Moves[table.Name] == nil || slices.Contains(table.columns, "customer_id") {
			continue
		}
		for last := Row(nil); ; {
			page, err := table.Rows(&t.Reader, last)
			if err != nil {
				return 0, nil, nil, err
			}
			if len(page) == 0 {
				break
			}
			last = page[len(page)-1]
			n, err := t.moveRows(table, page, s)
			if err != nil {
				return 0, nil, nil, fmt.Errorf("%s: %w", table.Name, err)
			}
			rows += n
			for _, row := range page {
				s.tell(table, row, was, is)
			}
		}
	}
	t.catalogTouched = true
	n, err := t.exec(lowerLeases, instant(after))
	return rows + int(n), was, is, err
}

// tell says what a row of clients, keys, administrators or the catalog was and is, by scope.
func (s *stamps) tell(table *Table, row Row, was, is map[billing.Scope]map[string]string) {
	scope := map[string]billing.Scope{
		"clients": record.ScopeClients, "signing_keys": record.ScopeKeys, "administrators": signin.ScopeAdministrators, "plan_versions": billing.ScopeCatalog,
	}[table.Name]
	if table.Name == "revisions" && row[0] != "feed" {
		scope = billing.Scope(row[0].(string))
	}
	if scope == "" {
		return
	}
	next, _ := s.moved(table, row)
	for i, name := range table.columns {
		if Moves[table.Name][name] == 0 || next[i] == row[i] {
			continue
		}
		if was[scope] == nil {
			was[scope], is[scope] = map[string]string{}, map[string]string{}
		}
		field := fmt.Sprint(table.Name, " ", row[0], " ", name)
		was[scope][field], is[scope][field] = told(row[i]), told(next[i])
	}
}

// told is a time, or old secrets, as the log says it.
func told(v any) string {
	if doc, ok := v.(string); ok {
		var old oldSecrets
		_ = old.Scan(doc) // it was read before
		return record.OldSecretsFact(old)
	}
	us, _ := v.(int64)
	return time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
}

const lowerLeases = `update leases set held_until = $1 where held_until > $1`
