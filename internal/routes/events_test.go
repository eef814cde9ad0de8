package routes

import (
	"testing"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/store"
)

// sequence gives all that was committed its place in the feed.
func (w *world) sequence(t testing.TB) {
	t.Helper()
	err := w.billing.Store.(*store.Store).ForFeed().Update(t.Context(), func(tx feed.Tx) error {
		_, err := tx.Sequence(10_000, w.now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
