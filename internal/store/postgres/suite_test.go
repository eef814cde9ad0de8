package postgres_test

import (
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return newStore(t, pgtest.URL(t)) })
}

// newStore is a store on the database of a URL for the length of the test.
func newStore(t testing.TB, url string) *sqlstore.Store {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return sqlstore.New(db.Backend())
}
