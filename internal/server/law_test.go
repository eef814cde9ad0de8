package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lived makes an installation in which something of every kind has happened, and ends its
// server. It returns the file.
func lived(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	cfg := Config{Place: Place{Data: data}, Listen: "127.0.0.1:0"}
	log := &watchedLog{changed: make(chan struct{})}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	ctx, stop := context.WithCancel(context.Background())
	s, err := Start(ctx, cfg)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	r := &running{s, stop, log, &http.Client{Transport: &http.Transport{}}}
	revoked, _ := r.token(t)
	id, token := r.token(t)
	asked := 0
	put := func(method, path string, body any) map[string]any {
		t.Helper()
		text, raw := body.([]byte)
		if !raw {
			if text, err = json.Marshal(body); err != nil {
				t.Fatal(err)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Idempotency-Key", fmt.Sprint("key ", asked))
		asked++
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
		}
		out := map[string]any{}
		_ = json.Unmarshal(answer, &out) // what has no body has nothing to read
		return out
	}
	type m = map[string]any
	put("PUT", "/v1/catalog", ExampleCatalog())
	acme := put("POST", "/v1/customers", m{
		"type": "organization", "org_code": "acme", "external_id": "cus_1", "name": "Acme", "email": "a@acme.example",
		"metadata": m{"k": "v"}, "plan_code": "pro", "time_zone": "Europe/Berlin",
	})["id"].(string)
	ada := put("POST", "/v1/customers", m{"type": "organization", "org_code": "ada", "name": "Ada"})["id"].(string)
	gone := put("POST", "/v1/customers", m{"type": "organization", "org_code": "gone", "name": "Gone"})["id"].(string)
	put("DELETE", "/v1/customers/"+gone, m{})
	past := put("POST", "/v1/customers", m{"type": "organization", "org_code": "past", "name": "Past", "email": "p@past.example"})["id"].(string)
	put("PUT", "/v1/customers/"+past+"/overrides/seats", m{"add": 1, "note": "a favour"})
	put("DELETE", "/v1/customers/"+past+"?purge=true", m{})
	for n := range 16 { // so that there is an image
		put("PUT", "/v1/customers/"+acme+"/overrides/seats", m{"max": 12 + n, "note": "as agreed"})
	}
	put("PUT", "/v1/customers/"+ada+"/overrides/seats", m{"add": 2})
	put("DELETE", "/v1/customers/"+ada+"/overrides/seats", m{})
	put("POST", "/v1/customers/"+acme+"/grants", m{"feature_code": "credits", "amount": "500", "external_id": "buy_1", "note": "thanks"})
	put("POST", "/v1/holds", m{"customer_id": acme, "feature_code": "seats", "units": "2", "expires_in": 3600})
	put("POST", "/v1/holds", m{"customer_id": acme, "feature_code": "images", "units": "2", "expires_in": 3600})
	put("POST", "/v1/consume", m{"customer_id": acme, "feature_code": "api_calls", "units": "7"})
	put("POST", "/v1/consume", m{"customer_id": acme, "feature_code": "credits", "units": "450"})
	put("POST", "/v1/consume", m{"customer_id": acme, "feature_code": "images", "units": "18"}) // some of the grant's
	put("POST", "/v1/consume", m{"customer_id": ada, "feature_code": "api_calls", "units": "900"})
	put("POST", "/v1/usage", m{"records": []m{{"id": "r1", "customer_id": acme, "feature_code": "storage_gb", "value": "3"}}})
	hold := put("POST", "/v1/holds", m{"customer_id": acme, "feature_code": "seats", "units": "1", "expires_in": 3600})["id"].(string)
	put("POST", "/v1/holds/"+hold+"/confirm", m{})
	hold = put("POST", "/v1/holds", m{"customer_id": acme, "feature_code": "seats", "units": "1", "expires_in": 3600})["id"].(string)
	put("POST", "/v1/holds/"+hold+"/release", m{})
	put("POST", "/v1/customers/"+acme+"/agreements", m{"plan_code": "free", "when": "period_end", "external_id": "sub_1"})
	hook := put("POST", "/v1/webhooks", m{"url": "https://hooks.invalid/allot", "format": "standard", "events": []string{"override.set"}, "description": "the shop"})["id"].(string)
	put("POST", "/v1/webhooks/"+hook+"/rotate", m{"overlap": 3600})
	out := put("POST", "/v1/webhooks", m{"url": "https://hooks.invalid/gone", "format": "kinde", "events": "all"})["id"].(string)
	put("DELETE", "/v1/webhooks/"+out, m{})
	put("PUT", "/v1/customers/"+ada+"/overrides/seats", m{"add": 3})
	if err := r.RevokeClient(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RotateKey(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "out"} {
		if _, err := r.CreateAdministrator(t.Context(), r.URL(), name, "viewer"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.DisableAdministrator(t.Context(), "out"); err != nil {
		t.Fatal(err)
	}
	_ = id
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if sent, _ := put("GET", "/v1/webhooks/"+hook+"/deliveries", []byte{})["deliveries"].([]any); len(sent) == 0 && time.Now().Before(deadline) {
			continue
		}
		v, err := r.place.Verify(t.Context(), VerifyOptions{})
		if err != nil || len(v.Drifts) > 0 {
			t.Fatalf("beside the server: %v %+v", err, v.Drifts)
		}
		if v.Places >= 20 && v.Unhashed == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the feed has %d places", v.Places)
		}
	}
	r.http.CloseIdleConnections()
	stop()
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(data, "allot.db")
}

// Whoever changes a database by hand is found out: each of these is one change of a stopped
// database, with a text that is in what verify says. "" is a change that it cannot see; why
// is beside it.
func TestVerifyByLaw(t *testing.T) {
	file := lived(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(file), "allot.key"))
	if err != nil {
		t.Fatal(err)
	}
	acme := `(select customer_id from customers where external_id = 'cus_1')`
	caught := 0
	for _, test := range []struct{ name, change, want string }{
		// Usage.
		{"counters emptied", `delete from counters`, `and no counter of them`},
		{"one counter removed", `delete from counters where feature_code = 'api_calls'`, `"api_calls" and no counter`},
		{"a counter edited", `update counters set used = used - 1000000 where feature_code = 'seats'`, `the counter of seats`},
		{"a present window edited", `update counters set present_used = 0 where feature_code = 'api_calls'`, `the counter of api_calls`},
		{"what is held edited", `update counters set held = 0 where feature_code = 'seats'`, `the lane of seats says that 0 are held`},
		{"a record's value", `update records set value = 5000000 where feature_code = 'api_calls'`, `is of another amount than it counts`},
		{"a record's change", `update records set change = 1 where feature_code = 'api_calls'`, `its records sum to`},
		{"records removed", `delete from records where feature_code = 'storage_gb'`, `its records sum to 0`},
		{"a record's id freed", `delete from record_ids where record_id = 'r1'`, `the id of usage record "r1" is not taken`},
		{"a draw removed", `delete from draws where feature_code = 'credits'`, `its draws sum to`},
		{"a draw edited", `update draws set units = units + 1 where feature_code = 'credits'`, `its draws sum to`},
		{"a sum of draws edited", `update sources set drawn = 1 where feature_code = 'credits'`, `its draws sum to`},
		{"a hold removed", `delete from holds where state = 'open'`, `the holds of`},
		{"a hold edited", `update holds set units = 1000000 where state = 'open'`, `the holds of`},
		{"a hold closed", `update holds set state = 'released', expires_on = made_on where state = 'open'`, `the holds of`},
		{"a hold said to be released", `update holds set state = 'released' where state = 'open' and feature_code = 'seats'`, `it is counted as held`},
		{"a hold said to be confirmed", `update holds set state = 'confirmed' where state = 'open' and feature_code = 'seats'`, `it is counted as held`},
		{"a hold that is over said to be released", `update holds set state = 'released', made_on = made_on - 86400000000, expires_on = made_on where state = 'open' and feature_code = 'seats'`, `is released, which is not how it was closed`},
		{"a hold opened again", `update holds set state = 'open' where state = 'confirmed'`, `is open, which is not how it was closed`},
		{"a hold that was confirmed said to be released", `update holds set state = 'released' where state = 'confirmed'`, `is released, which is not how it was closed`},
		{"a hold that was released said to be confirmed", `update holds set state = 'confirmed' where state = 'released'`, `is confirmed, which is not how it was closed`},
		{"a hold said to be confirmed, with an answer", `update holds set state = 'confirmed', confirmed = units where state = 'released'`, `is confirmed, and no usage record is of it`},
		{"what a hold was confirmed with", `update holds set confirmed = 2 where state = 'confirmed'`, `no usage record is of it`},
		{"what a confirm answered", `update holds set closing = replace(closing, 'used', 'usher') where state = 'confirmed'`, ``}, // no other place has it
		{"a feature that is held said to be pooled", `update counters set pooled = 1 where feature_code = 'seats'`, `the lane of seats says that usage was drawn from sources, of which it has never had any`},
		{"a feature that has no sources said to be pooled", `update counters set pooled = 1 where feature_code = 'api_calls'`, `the lane of api_calls says that usage was drawn from sources`},
		{"the end of a present window", `update counters set present_end = 9000000000000000 where feature_code = 'api_calls'`, `which is no window of it`},
		{"the end of all time", `update counters set present_end = 9000000000000000 where feature_code = 'seats'`, `which is no window of it`},
		{"the start of a present window", `update counters set present_start = present_start + 1 where feature_code = 'storage_gb' or feature_code = 'api_calls'`, `which is no window of it`},
		{"a counter of a window that is none", `insert into counters (customer_id, feature_code, window_start, window_end, used) select customer_id, feature_code, 1, 2, 0 from counters where feature_code = 'api_calls'`, `which is no window of it`},
		{"what is held and when", `update counters set held = 0, held_on = held_on - 864000000000 where feature_code = 'seats'`, `the lane of seats says that 0 are held`},
		{"when what is held was counted", `update counters set held_on = 9000000000000000 where feature_code = 'api_calls'`, `the lane of api_calls says what is held at`},
		{"when usage was last written", `update counters set changed_on = 1 where feature_code = 'api_calls'`, `after the counter of api_calls says`},
		{"when what is held was last written", `update counters set changed_on = 1, held_on = null where feature_code = 'seats'`, `after the counter of seats says`},
		{"a version that none can follow", `update counters set version = 9223372036854775807 where feature_code = 'seats'`, `the lane of seats is at version`},
		{"the units of a hold that was confirmed", `update holds set units = units + 1000000 where state = 'confirmed'`, `another amount than was set aside`},
		{"the units of a hold that was released", `update holds set units = units + 1000000 where state = 'released'`, `another amount than was set aside`},
		{"the pins of a hold", `update holds set pins = replace(pins, '"units":', '"units":9') where pins <> ''`, `its pins are of`},
		{"the window of a hold", `update holds set window_end = 9000000000000000 where feature_code = 'images'`, `which is no window of it`},
		{"a hold made outside its window", `update holds set made_on = made_on - 86400000000000, state = state where feature_code = 'images'`, `was made outside its window`},
		{"a hold without end", `update holds set expires_on = 9000000000000000 where state = 'open' and feature_code = 'seats'`, `ends later than any hold can`},
		{"the stamp of a record", `update records set stamp = 9000000000000000 where feature_code = 'storage_gb'`, `says that it happened after it was recorded`},
		{"when a record was recorded", `update records set recorded_on = 9000000000000000 where feature_code = 'storage_gb'`, `after the counter of storage_gb says`},
		{"a record recorded before it happened", `update records set recorded_on = 1 where feature_code = 'storage_gb'`, `says that it happened after it was recorded`},
		{"a hold of another id", `update holds set hold_id = hold_id || '0' where state = 'open' and feature_code = 'seats'`, `its id is not one of the customer's`},
		{"a twin removed", `delete from holds where of_hold <> ''`, `what is held with it is not, or not there`},
		{"a twin closed", `update holds set state = 'released', expires_on = made_on, confirmed = 0, closing = '{}' where of_hold <> ''`, `what is held with it is not, or not there`},
		{"the kind of a twin", `update records set kind = 'delta' where kind = 'burned'`, `is of another kind than it is`},
		{"the kind of what a hold was confirmed with", `update records set kind = 'delta' where feature_code = 'seats'`, `no usage record is of it`},
		{"the kind of a use", `update records set kind = 'delta' where feature_code = 'api_calls'`, ``}, // both count the same; no other place has it
		{"when a draw was recorded", `update draws set recorded_on = recorded_on - 1`, `was recorded at another instant than what it drew`},
		{"a use removed with all that is of it", `delete from records where record_id = 'r1'; delete from record_ids where record_id = 'r1'; delete from counters where feature_code = 'storage_gb'`, ``}, // only a backup, or a copy of the usage, has it
		// Customers.
		{"a status", `update customers set status = 'suspended' where external_id = 'cus_1'`, `the customer's record is not`},
		{"an anchor", `update customers set anchor_on = anchor_on + 86400000000 where external_id = 'cus_1'`, `the customer's record is not`},
		{"a time zone", `update customers set zones = '[]' where external_id = 'cus_1'`, `the customer's record is not`},
		{"a deletion", `update customers set deleted_on = 1 where external_id = 'cus_1'`, `the customer's record is not`},
		{"a deletion undone", `update customers set deleted_on = null where deleted_on is not null`, `the customer's record is not`},
		{"a type", `update customers set type = 'user' where external_id = 'cus_1'`, `the customer's record is not`},
		{"a revision", `update customers set rev = rev - 1 where external_id = 'cus_1'`, `which is not that of its last change`},
		{"a customer removed", `delete from customers where external_id = 'cus_1'`, `who is not there`},
		{"a name", `update customers set name = 'Other' where external_id = 'cus_1'`, `the customer's record is not`},
		{"an address", `update customers set email = 'x@evil.example' where external_id = 'cus_1'`, `the customer's record is not`},
		{"metadata", `update customers set metadata = '{"k":"w"}' where external_id = 'cus_1'`, `the customer's record is not`},
		{"codes", `update customers set org_code = 'other' where external_id = 'cus_1'`, `the directory does not have the customer's codes`},
		{"codes in the directory", `update customer_codes set customer_id = (select customer_id from customers where name = 'Ada') where org_code = 'acme'`, `who does not have it`},
		{"a code removed", `delete from customer_codes where org_code = 'acme'`, `the directory does not have the customer's codes`},
		{"a code made", `insert into customer_codes values ('mine', '', ` + acme + `)`, `who does not have it`},
		{"an external id", `update customers set external_id = 'cus_2' where external_id = 'cus_1'`, `external id`},
		{"an id of an agreement moved", `update agreement_ids set customer_id = (select customer_id from customers where name = 'Ada')`, `the directory does not have agreement`},
		{"ids of agreements removed", `delete from agreement_ids`, `the directory does not have agreement`},
		// Agreements, overrides, grants.
		{"a plan", `update agreements set plan_code = 'business' where plan_code = 'pro'`, `is not what its last change says`},
		{"a version", `update agreements set version = version + 1 where plan_code = 'pro'`, `is not what its last change says`},
		{"a quantity", `update agreements set quantity = 50 where plan_code = 'pro'`, `is not what its last change says`},
		{"a start", `update agreements set starts_on = starts_on - 1000000 where plan_code = 'pro'`, `is not what its last change says`},
		{"a trial", `update agreements set trial_ends_on = trial_ends_on + 1 where plan_code = 'pro'`, `is not what its last change says`},
		{"an end", `update agreements set expires_on = starts_on + 1 where plan_code = 'pro'`, `is not what its last change says`},
		{"a term", `update agreements set anchor_on = 1, term_from = 1 where plan_code = 'pro'`, `is not what its last change says`},
		{"an agreement removed", `delete from agreements where plan_code = 'pro'`, `is in the log and not there`},
		{"metadata of an agreement", `update agreements set metadata = '{"x":"y"}' where plan_code = 'pro'`, `is not what its last change says`},
		{"an override", `update overrides set limit_max = 1000 where limit_max = 27`, `is not what its last change says`},
		{"an override removed", `delete from overrides where limit_max = 27`, `is in the log and not there`},
		{"an override brought back", `update overrides set expires_on = 9223372036854775807 where note = ''`, `is not what its last change says`},
		{"a note", `update overrides set note = 'for ever' where limit_max = 27`, `is not what its last change says`},
		{"a grant", `update grants set amount = amount * 2`, `is not what its last change says`},
		{"a grant removed", `delete from grants`, `is in the log and not there`},
		{"a purchase of a grant", `update grants set external_id = 'buy_2' where external_id <> ''`, `is not what its last change says`},
		// The catalog.
		{"terms", `update plan_versions set terms = replace(terms, '1000', '9000') where plan_code = 'free'`, `plan_version/free/1`},
		{"terms that are no JSON", `update plan_versions set terms = '{' where plan_code = 'free'`, `what is stored cannot be read`},
		{"a plan's name", `update plans set name = 'Gratis' where code = 'free'`, `plan/free is not what`},
		{"a feature", `update features set reset_interval = 'never' where code = 'api_calls'`, `feature/api_calls`},
		{"a plan removed", `delete from plans where code = 'pro'`, `which is not there`},
		{"the currency", `update settings set value = 'eur' where name = 'currency'`, `currency`},
		// The log and the feed.
		{"the log edited", `update changes set after_facts = replace(after_facts, '"pro"', '"business"')`, `is not what its hash was made of`},
		{"the log re-attributed", `update changes set actor = 'cli'`, `is not what its hash was made of`},
		{"the log cut", `delete from changes where customer_id = ` + acme + ` and customer_rev > 2`, `names what is not there`},
		{"one change removed", `delete from changes where customer_id = ` + acme + ` and customer_rev = 2`, `the log has change 3 behind change 1`},
		{"a change forgotten by the feed", `update changes set seq = null where customer_id = ` + acme + ` and customer_rev = 2`, `which does not say so`},
		{"an instant of the log", `update changes set happened_on = happened_on - 1 where customer_rev = 1`, `is not what its hash was made of`},
		{"the feed emptied", `delete from feed`, `of the feed are not there`},
		{"the feed emptied, with its length", `delete from feed; update revisions set rev = 0 where name in ('feed', 'chain')`, `which the feed does not say`},
		{"two places swapped", `update feed set seq = seq + 1000 where seq = 3; update feed set seq = 3 where seq = 4; update feed set seq = 4 where seq = 1003`, `is not what its hash was made of`},
		{"an event edited", `update events set facts = '{}'`, `is not what its hash was made of`},
		{"an event removed", `delete from events`, `names what is not there`},
		{"an image edited", `update images set after_facts = replace(after_facts, 'seats', 'projects')`, `the image of revision`},
		{"packed facts", `update packed_facts set packed = cast(packed || x'00' as blob)`, `packed`},
		// Credentials.
		{"scopes widened", `update clients set scopes = '["read:catalog"]'`, `scopes`},
		{"a client brought back", `update clients set revoked_on = null where revoked_on is not null`, `revoked_on`},
		{"a secret", `update clients set secret_hash = x'00'`, `secret_digest`},
		{"a client made", `insert into clients (client_id, name, secret_hash, scopes, created_on, revoked_on) select 'ffffffffffffffffffffffffffffffff', 'x', secret_hash, scopes, created_on, null from clients limit 1`, `the log does not have client`},
		{"a client removed", `delete from clients where revoked_on is null`, `is in the log and not there`},
		{"a sealed key zeroed", `update signing_keys set sealed_key = zeroblob(length(sealed_key))`, `sealed_digest`},
		{"a public key", `update signing_keys set public_key = x'00' where retired_on is null`, `public_digest`},
		{"a key brought back", `update signing_keys set retired_on = null`, `retired_on`},
		{"an administrator who may more", `update administrators set role = 'admin' where name = 'ada'`, `administrator ada is not what its last change says: role`},
		{"an administrator brought back", `update administrators set disabled_on = null`, `disabled_on`},
		{"a password", `update administrators set password = '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$x' where name = 'ada'`, `password_digest`},
		{"an administrator made", `insert into administrators select 'eve', 'admin', '', created_on, null from administrators limit 1`, `the log does not have administrator eve`},
		{"an administrator removed", `delete from administrators where name = 'out'`, `is in the log and not there`},
		{"a client and an entry that it was taken over with", `update clients set scopes = '["all"]';
			insert into changes (customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts, seq)
			select 'clients', 0, happened_on, actor, 'clients.adopted', '{}', json_object('rev', (select cast(rev as text) from revisions where name = 'clients'),
			client_id || '/client', client_id, client_id || '/created_on', 'x'), 0 from clients, changes limit 1`, `the log before it lacks none`},
		{"a plan and an entry that it was taken over with", `update plans set name = 'Gratis' where code = 'free';
			insert into changes (customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts, seq)
			select 'catalog', 0, happened_on, actor, 'facts.adopted', '{}', json_object('rev', (select cast(rev as text) from revisions where name = 'catalog'),
			'plan/free/name', 'Gratis'), 0 from changes limit 1`, `was taken over otherwise than its last change before says`},
		{"a link of nobody", `insert into administrator_links (hash, name, purpose, created_on, expires_on, spent_on) values ('h', 'eve', 'password', 1, 9000000000000000, null)`, `a link is of administrator eve, who is not there`},
		{"an identity of nobody", `insert into administrator_identities (issuer, subject, name, created_on) values ('https://id.example', 'eve', 'eve', 1)`, `an identity is of administrator eve`},
		// Webhooks, and what time causes.
		{"the URL of a webhook", `update webhooks set url = 'https://evil.example/' where url <> ''`, `is not what its last change says: url_digest`},
		{"what a webhook is told of", `update webhooks set events = '[]' where url <> ''`, `is not what its last change says: events`},
		{"the secret of a webhook", `update webhooks set secret = x'00' where url <> ''`, `secret_digest`},
		{"a webhook disabled", `update webhooks set state = 'disabled' where url <> ''`, `: state`},
		{"a webhook made", `insert into webhooks (webhook_id, url, format, events, description, secret, old_secret, old_until, state, reason, disabled_on, failing_since,
			begin_seq, replay_after, replay_until, created_on, changed_on) select 'webhook_ffffffffffffffffffffffffffffffff', 'https://evil.example/', format, '[]', '', secret, old_secret, null, 'enabled', '', null, null, 0, 0, 0, created_on, changed_on from webhooks limit 1`, `the log does not have webhook`},
		{"a webhook removed", `delete from webhooks where url <> ''`, `is in the log and not there`},
		{"a webhook brought back", `update webhooks set state = 'enabled' where url = ''`, `: format, state`},
		{"what was set forgotten", `delete from events where customer_id = 'webhooks'`, `the log does not have webhook`},
		{"a mark made", `insert into marks (customer_id, feature_code, mark, reached_on) select customer_id, feature_code, 'always 0100 1', reached_on from marks limit 1`, `is of usage that no event tells of`},
		{"nobody looks", `delete from dues`, `nobody looks when time causes something`},
		{"told up to the future", `update dues set told_on = told_on + 86400000000`, `which has not come`},
		{"a clock ahead", `update counters set changed_on = changed_on + 86400000000 where feature_code = 'seats'`, `which has not come`},
		{"what is due put off", `update dues set due_on = 9000000000000000`, `is looked for later than it happens`},
		{"a lease for ever", `update leases set held_until = 9000000000000000 where held_until > 0`, `is held longer than one is`},
		{"a delivery put off", `update queues set next_on = 9000000000000000`, `waits for longer than a pause is`},
		{"a webhook that begins behind the feed", `update webhooks set begin_seq = 9000000000000000 where url <> ''`, `behind the end of the feed`},
		{"an old secret for ever", `update webhooks set old_until = 9000000000000000 where old_until is not null`, `signs for longer than one can`},
		{"a link for ever", `update administrator_links set expires_on = 9000000000000000`, `a link of ada lasts longer than one can`},
		{"the last agreement far ahead", `update customers set last_agreement_ms = last_agreement_ms + 864000000000 where external_id = 'cus_1'`, `is of a time that has not come`},
		// What is kept beside.
		{"what a customer is found by", `update customers set search = '' where external_id = 'cus_1'`, `found by`},
		{"a last agreement", `update customers set last_agreement_ms = 1 where external_id = 'cus_1'`, `was made after the last one`},
		{"a record of what burns", `update record_links set of_record = 'x' where of_record <> ''`, `that is not there`},
		{"rows of nobody", `insert into marks (customer_id, feature_code, mark, reached_on) values ('customer_x', 'f', 'always refused', 1)`, `marks has rows of customer_x`},
		{"a trigger", `create trigger more after insert on records begin update counters set used = 0; end; update leases set holder = ''`, `there is a trigger more`},
		{"an index removed", `drop index holds_by_age; update leases set holder = ''`, `the index holds_by_age is missing`},
		// Answers.
		{"a stored answer", `update answers set body = cast('{"allowed":true}' as blob)`, `stored answer`},
		{"the state of an answer", `update answers set status = 500`, `stored answer`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string][]byte{"allot.db": content, "allot.key": key} {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			byHand(t, filepath.Join(dir, "allot.db"), test.change)
			all := verified(t, dir)
			switch {
			case test.want == "":
			case !strings.Contains(all, test.want):
				t.Errorf("verify does not say %q:\n%s", test.want, all)
			default:
				caught++
			}
		})
	}
	t.Logf("%d changes are caught", caught)
}

// byHand changes a database that nobody has open, past all that looks after it.
func byHand(t *testing.T, file, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statements)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changes nothing (%v)", statements, err)
	}
}

// verified is what verify says of an installation, a line for each finding.
func verified(t *testing.T, data string) string {
	t.Helper()
	i, err := Open(t.Context(), Place{Data: data})
	if err != nil {
		return err.Error()
	}
	defer i.Close()
	v, err := i.Verify(t.Context(), VerifyOptions{})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, d := range v.Drifts {
		b.WriteString(d.Whose() + d.Of + ": " + d.Message + "\n")
	}
	return b.String()
}

// Of bits that flip in the file those are seen that change something: SQLite has no sums of
// its pages, so one in a page that is free, or in room that nothing uses, is none.
func TestVerifySeesFlippedBits(t *testing.T) {
	content, err := os.ReadFile(lived(t))
	if err != nil {
		t.Fatal(err)
	}
	const flips = 40
	seen := 0
	for i := range flips {
		dir := t.TempDir()
		flipped := bytes.Clone(content)
		at := (2*i + 1) * len(content) / (2 * flips)
		flipped[at] ^= 1 << (i % 8)
		if err := os.WriteFile(filepath.Join(dir, "allot.db"), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if verified(t, dir) != "" {
			seen++
		}
	}
	t.Logf("%d of %d are seen", seen, flips)
	if seen == 0 {
		t.Error("none is seen")
	}
}
