package routes

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
)

// Under /v1 a field that a route does not know is refused, whichever route it is:
// each body of a golden that was accepted, with one more field, is FIELD_UNKNOWN,
// and has changed nothing. Kinde's routes go on ignoring it.
func TestUnknownFieldsAreRefusedUnderV1(t *testing.T) {
	d := describe(t, false)
	probed := map[string]bool{}
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := worldOn(t, openStore(t, databases["sqlite"](t)), 0)
		w.settle(t)
		server := httptest.NewServer(w)
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			r, body := x.sent()
			name, op := d.operation(r)
			rest, isObject := strings.CutPrefix(strings.TrimSpace(body), "{")
			if x.answer < "300" && op != nil && isObject && !probed[name] && !isCatalog(op) {
				probed[name] = true
				again := x
				again.title += ", with a field that nobody knows"
				head := x.request[:len(x.request)-1-strings.Count(body, "\n")]
				rest, comma := strings.TrimSpace(rest), ","
				if rest == "}" {
					comma = ""
				}
				again.request = append(head[:len(head):len(head)], `{"nonsense":1`+comma+rest)
				got := w.play(t, server, again)
				refused := strings.Contains(got, `"code": "FIELD_UNKNOWN"`) && strings.Contains(got, "there is no field nonsense here")
				switch own := strings.HasPrefix(r.URL.Path, "/v1/"); {
				case own && (!strings.HasPrefix(got, "400") || !refused):
					t.Errorf("%s ignores a field that it does not know: %s", name, got)
				case !own && strings.Contains(got, "FIELD_UNKNOWN"):
					t.Errorf("%s refuses a field that it does not know: %s", name, got)
				case !own:
					continue // it has done the work
				}
			}
			w.play(t, server, x)
		}
		server.Close()
	}
	for _, route := range All(Config{}) {
		name := route.Method + " " + route.Pattern
		op := d.doc.Paths.Value(route.Pattern).GetOperation(route.Method)
		if op.RequestBody != nil && strings.HasPrefix(route.Pattern, "/v1/") && !isCatalog(op) && !probed[name] {
			t.Errorf("%s takes a body, and no golden has one that was accepted", name)
		}
	}
}

// In a bulk, an unknown field fails its own record.
func TestUnknownFieldsFailTheirRecord(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	got := ask[api.UsageResultList](t, w, http.MethodPost, "/v1/usage", `{"records":[
		{"id":"a","customer_id":"`+acme+`","feature_code":"api_calls","quantity":5},
		{"id":"b","customer_id":"`+acme+`","feature_code":"api_calls","value":5}]}`)
	if r := got.Results[0]; r.Status != api.UsageFailed || r.Error.Code != api.CodeFieldUnknown ||
		r.Error.Message != "there is no field quantity here; did you mean value?" {
		t.Errorf("the record with a field that nobody knows: %+v %+v", r, r.Error)
	}
	if r := got.Results[1]; r.Status != api.UsageRecorded {
		t.Errorf("the record beside it: %+v", r)
	}
}

// What stands in the body of a DELETE under /v1 would be taken for done: when the
// agreement ends, that the customer is purged. Those are in the query.
func TestABodyThatIsNotReadIsRefused(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	deletes := 0
	for _, route := range All(Config{}) {
		if route.Method != http.MethodDelete || !strings.HasPrefix(route.Pattern, "/v1/") {
			continue
		}
		deletes++
		target := strings.NewReplacer("{id}", acme, "{feature_code}", "seats").Replace(route.Pattern)
		rec := w.ask(t, route.Method, target, `{"when":"period_end"}`)
		if rec.Code != http.StatusBadRequest || errorsOf(t, rec)[0].Code != api.CodeFieldUnknown {
			t.Errorf("%s %s with a body: %d %s", route.Method, target, rec.Code, rec.Body)
		}
	}
	if deletes < 3 {
		t.Errorf("found %d routes", deletes)
	}
}
