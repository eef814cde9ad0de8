package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// installation is one in a SQLite file with rows in every table: more than are
// read at a time, and the values that databases or drivers might not all keep.
func installation(t *testing.T) (url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "source.db")
	st := open(t, "sqlite:"+file)
	st.Close()
	change(t, file, `
		with recursive n (i) as (select 1 union all select i + 1 from n where i < 1100)
		insert into changes select 'customer_' || printf('%032x', i), 1, i, 'me', 'made', '{}', '{"a":"ß"}',
			case when i % 2 then i end from n;
		insert into changes values ('clients', 1, 5, '', 'created', '{}', '{}', null);
		update revisions set rev = 1, changed_on = 5 where name = 'clients';
		insert into images select customer_id, happened_on, customer_rev, '{"a":"ß"}' from changes where happened_on < 200;
		insert into settings values ('currency', 'usd');
		insert into features values ('calls', 'Calls '' "quoted" \ 日本語', 'metered', '', 'cycle', '{"held":true}'), ('a', 'A', 'unmetered', '', '', '');
		insert into plan_groups values ('teams', 'sbg_1', 'Teams', 'organization', 1, 'pro', '');
		insert into plans values ('pro', '', 'teams', 'plan', 'published', 0, 0, '{"hidden":true}');
		with recursive n (i) as (select 1 union all select i + 1 from n where i < 200)
		insert into plan_versions select 'pro', i, nullif(i, 7), '{}' from n;
		with recursive n (i) as (select 1 union all select i + 1 from n where i < 1100)
		insert into customers (customer_id, type, org_code, user_id, name, email, status, anchor_on, metadata, search, created_on,
			changed_on, deleted_on, rev, last_agreement_ms, external_id, anchor_given, zones) select 'customer_' || printf('%032x', i), 'user', '', 'u' || i, char(i), 'Z', 'active',
			nullif(i, 3), '{}', 'é' || char(31), -i, 0, null, i, 9223372036854775807, 'é' || i, i % 2, '[{"name":"Europe/Berlin"}]' from n;
		insert into customer_codes select org_code, user_id, customer_id from customers;
		insert into customer_external_ids select external_id, customer_id from customers;
		insert into agreements select customer_id, 'agreement_' || rev, 'pro', 1 + rev % 200, 'plan', 1, 0, rev, rev,
			9223372036854775807, null, rev, '', '', nullif(rev, 4), -rev, 'end', 'import', 1, 'é' || rev, '{"a":"ß"}' from customers;
		insert into agreement_external_ids select external_id, customer_id, agreement_id from agreements;
		insert into agreement_ids select 'stem' || customer_id, agreement_id, customer_id from agreements;
		insert into overrides select customer_id, 'o', 'calls', 0, null, -1, 0, '', '', 1, 2, nullif(rev, 9), 'é' from customers;
		insert into grants select customer_id, 'g', 'calls', rev, -rev, 9223372036854775807, 0, 'paid', '["a"]', '0.04', 'ß', '', 0, 'é' || rev, '', '',
			1, nullif(rev, 3), null, '', 9223372036854775807 from customers;
		insert into counters select customer_id, 'calls', -9223372036854775808, 9223372036854775807, rev, null, 1, rev, 1, 2, rev, rev, nullif(rev, 3), rev % 2 from customers;
		insert into counters select customer_id, 'calls', rev, rev + 1, -rev, 7, 0, 0, null, null, 0, 0, null, 0 from customers;
		insert into usage_records select customer_id, 'r ' || char(1114111 - rev), 'calls', 'delta', rev, rev, 1, 2, 3, 'me' from customers;
		insert into records select customer_id, feature_code, counted_on, 'new ' || record_id, kind, value, change, stamp, recorded_on, actor from usage_records;
		insert into record_ids select customer_id, record_id, feature_code, counted_on from records;
		insert into record_links select customer_id, record_id, feature_code, counted_on, 'é' || counted_on, '' from records;
		insert into draws select customer_id, feature_code, counted_on, record_id, 'window/é', 'grant', 1, -value, recorded_on from records;
		insert into sources select customer_id, feature_code, 'window/é', -value from records;
		insert into holds (customer_id, hold_id, feature_code, units, made_on, expires_on, state, actor) select customer_id, 'h', 'calls', 1, 1, 2, 'open', '' from customers;
		insert into answers (customer_id, answer_key, fingerprint, created_on, status, body, revision) select case when rev % 2 then customer_id else '' end, 'k' || rev, x'', rev, 200,
			cast(case when rev % 3 then x'00ff' || customer_id else '' end as blob), '' from customers where rev < 500;
		insert into events select customer_id, 'é' || rev, 'trial.ended', rev, '', '{"a":"ß"}', '[]', nullif(rev, 5) from customers;
		insert into dues select customer_id, rev, 9223372036854775807 from customers;
		insert into marks select customer_id, 'calls', 'é' || rev, rev from customers;
		insert into feed (seq, scope, rev, cause, placed_on) select seq, customer_id, 1, '', 0 from changes where seq is not null;
		insert into followers values ('a', 0), ('webhooks é', 9223372036854775807);
		insert into webhooks values ('w', 'https://ü', 'standard', '["a"]', '', x'00ff', x'', 7, 'disabled', 'ß', 5, 6, 1, 2, 3, 4, 5);
		insert into deliveries select 'w', seq, 0, customer_id, 'é', 'pending', 1, 2, null, 3, 4, 'ß', 9223372036854775807 from changes where seq is not null;
		insert into queues select distinct 'w', scope, 7 from deliveries;
		insert into administrators values ('ada', 'admin', '$argon2id$', 5, null), ('bob', 'viewer', '', 5, 6);
		insert into administrator_links values ('00ff', 'ada', 'password', 5, 6, null), ('01ff', 'ada', 'sign-in', 5, 6, 7);
		insert into administrator_sessions values ('00ff', 'ada', 'admin', 'password', 'é', 5, 6, 7);
		insert into administrator_identities values ('https://ü', 'é', 'ada', 5);
		insert into clients (client_id, name, secret_hash, scopes, created_on, revoked_on) values ('client', 'Name', x'0102', '["all"]', 5, null);
		insert into signing_keys values ('key', 1, x'', x'aa', null);`)
	return "sqlite:" + file
}

func open(t *testing.T, url string) *Store {
	t.Helper()
	st, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// change changes a SQLite file by hand.
func change(t *testing.T, file, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func fileOf(t *testing.T, url string) string {
	t.Helper()
	file, ok := sqliteFile(url)
	if !ok {
		t.Fatalf("%s is not of SQLite", url)
	}
	return file
}

// whole is a copy that must come out whole.
func whole(t *testing.T, from, to string) Copied {
	t.Helper()
	done, err := Copy(t.Context(), CopyOptions{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if differ := done.Differ(); len(differ) > 0 || !done.Whole {
		t.Fatalf("whole is %v, and these differ: %v", done.Whole, differ)
	}
	return done
}

// written is how many rows were put and removed, by table; those of which none
// was are left out.
func written(c Copied) map[string][2]int64 {
	all := map[string][2]int64{}
	for _, t := range c.Tables {
		if t.Put+t.Removed > 0 {
			all[t.Name] = [2]int64{t.Put, t.Removed}
		}
	}
	return all
}

func sums(c Copied) map[string]TableSum {
	all := map[string]TableSum{}
	for _, t := range c.Tables {
		all[t.Name] = t.Target
	}
	return all
}

func TestCopy(t *testing.T) {
	source := installation(t)
	t.Run("sqlite", func(t *testing.T) { testCopy(t, source, "sqlite:"+filepath.Join(t.TempDir(), "sub", "target.db")) })
	t.Run("postgres", func(t *testing.T) { testCopy(t, source, pgtest.URL(t)) })
}

func testCopy(t *testing.T, source, target string) {
	first := whole(t, source, target)
	for _, table := range first.Tables {
		if table.Source.Rows == 0 || table.Put == 0 {
			t.Errorf("%s has %d rows, %d were written", table.Name, table.Source.Rows, table.Put)
		}
	}
	if first.Source != SourceAtRest {
		t.Errorf("the source is %s", first.Source)
	}
	if again := written(whole(t, source, target)); len(again) > 0 {
		t.Errorf("a copy of what is there writes %v", again)
	}
	// And back: what came over is all that was there, in the form it had.
	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	returned := whole(t, target, back)
	if diff := cmp.Diff(sums(first), sums(returned)); diff != "" {
		t.Errorf("there and back:\n%s", diff)
	}
	if strings.HasPrefix(target, "postgres") && returned.Source != SourceUnknown {
		t.Errorf("the source is %s", returned.Source)
	}
}

// A copy brings over what was done to the source since, and nothing else.
func TestCopyCatchesUp(t *testing.T) {
	for name, target := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "target.db") },
		"postgres": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			source, target := installation(t), target(t)
			whole(t, source, target)
			change(t, fileOf(t, source), `
				insert into changes values ('customer_0', 1, 1, '', '', '{}', '{}', null);
				update changes set seq = 4000 where customer_id = 'clients';
				delete from usage_records where counted_on = 2 and value <= 1000;
				insert into usage_records values ('customer_0', '', 'calls', 'delta', 1, 1, 1, 1, 1, ''),
					('zzz', 'z', 'calls', 'delta', 1, 1, 1, 1, 1, '');
				update counters set used = 12 where used = 1099 or used = -1;
				update customer_codes set customer_id = 'customer_0' where user_id = 'u5';
				update customers set external_id = 'other' where user_id = 'u5';
				update customer_external_ids set external_id = 'other' where external_id = 'é5';
				delete from answers where customer_id = '';
				delete from signing_keys;`)
			want := map[string][2]int64{
				"changes": {2, 0}, "usage_records": {2, 1000}, "counters": {2, 0}, "customer_codes": {1, 0},
				"customers": {1, 0}, "customer_external_ids": {1, 1},
				"answers": {0, 249}, "signing_keys": {0, 1},
			}
			if diff := cmp.Diff(want, written(whole(t, source, target))); diff != "" {
				t.Errorf("written and removed (-want +got):\n%s", diff)
			}
		})
	}
}

// Interrupted wherever it may be, a copy is no place to serve from, and goes on
// when it is begun again.
func TestCopyInterrupted(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	for calls, steps := 1, 0; ; calls += 7 {
		steps = 0
		ctx, cancel := context.WithCancel(t.Context())
		done, err := Copy(ctx, CopyOptions{From: source, To: target, Progress: func(string, int64, bool) {
			if steps++; steps == calls {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			if !done.Whole || len(done.Differ()) > 0 || calls < 50 {
				t.Errorf("after %d steps: %+v", steps, done)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if st, err := Open(t.Context(), Options{URL: target, Mode: Serve}); !errors.Is(err, ErrCopyPartial) {
			if err == nil {
				st.Close()
			}
			t.Fatalf("a server on a copy of %d steps: %v", calls, err)
		}
	}
}

// A server takes a copy into use; it is no target then.
func TestCopyIsServed(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	whole(t, source, target)
	for range 2 {
		st, err := Open(t.Context(), Options{URL: target, Mode: Serve})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Copy(t.Context(), CopyOptions{From: source, To: target}); err == nil || !strings.Contains(err.Error(), "another allot serves") {
			t.Errorf("a copy into what is served: %v", err)
		}
		st.Close()
	}
	if _, err := Copy(t.Context(), CopyOptions{From: source, To: target}); !errors.Is(err, ErrCopyOccupied) {
		t.Errorf("a copy into what was served: %v", err)
	}
}

// A target that a server may have fallen behind is not whole.
func TestCopyOfServed(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	st, err := Open(t.Context(), Options{URL: source, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	done, err := Copy(t.Context(), CopyOptions{From: source, To: target})
	if err != nil || done.Whole || done.Source != SourceServed || len(done.Differ()) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := Open(t.Context(), Options{URL: target, Mode: Serve}); !errors.Is(err, ErrCopyPartial) {
		t.Errorf("a server on it: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	whole(t, source, target)
}

// While a source is copied that no server has, none can be started on it.
func TestCopyKeepsServersOut(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	tried := 0
	_, err := Copy(t.Context(), CopyOptions{From: source, To: target, Progress: func(string, int64, bool) {
		if tried++; tried > 1 {
			return
		}
		for _, url := range []string{source, target} {
			if st, err := Open(t.Context(), Options{URL: url, Mode: Serve}); err == nil {
				st.Close()
				t.Error("a server has started")
			}
		}
	}})
	if err != nil || tried == 0 {
		t.Fatal(tried, err)
	}
}

// What is done to the source while it is copied is all or nothing in the target:
// nothing.
func TestCopyIsOneState(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	whole(t, source, target)
	n := 0
	done, err := Copy(t.Context(), CopyOptions{From: source, To: target, Progress: func(string, int64, bool) {
		if n++; n == 2 { // some was read
			change(t, fileOf(t, source), `
				update counters set used = used + 1;
				delete from holds;
				insert into changes values ('clients', 2, 5, '', 'created', '{}', '{}', null)`)
		}
	}})
	if err != nil || len(done.Differ()) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if w := written(done); len(w) > 0 {
		t.Errorf("brought over %v", w)
	}
	if got := written(whole(t, source, target)); got["counters"][0] != 2200 || got["holds"][1] != 1100 || got["changes"][0] != 1 {
		t.Errorf("afterwards %v", got)
	}
}

// What differs at the end is found and named.
func TestCopyDiffers(t *testing.T) {
	source, target := installation(t), "sqlite:"+filepath.Join(t.TempDir(), "target.db")
	changed := false
	done, err := Copy(t.Context(), CopyOptions{From: source, To: target, Progress: func(table string, _ int64, _ bool) {
		if table == "signing_keys" && !changed { // the last: all else is there
			changed = true
			change(t, fileOf(t, target), `
				update usage_records set actor = 'you' where record_id = (select min(record_id) from usage_records);
				delete from overrides where customer_id = (select max(customer_id) from overrides)`)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"overrides", "usage_records"}, done.Differ()); diff != "" || done.Whole {
		t.Errorf("whole is %v; what differs (-want +got):\n%s", done.Whole, diff)
	}
	if _, err := Open(t.Context(), Options{URL: target, Mode: Serve}); !errors.Is(err, ErrCopyPartial) {
		t.Errorf("a server on it: %v", err)
	}
	if got := written(whole(t, source, target)); got["usage_records"][0] != 1 || got["overrides"][0] != 1 || len(got) != 2 {
		t.Errorf("put right: %v", got)
	}
}

// Of two copies into one target the later has it.
func TestCopyOther(t *testing.T) {
	source, target := installation(t), pgtest.URL(t)
	second := false
	_, err := Copy(t.Context(), CopyOptions{From: source, To: target, Progress: func(table string, rows int64, _ bool) {
		if table == "customers" && rows > 0 && !second {
			second = true
			whole(t, copyOf(t, source), target)
		}
	}})
	if !errors.Is(err, ErrCopyOther) {
		t.Errorf("the first copy: %v", err)
	}
	st, err := Open(t.Context(), Options{URL: target, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	st.Close()
}

// copyOf is a source that is read at the same time as another.
func copyOf(t *testing.T, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "twin.db")
	change(t, fileOf(t, url), "vacuum into '"+file+"'")
	return "sqlite:" + file
}

func TestCopyRefuses(t *testing.T) {
	dir := t.TempDir()
	url := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	source := installation(t)
	target := url("target.db")
	whole(t, source, target)

	open(t, url("empty.db")).Close()
	other := installation(t)
	change(t, fileOf(t, other), `delete from changes where customer_id like 'customer_%1'`)
	foreign := copyOf(t, source) // which has no mark
	stranger := installation(t)
	change(t, fileOf(t, stranger), `insert into changes values ('catalog', 1, 1, '', '', '{}', '{}', null);
		update changes set happened_on = 6 where customer_id = 'clients'`)
	late := installation(t)
	change(t, fileOf(t, late), `delete from changes where customer_id = 'clients'`)
	changed := url("changed.db")
	whole(t, source, changed)
	change(t, fileOf(t, changed), `insert into changes values ('clients', 2, 5, 'cli', 'created', '{}', '{}', null)`)
	rival := url("rival.db")
	whole(t, source, rival)
	change(t, fileOf(t, rival), `update changes set happened_on = 6 where customer_id = 'clients'`)
	newer := copyOf(t, source)
	change(t, fileOf(t, newer), `insert into goose_db_version (version_id, is_applied) values (99, 1)`)

	for name, test := range map[string]struct {
		from, to string
		want     error
		text     string
	}{
		"another installation":          {source, foreign, ErrCopyOccupied, ""},
		"a copy of another":             {other, target, ErrCopyDiverged, ""},
		"a copy of a stranger":          {stranger, target, ErrCopyDiverged, ""},
		"a copy of one that has less":   {late, target, ErrCopyDiverged, ""},
		"changed by itself":             {source, changed, ErrCopyDiverged, ""},
		"another change with its place": {source, rival, ErrCopyDiverged, ""},
		"nothing":                       {url("empty.db"), url("any.db"), ErrCopyEmpty, ""},
		"no file":                       {url("none.db"), url("any.db"), os.ErrNotExist, "source"},
		"itself":                        {source, source, nil, "the same database"},
		"itself in other words":         {source, "sqlite://" + filepath.Dir(fileOf(t, source)) + "/./source.db", nil, "the same database"},
		"a newer source":                {newer, url("any.db"), nil, "version 99"},
		"a newer target":                {source, newer, nil, "version 99"},
		"no URL":                        {"source.db", target, nil, "source: "},
		"a target that is none":         {source, "mysql://secret@h", nil, "target: "},
		"a target that is not there":    {source, "postgres://u:secret@127.0.0.1:1/d", nil, "target: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Copy(t.Context(), CopyOptions{From: test.from, To: test.to})
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %v with %q and no secret", err, test.want, test.text)
			}
		})
	}
	for _, name := range []string{"none.db", "any.db", "any.db.lock", "any.db.mark"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was not there and is there now", name)
		}
	}
	// What was refused has left nothing there.
	if got := written(whole(t, source, target)); len(got) > 0 {
		t.Errorf("the target was changed: %v", got)
	}
}

// A source in which there is nothing is not made one of Allot's, nor is there a target then.
func TestCopyOfAnEmptyPostgres(t *testing.T) {
	source, dir := pgtest.URL(t), filepath.Join(t.TempDir(), "new")
	for range 2 { // which finds what the first has left
		if _, err := Copy(t.Context(), CopyOptions{From: source, To: "sqlite:" + filepath.Join(dir, "allot.db")}); !errors.Is(err, ErrCopyEmpty) {
			t.Errorf("%v, want %v", err, ErrCopyEmpty)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory of the target is there")
	}
	if st, err := Open(t.Context(), Options{URL: source, Mode: Existing}); !errors.Is(err, ErrNone) {
		t.Errorf("the source has a schema now: %v, %v", st, err)
	}
}

// A copy of one PostgreSQL to another of the same server, as a fork.
func TestCopyPostgres(t *testing.T) {
	source, target := pgtest.URL(t), pgtest.URL(t)
	whole(t, installation(t), source)
	// It was not served since, so it still has the mark, which is not copied.
	first := whole(t, source, target)
	if first.Source != SourceUnknown {
		t.Errorf("the source is %s", first.Source)
	}
	st := open(t, source)
	err := st.Update(t.Context(), func(tx service.Tx) error {
		_, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys, Kind: "rotated"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]int64{"changes": {1, 0}, "revisions": {1, 0}}
	if diff := cmp.Diff(want, written(whole(t, source, target))); diff != "" {
		t.Errorf("written and removed (-want +got):\n%s", diff)
	}
	marks := map[string]string{}
	for name, url := range map[string]string{"source": source, "target": target} {
		err := open(t, url).Read(t.Context(), func(r *sqlstore.Reader) (err error) {
			marks[name], err = sqlstore.CopyMark(r)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"source": copyWhole, "target": copyWhole}, marks); diff != "" {
		t.Errorf("marks:\n%s", diff)
	}
}
