package httpapi

import (
	"encoding/json"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Whatever a query is, it is read or refused: with at least one error, each with
// a code of one of its parameters, and what is read is within bounds.
func FuzzEntitlementsQuery(f *testing.F) {
	for _, raw := range []string{
		"", "customer_id=" + acme, "customer_id=a&page_size=0&max_value=x&expand=y", "page_size=1&page_size=1", "&&=&%", "%zz=%zz&max_value=%ff",
		"customer_id=a;b&starting_after=entitlement_01a202b2c50070008000000000000001", "customer_id=%00&page_size=500&max_value=9007199254740991&expand=plans",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		in, err := readEntitlementsQuery(&query{new(faults), parseQuery(raw)})
		if err == nil {
			if in.customer == "" || in.page.Size < 1 || in.page.Size > api.MaxPageSize || in.page.After != nil && in.page.Before != nil ||
				in.maxValue != nil && (*in.maxValue < 0 || *in.maxValue > api.MaxInteger) {
				t.Fatalf("%q is read as %+v", raw, in)
			}
			return
		}
		status, body := refusal(kinde, "r", err)
		text, jsonErr := json.Marshal(body)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if err := wellFormed(text); err != nil || status != 400 {
			t.Fatalf("%q: %d %s: %v", raw, status, text, err)
		}
	})
}

// What is properly escaped is read as net/url reads it.
func FuzzParseQuery(f *testing.F) {
	f.Add("a=b&c=%20+d&a=")
	f.Fuzz(func(t *testing.T, raw string) {
		want, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q := &query{given: parseQuery(raw)}
		for name, values := range want {
			if name == "" {
				continue // net/url leaves out empty pairs
			}
			if value, times := q.find(name); value != values[0] || times != len(values) {
				t.Fatalf("%q: %s is %q, given %d times; want %q", raw, name, value, times, values)
			}
		}
	})
}

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
		var faulty faults
		b, err := parseBody([]byte(text), &faulty)
		var object map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(text), &object) == nil && object != nil && utf8.ValidString(text)
		if isObject != (err == nil) {
			t.Fatalf("%q is an object %v: %v", text, isObject, err)
		}
		if err == nil {
			b.required("customer_id", aCustomerID)
			if n := b.count("version", api.MaxInteger); n < 0 || n > api.MaxInteger {
				t.Fatalf("%q: version %d", text, n)
			}
			b.time("starts_on")
			b.metadata("metadata")
			b.boolean("annual")
			b.changeOrClear("name")
			if u := b.units(); u != nil && *u <= 0 {
				t.Fatalf("%q: units %s", text, u)
			}
			b.featureCodes()
			b.reported()
			err = faulty.err()
		}
		if err == nil {
			return
		}
		status, body := refusal(native, "r", err)
		if out, jsonErr := json.Marshal(body); jsonErr != nil || status != 400 || wellFormed(out) != nil {
			t.Fatalf("%q: %d %s", text, status, out)
		}
	})
}

// Kinds that no table names are faults of ours, and never a status of 0.
func TestEveryKindHasAStatus(t *testing.T) {
	for _, d := range []dialect{open, kinde, account, native} {
		for kind := billing.Internal; kind <= billing.Conflict+1; kind++ {
			status, body := refusal(d, "r", &billing.Error{Kind: kind, Code: "A_B", Message: "some message"})
			if status < 400 || len(body.Errors) != 1 {
				t.Errorf("dialect %d, kind %d: %d %v", d, kind, status, body)
			}
			if d == kinde && kind != billing.Internal && kind <= billing.Conflict && status != 400 {
				t.Errorf("kind %d: %d on a route shaped after Kinde's", kind, status)
			}
		}
	}
}
