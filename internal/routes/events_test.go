package routes

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"

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

// The newest events come first when one goes back, each once; what makes no sense with that is
// refused.
func TestEventsBefore(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	w.sequence(t)
	all := ask[api.EventList](t, w, "GET", "/v1/events?customer_id="+acme, "").Events
	var got []api.Event
	for before := "end"; before != ""; {
		page := ask[api.EventList](t, w, "GET", "/v1/events?page_size=2&customer_id="+acme+"&before="+before, "")
		got = append(page.Events, got...)
		if before = fmt.Sprint(page.Next); !page.HasMore {
			break
		}
	}
	if d := cmp.Diff(all, got); d != "" || len(all) < 3 {
		t.Errorf("of %d:\n%s", len(all), d)
	}
	for _, query := range []string{"before=end&after=1", "before=2&after=end", "before=2&wait=1", "before=x", "before=-1"} {
		if rec := w.ask(t, "GET", "/v1/events?"+query, ""); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "BEFORE_INVALID") {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	if rec := w.ask(t, "GET", "/v1/events?before=2", "", "Accept", "text/event-stream"); rec.Code != http.StatusBadRequest {
		t.Errorf("a stream: %d %s", rec.Code, rec.Body)
	}
}
