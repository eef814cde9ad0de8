package store

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// What servers write to see whether they can does not stay when they are gone, whatever clock
// they had.
func TestProbesOfServersThatAreGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "allot.db")
	st, err := Open(t.Context(), Options{URL: "sqlite:" + file, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, probe := range []struct { // what a clock that is ahead takes away is written again by who is there
		holder string
		on     time.Time
	}{{"gone", now.Add(-24 * time.Hour)}, {"ahead", now.Add(365 * 24 * time.Hour)}, {"other", now.Add(-time.Minute)}, {"this", now}} {
		if err := st.Write(t.Context(), func(tx *sqlstore.Tx) error { return tx.PutProbe(probe.holder, probe.on) }); err != nil {
			t.Fatal(err)
		}
	}
	err = st.Write(t.Context(), func(tx *sqlstore.Tx) error { return tx.PutProbe("this", now) })
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), `select count(*) from leases where name like 'probe %'`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows of probes, %v; want those of this and the other", n, err)
	}
}
