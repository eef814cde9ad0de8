package door

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/api"
)

// A body that cannot be encoded is no half answer.
func TestAnswerThatCannotBeEncoded(t *testing.T) {
	rec := httptest.NewRecorder()
	x := &exchange{ResponseWriter: rec, id: "r1", door: new(door)}
	x.Header().Set(api.HeaderRevision, "1.1")
	x.send(200, map[string]any{"ok": 1, "bad": func() {}})
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), api.CodeInternalError) || rec.Header().Get(api.HeaderRevision) != "" {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if x.cause == nil {
		t.Error("no cause for the log")
	}
}

func TestWhatIsLoggedAtWhichLevel(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx    context.Context
		status int
		took   time.Duration
		want   string
	}{
		{t.Context(), 200, slow - 1, "DEBUG"},
		{t.Context(), 200, slow, "INFO"},
		{t.Context(), 400, 0, "INFO"},
		{t.Context(), 403, 0, "INFO"},
		{t.Context(), 500, 0, "ERROR"},
		{t.Context(), 503, slow, "ERROR"},
		{gone, 500, 0, "INFO"},
	} {
		var log strings.Builder
		d := &door{few: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		d.log(&exchange{status: test.status}, httptest.NewRequestWithContext(test.ctx, "GET", "/", nil), test.took)
		if !strings.Contains(log.String(), "level="+test.want) {
			t.Errorf("%d after %s: %s, want level %s", test.status, test.took, &log, test.want)
		}
	}
}

// What is found without a search is what the search would find.
func TestExactRoutes(t *testing.T) {
	routes := []Route{
		{Method: "GET", Pattern: "/a", Dialect: &Dialect{}}, {Method: "POST", Pattern: "/a", Dialect: &Dialect{}},
		{Method: "GET", Pattern: "/a/{id}", Dialect: &Dialect{}}, {Method: "GET", Pattern: "/a/b", Dialect: &Dialect{Pages: "/a/"}},
	}
	d := New(Config{}, routes).(*door)
	for at, route := range d.exact {
		_, pattern := d.mux.Handler(httptest.NewRequestWithContext(t.Context(), at.method, at.path, nil))
		if pattern != route.name {
			t.Errorf("%s %s is %s, by the mux %s", at.method, at.path, route.name, pattern)
		}
	}
	for _, route := range routes {
		_, exact := d.exact[endpoint{route.Method, route.Pattern}]
		if exact == strings.Contains(route.Pattern, "{") {
			t.Errorf("%s %s is found without a search: %v", route.Method, route.Pattern, exact)
		}
	}
}

// A plain path is one that normalise would let through as it is.
func TestPlainPaths(t *testing.T) {
	plains := 0
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + rapid.StringOfN(rapid.SampledFrom([]rune("ab/._-%~+ ü")), 0, 6, -1).Draw(t, "path")
		if !plain(path) {
			return
		}
		plains++
		// A raw path, though the same, is not taken for plain.
		r := &http.Request{URL: &url.URL{Path: path, RawPath: path}}
		if !normalise(r) || r.URL.Path != path {
			t.Fatalf("%s is taken for plain, but becomes %s", path, r.URL)
		}
	})
	if plains == 0 {
		t.Error("no path was plain")
	}
}
