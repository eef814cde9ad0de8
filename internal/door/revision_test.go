package door

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// state is a revision.
type state int

func (s state) Covers(least state) bool { return s >= least }

// strict is a dialect that has a status of its own for each kind.
var strict = Dialect{
	Admission: Clients,
	Invalid:   http.StatusBadRequest, NotFound: http.StatusNotFound, Conflict: http.StatusConflict, TooLarge: http.StatusRequestEntityTooLarge,
}

// A state that another node has made and this one is about to hear of.
func TestMinRevisionIsWaitedFor(t *testing.T) {
	d := &door{}
	newCall := func(ctx context.Context) *Call {
		return &Call{Request: httptest.NewRequestWithContext(ctx, "GET", "/", nil), Least: "5", door: d}
	}
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		v, rev, err := Fresh(newCall(t.Context()), state(5), func() (string, state, error) {
			reads++
			return "v", state(reads), nil
		})
		if err != nil || reads != 5 || rev != 5 || v != "v" {
			t.Errorf("after %d reads: %v, %v, %v", reads, v, rev, err)
		}

		_, _, err = Fresh(newCall(t.Context()), state(5), func() (string, state, error) { return "", 4, nil })
		status, body := d.refusal(&served{Route: Route{Dialect: &strict}}, "r", err)
		if status != 400 || body.Errors[0].Code != "ALLOT_MIN_REVISION_INVALID" {
			t.Errorf("never seen: %d %v", status, body)
		}

		cause := errors.New("dead")
		if _, _, err = Fresh(newCall(t.Context()), state(5), func() (string, state, error) { return "", 0, cause }); !errors.Is(err, cause) {
			t.Errorf("%v, want %v", err, cause)
		}

		ctx, cancel := context.WithCancel(t.Context())
		if _, _, err = Fresh(newCall(ctx), state(5), func() (string, state, error) { cancel(); return "", 0, nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
	})
}
