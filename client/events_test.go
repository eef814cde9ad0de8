package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/client"
)

// eventPage is a page of the feed with these events.
func eventPage(more bool, next int64, ids ...int64) http.HandlerFunc {
	var events []string
	for _, id := range ids {
		events = append(events, fmt.Sprintf(`{"id":%d,"type":"customer.created","on":"2026-11-22T12:00:00Z","actor":{"kind":"cli","id":""},"data":{}}`, id))
	}
	return answer(200, fmt.Sprintf(`{"events":[%s],"has_more":%t,"next":%d}`, strings.Join(events, ","), more, next))
}

// Following goes on after what may pass, from where it was, and ends with what does not.
func TestFollow(t *testing.T) {
	refused := answer(400, `{"errors":[{"code":"CURSOR_TOO_OLD","message":"m"}]}`)
	for name, c := range map[string]struct {
		params client.FollowParams
		steps  []http.HandlerFunc
		want   []int64  // events
		moved  []int64  // cursors
		asked  []string // queries
	}{
		"from the beginning": {
			client.FollowParams{}, []http.HandlerFunc{eventPage(true, 2, 1, 2), eventPage(false, 3, 3), refused},
			[]int64{1, 2, 3}, []int64{2, 3}, []string{"page_size=1000&wait=30", "after=2&page_size=1000&wait=30", "after=3&page_size=1000&wait=30"},
		},
		"what may pass": {
			client.FollowParams{EventParams: client.EventParams{After: 7, Types: []string{"a", "b"}, CustomerID: "org_code:o", PageSize: 5, Wait: 9 * time.Second}},
			[]http.HandlerFunc{hangUp, hangUp, hangUp, hangUp, answer(500, ``), eventPage(false, 9, 8), cutShort, answer(429, ``), eventPage(false, 9), refused},
			[]int64{8}, []int64{9}, append(slices.Repeat([]string{"after=7&customer_id=org_code%3Ao&page_size=5&types=a%2Cb&wait=9"}, 6), slices.Repeat([]string{"after=9&customer_id=org_code%3Ao&page_size=5&types=a%2Cb&wait=9"}, 4)...),
		},
		"from the end": {
			client.FollowParams{EventParams: client.EventParams{FromEnd: true, After: 5}}, []http.HandlerFunc{eventPage(false, 0), eventPage(false, 1, 1), refused},
			[]int64{1}, []int64{0, 1}, []string{"after=end&page_size=1000&wait=30", "page_size=1000&wait=30", "after=1&page_size=1000&wait=30"},
		},
		"no progress is not asked for without a pause": {
			client.FollowParams{EventParams: client.EventParams{After: 3}}, []http.HandlerFunc{eventPage(true, 3), refused},
			nil, nil, slices.Repeat([]string{"after=3&page_size=1000&wait=30"}, 2),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, c.steps...)
				allot := overPipes(t, s)
				var got, moved []int64
				retried := 0
				c.params.Moved = func(cursor int64) { moved = append(moved, cursor) }
				c.params.Retrying = func(error, time.Duration) { retried++ }
				var err error
				for e, failed := range allot.Events.Follow(t.Context(), c.params) {
					if err = failed; err == nil {
						got = append(got, e.ID)
					}
				}
				if refusal, ok := errors.AsType[*client.Error](err); !ok || refusal.Code() != "CURSOR_TOO_OLD" {
					t.Errorf("it ends with %v", err)
				}
				var asked []string
				for i := range c.steps {
					r, _ := s.request(i)
					asked = append(asked, r.URL.RawQuery)
				}
				if diff := cmp.Diff([]any{c.want, c.moved, c.asked}, []any{got, moved, asked}); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestFollowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		allot := overPipes(t, newScript(t, answer(503, ``), answer(503, ``), answer(503, ``), answer(503, ``)))
		params := client.FollowParams{Retrying: func(error, time.Duration) { cancel() }}
		n := 0
		for _, err := range allot.Events.Follow(ctx, params) {
			if n++; !errors.Is(err, context.Canceled) || !errors.Is(err, client.ErrServer) {
				t.Errorf("it ends with %v", err)
			}
		}
		if n != 1 {
			t.Errorf("it has %d errors", n)
		}
	})
	// What is wrong with the request does not pass.
	allot := overLoopback(t, newScript(t))
	for _, err := range allot.Events.Follow(t.Context(), client.FollowParams{}, client.WithBaseURL("nowhere")) {
		if err == nil {
			t.Error("it goes on")
		}
	}
	// Who breaks off asks for nothing more.
	allot = overLoopback(t, newScript(t, eventPage(true, 2, 1, 2)))
	for _, err := range allot.Events.Follow(t.Context(), client.FollowParams{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}
