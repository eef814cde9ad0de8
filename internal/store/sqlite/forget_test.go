package sqlite

import (
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What cannot be forgotten because somebody reads an older state is tried again once a second,
// however long that lasts: each try takes the writer's turn. Once nobody does it is forgotten.
func TestForgetBesideALongView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLogWorld(t, filepath.Join(t.TempDir(), "allot.db"), ordinary)
		w.commit(1)
		tx, err := w.reader.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		var n int
		if err := tx.QueryRowContext(t.Context(), "select count(*) from clients").Scan(&n); err != nil {
			t.Fatal(err)
		}
		w.commit(1)
		var tries atomic.Int64
		w.checkpoints.around = func() (func(), error) {
			tries.Add(1)
			return func() {}, nil
		}
		w.checkpoints.forget(t.Context())
		if !w.checkpoints.erased.Load() || tries.Load() < 10 {
			t.Fatalf("nothing was in the way, after %d tries", tries.Load())
		}
		tries.Store(0)
		const watched = 10 * time.Second
		time.Sleep(watched)
		if most := int64(watched/forgetAgain) + 1; tries.Load() > most || tries.Load() < most/2 {
			t.Errorf("%d tries in %s, want one each %s", tries.Load(), watched, forgetAgain)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * forgetAgain)
		if now := w.stats(); w.checkpoints.erased.Load() || now.Pages > 0 {
			t.Errorf("the reader is gone, and the log has %d pages", now.Pages)
		}
	})
}
