package sqlstore_test

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// ofDraws are the tables that have something of records which draw on sources by name, or
// name others.
var ofDraws = regexp.MustCompile(`\b(draws|sources|record_links)\b`)

// A record that draws on nothing and names no other, which nearly all are, takes the bytes
// that it took before there were such, and nothing is written or read beside it.
func TestPlainRecordsTakeNoMore(t *testing.T) {
	want := []string{"customer_id", "feature_code", "counted_on", "record_id", "kind", "value", "change", "stamp", "recorded_on", "actor"}
	for name, backend := range backends {
		var got []string
		for _, c := range backend.read(t, backend.open(t)).tables["records"].columns {
			got = append(got, c.name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: each record has other columns (-want +got):\n%s", name, diff)
		}
	}
	for i, text := range sqlstore.Fences {
		if ofDraws.MatchString(text) {
			t.Errorf("fence %d: %s", i, text)
		}
	}

	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	st := sqlstore.New(db.Backend())
	id, at := billing.CustomerID{15: 1}, time.UnixMilli(1_700_000_000_000).UTC()
	w := billing.Window{Span: calendar.Span{Start: at, End: at.AddDate(0, 1, 0)}}
	record := func(name string) usage.Record {
		return usage.Record{CustomerID: id, ID: name, Feature: "calls", Kind: usage.Consumed, Value: 1, Change: 1, Stamp: at, CountedOn: at, RecordedOn: at}
	}
	err = st.Update(t.Context(), func(tx service.Tx) error {
		if err := tx.CreateCustomer(billing.Customer{ID: id, ExternalID: "e", OrgCode: "o"}); err != nil {
			return err
		}
		if _, err := tx.LockCounters(id, "calls", at, at); err != nil {
			return err
		}
		if err := tx.CreateUsage(record("a"), record("b")); err != nil {
			return err
		}
		return tx.PutCounters(usage.Counter{CustomerID: id, Feature: "calls", Used: 1, ChangedOn: at, Lane: usage.Lane{Window: &w, InWindow: 1, HeldOn: at}})
	})
	if err != nil {
		t.Fatal(err)
	}
	standings, err := st.Standings(t.Context(), service.Ask{Customer: id, Feature: "calls", At: at})
	if err != nil {
		t.Fatal(err)
	}
	made, err := st.Apply(t.Context(), standings[0].Revision.Catalog,
		[]service.LaneChange{{Lane: standings[0].Lanes[0].Counter, Records: []usage.Record{record("c")}}})
	if err != nil || !made[0] {
		t.Fatal(made, err)
	}
	err = st.View(t.Context(), func(r service.Reader) error {
		_, _, err := r.UsageRecords(id, "calls", time.Time{}, time.Time{}, service.Page[service.UsageCursor]{Size: 10})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	run := st.Prepared()
	if len(run) < 8 {
		t.Errorf("only %d statements were run", len(run))
	}
	for _, text := range run {
		if ofDraws.MatchString(text) {
			t.Errorf("a plain record runs %s", text)
		}
	}
}
