package door

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/auth"
)

// Where the store may not answer, what is done for a request ends in time, counted from when it
// came; what is sent as it comes to be does not, and who asks to wait has that time beside.
func TestRequestsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := func(c *Call) time.Duration {
			until, ok := c.Context().Deadline()
			if !ok {
				return 0
			}
			return time.Until(until)
		}
		var got time.Duration
		look := func(c *Call) (Answer, error) {
			got = left(c)
			return Answer{Body: "x"}, c.Context().Err()
		}
		for name, c := range map[string]struct {
			handle  Handler
			bounded bool
			want    time.Duration
		}{
			"a read":                      {Reads(look), true, readTime},
			"a store that always answers": {Reads(look), false, 0},
			"a change":                    {Handler{answer: look, patience: answerTime, maxBody: 1}, true, answerTime},
			"a check":                     {Asks(Handler{answer: look, patience: answerTime, maxBody: 1}), true, readTime},
			"who waits": {Reads(func(c *Call) (Answer, error) {
				defer c.Await(time.Minute)()
				return look(c)
			}), true, time.Minute + readTime},
			"a stream": {Reads(func(c *Call) (Answer, error) {
				return Answer{Body: Stream{ContentType: "text/plain", Write: func(*StreamWriter) {
					time.Sleep(time.Hour)
					got = left(c)
					if err := c.Context().Err(); err != nil {
						t.Error(err)
					}
				}}}, nil
			}), true, 0},
		} {
			h := New(Config{Bounded: c.bounded, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, []Route{{
				Method: "GET", Pattern: "/it", Dialect: &Dialect{Admission: Clients}, Handle: c.handle,
			}})
			got = -1
			ctx := WithPrincipal(t.Context(), auth.NewAdministrator("ada", nil))
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/it", nil)
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK || got != c.want {
				t.Errorf("%s has %s left, want %s (%d)", name, got, c.want, w.Code)
			}
		}
	})
}
