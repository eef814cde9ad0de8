package routes

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
)

// Records that cannot be counted in time are not waited for, and can be sent again.
func TestBulkThatTakesTooLong(t *testing.T) {
	st := newStore(t)
	late := worldOn(t, st, 0, func(c *Config) { c.BulkTime = time.Nanosecond })
	manyPlans(t, late, 20)
	const body = `{"records":[{"id":"r1","customer_id":"` + acme + `","feature_code":"one_0001","value":"1"}]}`
	send := func(w *world) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/usage", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	rec := send(late)
	if rec.Code != 503 || !strings.Contains(rec.Body.String(), api.CodeOverloaded) || rec.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if !strings.Contains(late.log.String(), "status=503") {
		t.Errorf("it is not in the log:\n%s", late.log.String())
	}
	if rec := send(worldOn(t, st, 0)); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"recorded"`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
