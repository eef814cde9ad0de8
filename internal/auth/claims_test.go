package auth

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A list of words is the same in every spelling that JSON has for it.
func FuzzWords(f *testing.F) {
	for _, text := range []string{`"read:a read:b"`, `"a\u0020b"`, `" \t a"`, `"é \"x\""`, `""`, `["a","b c"]`, `[]`, `null`, "\"\xff a\"", `1`, `"a`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var line string
		var want []string
		wantErr := json.Unmarshal([]byte(text), &line)
		if wantErr == nil {
			want = strings.Fields(line)
		} else {
			wantErr = json.Unmarshal([]byte(text), &want)
		}
		c, err := parseClaims([]byte(`{"scope":` + text + `}`))
		if wantErr != nil {
			return // go-jose's reader is the stricter or the looser one
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, []string(c.Scope), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}
