package api

import (
	"encoding/json"
	"testing"
)

// The digits stay as they were written, whatever the form and the size.
func TestDecimal(t *testing.T) {
	type body struct {
		V Decimal `json:"v,omitempty"`
	}
	for in, want := range map[string]Decimal{
		`{"v":"0.1"}`:                    "0.1",
		`{"v":0.1}`:                      "0.1",
		`{"v":0.10}`:                     "0.10",
		`{"v":-3}`:                       "-3",
		`{"v":999999999999.999999}`:      "999999999999.999999",
		`{"v":0.1000000000000000000001}`: "0.1000000000000000000001",
		`{"v":1e3}`:                      "1e3", // judged by the server
		`{"v":"pro_gym"}`:                "pro_gym",
		`{"v":""}`:                       "",
		`{"v":null}`:                     "",
		`{}`:                             "",
	} {
		var got body
		if err := strictDecode([]byte(in), &got); err != nil || got.V != want {
			t.Errorf("%s was read as %q, %v; want %q", in, got.V, err, want)
		}
	}
	for _, bad := range []string{`{"v":true}`, `{"v":{}}`, `{"v":["1"]}`} {
		var got body
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read as %q", bad, got.V)
		}
	}
	if out, err := json.Marshal(body{"0.10"}); err != nil || string(out) != `{"v":"0.10"}` {
		t.Errorf("written: %s, %v", out, err)
	}
}
