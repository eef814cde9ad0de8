package native

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/wire"
)

// Whatever a body is, it is read or refused, and what encoding/json reads as an
// object is not refused, unless it is not UTF-8.
func FuzzParseBody(f *testing.F) {
	for _, text := range []string{
		"", "{}", `{"customer_id":"a","version":1}`, `{"a":1}{}`, `{"version":1e3,"starts_on":"2026-11-22","metadata":{"a":null}}`,
		`[`, `{"a":`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"metadata":{"a":"b"},"annual":null}`,
		`{"units":1e3,"feature_codes":["a"],"agreement_id":"a","org_code":"b"}`, `{"units":"0.1","feature_code":"a","feature_codes":[null]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var faulty door.Faults
		fields, err := door.ParseBody([]byte(text), &faulty)
		var object map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(text), &object) == nil && object != nil && utf8.ValidString(text)
		if isObject != (err == nil) {
			t.Fatalf("%q is an object %v: %v", text, isObject, err)
		}
		if err == nil {
			b := body{fields}
			b.Required("customer_id", wire.ACustomerID)
			if n := b.Count("version", api.MaxInteger); n < 0 || n > api.MaxInteger {
				t.Fatalf("%q: version %d", text, n)
			}
			b.Time("starts_on")
			b.Metadata("metadata")
			b.Boolean("annual")
			b.ChangeOrClear("name")
			if u := b.units(); u != nil && *u <= 0 {
				t.Fatalf("%q: units %s", text, u)
			}
			b.featureCodes()
			b.reported()
			err = faulty.Err()
		}
		if _, refused := errors.AsType[*door.Error](err); err != nil && !refused {
			t.Fatalf("%q: %v is no fault of the request", text, err)
		}
	})
}
