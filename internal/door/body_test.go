package door

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// The body is read as encoding/json reads an object of raw values, and every
// text that it does not take is refused.
func FuzzBodyFields(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b":"x\"y" , "c":[{"d":"}"},2] , "e":null,"f":true } `, `{"a":{"b":{"c":[]}},"a":2}`,
		"{\"\\u0061\":\"\\ud83d\\ude00\", \"ä\":-1.5e3}\n", `{"a":1}x`, `{"a":1`, `[]`, `"a"`, ``, `{"a":1,}`, `{"a" 1}`, `{"":""}`,
		`{"a":"\\"}`, `{"a":[1,[2,[3]]],"b":{}}`, "{\"a\":\"\x01\"}", `nul`, `{"a":tru}`, `{"a":01}`, `{} {}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]json.RawMessage
		trimmed := bytes.TrimLeft(text, whiteSpace)
		ok := json.Unmarshal(text, &want) == nil && utf8.Valid(text) && len(trimmed) > 0 && trimmed[0] == '{'
		b, err := ParseBody(text, new(Faults))
		if (err == nil) != ok {
			t.Fatalf("%q: %v; valid: %t", text, err, ok)
		}
		if err != nil {
			return
		}
		if len(b.fields) != len(want) {
			t.Fatalf("%q: %d fields, want %d", text, len(b.fields), len(want))
		}
		for key, value := range want {
			if !bytes.Equal(b.fields[key], value) {
				t.Errorf("%q: %q is %s, want %s", text, key, b.fields[key], value)
			}
			var got, is string
			if json.Unmarshal(value, &is) == nil && string(value) != "null" {
				if decode(b, key, "", &got); got != is {
					t.Errorf("%q: %q reads as %q, want %q", text, key, got, is)
				}
			}
		}
	})
}
