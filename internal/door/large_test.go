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
)

// Bodies are worked on one at a time, whatever their size. Who is gone waits no longer, and nobody
// for ever.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		h := OneAtATime(Bulk(Reads(func(c *Call) (Answer, error) {
			text, err := ReadText(c.Request)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return Answer{Body: len(text)}, err
		})))
		ask := func(ctx context.Context, n int) (Answer, error) {
			r := httptest.NewRequestWithContext(ctx, "PUT", "/", strings.NewReader(strings.Repeat("x", n)))
			return h.answer(&Call{Request: r})
		}
		var all sync.WaitGroup
		var late atomic.Int64
		for range 30 {
			all.Go(func() {
				switch ans, err := ask(t.Context(), 3); {
				case errors.Is(err, errTurn):
					late.Add(1)
				case err != nil || ans.Body != 3:
					t.Errorf("%v, %v", ans.Body, err)
				}
			})
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := ask(gone, 3); !errors.Is(err, context.Canceled) {
			t.Errorf("of who is gone: %v", err)
		}
		all.Wait()
		if n := late.Load(); most.Load() != 1 || n < 8 || n > 10 { // one a second
			t.Errorf("%d were worked on at once, and %d waited for too long", most.Load(), n)
		}
	})
}
