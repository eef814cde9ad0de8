package door

import (
	"net/url"
	"testing"
)

// What is properly escaped is read as net/url reads it.
func FuzzParseQuery(f *testing.F) {
	f.Add("a=b&c=%20+d&a=")
	f.Add("0=\u0387") // which is U+00B7, composed
	f.Fuzz(func(t *testing.T, raw string) {
		want, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q := &Query{given: parseQuery(raw)}
		for name, values := range want {
			if name == "" {
				continue // net/url leaves out empty pairs
			}
			// Values are taken in one form of Unicode.
			if value, times := q.find(name); value != composed(values[0]) || times != len(values) {
				t.Fatalf("%q: %s is %q, given %d times; want %q", raw, name, value, times, values)
			}
		}
	})
}
