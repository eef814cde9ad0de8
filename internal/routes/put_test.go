package routes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
)

// Of sign-ups that race under one name, one makes the customer, and all are told
// of it.
func TestRacingSignUpsMakeOneCustomer(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, openStore(t, database(t)), 0)
			w.settle(t)
			const racers = 8
			for round := range 5 {
				for _, target := range []string{"org_code:org_r%d", "external_id:cus_r%d", "customer_01a202b2c5007000800000000000010%d"} {
					target := "/v1/customers/" + fmt.Sprintf(target, round)
					var racing sync.WaitGroup
					made, ids := make([]int, racers), make([]string, racers)
					for i := range racers {
						racing.Go(func() {
							rec := w.ask(t, http.MethodPut, target, fmt.Sprintf(`{"type":"organization","name":"by %d","plan_code":"pro"}`, i))
							var c api.Customer
							if err := json.Unmarshal(rec.Body.Bytes(), &c); err != nil || rec.Code >= 300 {
								t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
							}
							made[i], ids[i] = rec.Code, c.ID
							if n := len(c.Agreements); n != 1 {
								t.Errorf("%s: %d agreements", target, n)
							}
						})
					}
					racing.Wait()
					makers := 0
					for i := range racers {
						if made[i] == http.StatusCreated {
							makers++
						}
						if ids[i] != ids[0] {
							t.Errorf("%s is %s and %s", target, ids[0], ids[i])
						}
					}
					if makers != 1 {
						t.Errorf("%s was made %d times", target, makers)
					}
				}
			}
		})
	}
}

// A sign-up that is repeated as it was changes nothing: the revision stays.
func TestRepeatedSignUpChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	const target = "/v1/customers/org_code:org_twice"
	const body = `{"type":"organization","name":"Twice","email":"a@twice.example","external_id":"cus_2","plan_code":"pro","anchor_on":"2026-01-31","metadata":{"a":"b"}}`
	first := w.ask(t, http.MethodPut, target, body)
	second := w.ask(t, http.MethodPut, target, body)
	if first.Code != http.StatusCreated || second.Code != http.StatusOK {
		t.Errorf("answered %d, then %d", first.Code, second.Code)
	}
	if diff := cmp.Diff(first.Body.String(), second.Body.String()); diff != "" {
		t.Errorf("the second answer differs (-first +second):\n%s", diff)
	}
	if a, b := first.Header().Get(api.HeaderRevision), second.Header().Get(api.HeaderRevision); a != b {
		t.Errorf("revision %s, then %s", a, b)
	}
}

// Both forms of the description are one document.
func TestDescriptionIsOneDocument(t *testing.T) {
	w := newWorld(t)
	var fromJSON, fromYAML any
	if err := json.Unmarshal(w.ask(t, http.MethodGet, "/openapi.json", "").Body.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	text := w.ask(t, http.MethodGet, "/openapi.yaml", "").Body.Bytes()
	if err := yaml.Unmarshal(text, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain(fromYAML), fromJSON); diff != "" {
		t.Errorf("YAML (-) and JSON (+) differ:\n%s", diff)
	}
}

// plain is a value as encoding/json reads it.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			v[key] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case int:
		return float64(v)
	}
	return v
}
