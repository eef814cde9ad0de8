package door

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/api"
)

// Of large bodies one is worked on at a time, and who is gone waits no longer; small ones do
// not wait.
func TestOneLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		h := OneLarge(Bulk(Reads(func(c *Call) (Answer, error) {
			text, err := ReadText(c.Request)
			if err != nil || len(text) <= api.MaxBodyBytes {
				return Answer{Body: len(text)}, err
			}
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return Answer{Body: len(text)}, nil
		})))
		ask := func(ctx context.Context, n int) (Answer, error) {
			r := httptest.NewRequestWithContext(ctx, "PUT", "/", strings.NewReader(strings.Repeat("x", n)))
			return h.answer(&Call{Request: r})
		}
		const large = api.MaxBodyBytes + 1
		var all sync.WaitGroup
		began := time.Now()
		for range 12 {
			all.Go(func() {
				if ans, err := ask(t.Context(), large); err != nil || ans.Body != large {
					t.Errorf("%v, %v", ans.Body, err)
				}
			})
		}
		synctest.Wait()
		if ans, err := ask(t.Context(), 3); err != nil || ans.Body != 3 || time.Since(began) > 0 {
			t.Errorf("a small one: %v, %v, after %s", ans.Body, err, time.Since(began))
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := ask(gone, large); !errors.Is(err, context.Canceled) {
			t.Errorf("of who is gone: %v", err)
		}
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d large ones were worked on at once", most.Load())
		}
	})
}
