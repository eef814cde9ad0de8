package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// What counters say beside what was used is derived. Where verify sees that it was changed by
// hand nobody has looked yet: until then no hard limit is passed by it.
func TestDerivedColumnsPassNoLimit(t *testing.T) {
	file := lived(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(file), "allot.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		`none`,
		`update counters set pooled = 1`,
		`update counters set present_end = 9000000000000000 where present_end is not null`,
		`update counters set present_start = present_start + 1 where feature_code = 'api_calls'`,
		`update counters set present_start = null`,
		`update counters set version = version + 1000000000`,
		`update counters set held_on = held_on - 864000000000`,
		`update counters set changed_on = 1`,
		`delete from sources`,
	} {
		t.Run(change, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string][]byte{"allot.db": content, "allot.key": key} {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if change != "none" {
				byHand(t, filepath.Join(dir, "allot.db"), change)
			}
			r := start(t, Config{Place: Place{Data: dir}})
			_, token := r.token(t)
			post := func(path string, body map[string]any) map[string]any {
				t.Helper()
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				status, answer, _ := r.ask(t, http.MethodPost, path, token, string(text))
				if status >= 300 {
					t.Fatalf("%s %s: %d %s", path, text, status, answer)
				}
				out := map[string]any{}
				if err := json.Unmarshal([]byte(answer), &out); err != nil {
					t.Fatal(err)
				}
				return out
			}
			for _, of := range []map[string]any{
				{"org_code": "acme", "feature_code": "seats"}, {"org_code": "ada", "feature_code": "api_calls"},
			} {
				feature, left := of["feature_code"], 100 // of 1000, hard
				if feature == "seats" {
					left = 24 // of 27, of which 1 is used and 2 are held
				}
				if got := post("/v1/check", of)["remaining"]; fmt.Sprint(got) != fmt.Sprint(left) {
					t.Errorf("of %v %v remain, want %d", feature, got, left)
				}
				for _, try := range []struct {
					units   int
					allowed bool
				}{{left + 1, false}, {left, true}, {1, false}} {
					of["units"] = fmt.Sprint(try.units)
					if got := post("/v1/consume", of); got["allowed"] != try.allowed {
						t.Errorf("%d of %v: %v", try.units, feature, got)
					}
				}
			}
		})
	}
}
