package routes

import (
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
)

// What Kinde's routes take back, which their answers have no place for, is in the log:
// once, with ids and codes and nothing personal.
func TestWhatIsTakenBackIsLogged(t *testing.T) {
	const path = "/api/v1/billing/agreements"
	for name, do := range map[string]func(*world, string){
		"another plan": func(w *world, _ string) {
			for range 2 { // the second is a replay
				if rec := w.ask(t, "POST", path, `{"customer_id":"`+acme+`","plan_code":"business"}`, api.HeaderIdempotencyKey, "k"); rec.Code != 200 {
					t.Fatal(rec.Body)
				}
			}
		},
		"the plan that is held": func(w *world, _ string) {
			if rec := w.ask(t, "POST", path, `{"customer_id":"`+acme+`","plan_code":"pro"}`); rec.Code != 200 {
				t.Fatal(rec.Body)
			}
		},
		"a cancellation": func(w *world, held string) {
			if rec := w.ask(t, "DELETE", path+"?agreement_id="+held, ""); rec.Code != 200 {
				t.Fatal(rec.Body)
			}
		},
	} {
		w := newWorld(t)
		w.settle(t)
		scheduled := ask[api.Agreement](t, w, "POST", "/v1/customers/"+acme+"/agreements", `{"plan_code":"forever","starts_on":"2027-03-01"}`)
		var held string
		for _, a := range ask[api.Customer](t, w, "GET", "/v1/customers/"+acme, "").Agreements {
			if a.PlanCode == "pro" {
				held = a.ID
			}
		}
		w.log.Reset()
		do(w, held)
		log := w.log.String()
		if strings.Count(log, "took back") != 1 || !strings.Contains(log, scheduled.ID) || !strings.Contains(log, acme) || !strings.Contains(log, "request_id=") {
			t.Errorf("%s: %s", name, log)
		}
		for _, personal := range []string{"Acme", "pay@", "org_acme"} {
			if strings.Contains(log, personal) {
				t.Errorf("%s: the log has %s", name, personal)
			}
		}
		// Once more there is nothing to take back.
		w.log.Reset()
		if rec := w.ask(t, "POST", path, `{"customer_id":"`+acme+`","plan_code":"free"}`); rec.Code != 200 {
			t.Fatal(rec.Body)
		}
		w.log.Reset()
		if rec := w.ask(t, "POST", path, `{"customer_id":"`+acme+`","plan_code":"free"}`); rec.Code != 200 || strings.Contains(w.log.String(), "took back") {
			t.Errorf("%s: nothing was taken back: %d %s", name, rec.Code, w.log.String())
		}
	}
}
