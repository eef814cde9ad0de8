package door

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFingerprint(t *testing.T) {
	same := []string{`{"a":1,"b":["x",null]}`, "{ \"b\" : [ \"\\u0078\", null ],\n\"a\":1 }\n"}
	for _, other := range []string{``, `{}`, `{"a":1,"b":[null,"x"]}`, `{"a":1.0,"b":["x",null]}`, `{"a":"1","b":["x",null]}`, `{"a":1}`, `[`} {
		if cmp.Equal(fingerprint([]byte(other)), fingerprint([]byte(same[0]))) {
			t.Errorf("%q passes for %q", other, same[0])
		}
	}
	if !cmp.Equal(fingerprint([]byte(same[0])), fingerprint([]byte(same[1]))) {
		t.Errorf("%q is another body than %q", same[1], same[0])
	}
	// Beyond what a float holds.
	if cmp.Equal(fingerprint([]byte(`{"a":9007199254740993}`)), fingerprint([]byte(`{"a":9007199254740992}`))) {
		t.Error("two numbers pass for one")
	}
}
