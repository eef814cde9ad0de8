package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

const aCustomer = billing.Scope("customer_01a202b2c50070008000000000000001")

func TestEvent(t *testing.T) {
	on := time.Date(2026, 11, 22, 12, 0, 0, 120_000_000, time.UTC)
	for name, test := range map[string]struct {
		of   event.Happening
		want string // "": it tells nothing
	}{
		"an agreement that is given an end": {event.Happening{Seq: 7, Change: &billing.Change{
			Scope: aCustomer, Rev: 3, On: on, By: "client:abc", Kind: "agreement.changed",
			Before: map[string]string{"agreement_id": "agreement_1", "plan_code": "pro", "version": "2", "quantity": "5", "annual": "true", "created_on": "2026-01-01T00:00:00Z", "starts_on": "2026-01-01T00:00:00Z", "carried": "seats 5 -"},
			After:  map[string]string{"agreement_id": "agreement_1", "plan_code": "pro", "version": "2", "quantity": "5", "created_on": "2026-01-01T00:00:00Z", "starts_on": "2026-01-01T00:00:00Z", "expires_on": "2026-12-01T00:00:00Z", "own_end": "2026-12-01T00:00:00Z", "changed": "external_id,metadata"},
		}}, `{"id":7,"type":"agreement.cancelled","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"client","id":"abc"},"data":{` +
			`"after":{"annual":false,"created_on":"2026-01-01T00:00:00Z","customer_id":"` + string(aCustomer) + `","expires_on":"2026-12-01T00:00:00Z","id":"agreement_1","plan_code":"pro","quantity":5,"starts_on":"2026-01-01T00:00:00Z","version":2},` +
			`"before":{"annual":true,"created_on":"2026-01-01T00:00:00Z","customer_id":"` + string(aCustomer) + `","expires_on":null,"id":"agreement_1","plan_code":"pro","quantity":5,"starts_on":"2026-01-01T00:00:00Z","version":2},` +
			`"changed":["external_id","metadata"]}}`},
		"an override without bound": {event.Happening{Seq: 8, Change: &billing.Change{
			Scope: aCustomer, On: on, By: "cli", Kind: "override.set",
			After: map[string]string{"override_id": "override_1", "feature_code": "seats", "max": "unlimited", "add": "3", "starts_on": "2026-01-01T00:00:00Z", "by": "client:abc", "value": `{"number":"1.50"}`},
		}}, `{"id":8,"type":"override.set","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"cli","id":""},"data":{` +
			`"after":{"add":3,"expires_on":null,"feature_code":"seats","id":"override_1","max":null,"starts_on":"2026-01-01T00:00:00Z","value":1.50}}}`},
		"a grant": {event.Happening{Seq: 9, Change: &billing.Change{
			Scope: aCustomer, On: on, By: "client:abc@https://issuer.example", Kind: "grant.created",
			After: map[string]string{"grant_id": "grant_1", "feature_code": "credits", "amount": "12.5", "kind": "paid", "priority": "50", "cost_basis": "0.04", "only": "a b", "line": "1", "by": "client:abc"},
		}}, `{"id":9,"type":"grant.created","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"client","id":"abc@https://issuer.example"},"data":{` +
			`"after":{"amount":"12.5","cost_basis":0.04,"customer_id":"` + string(aCustomer) + `","expires_on":null,"feature_code":"credits","id":"grant_1","kind":"paid","only":["a","b"],"priority":50}}}`},
		"a customer that is purged": {event.Happening{Seq: 10, Change: &billing.Change{
			Scope: aCustomer, On: on, By: "cli", Kind: "customer.purged",
			Before: map[string]string{"type": "user", "status": "active", "zones": "UTC Europe/Berlin@2026-02-01T00:00:00Z", "deleted_on": "2026-11-22T00:00:00Z"},
		}}, `{"id":10,"type":"customer.deleted","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"cli","id":""},"data":{` +
			`"before":{"anchor_on":null,"deleted_on":"2026-11-22T00:00:00Z","id":"` + string(aCustomer) + `","status":"active","time_zone":"Europe/Berlin","type":"user"},"purged":true}}`},
		"a catalog": {event.Happening{Seq: 11, Change: &billing.Change{
			Scope: billing.ScopeCatalog, On: on, By: "client:abc", Kind: billing.CatalogApplied,
			After: map[string]string{"create": "feature seats, plan pro v1", "new_version": "plan max v12", "plan/pro/name": "Pro"},
		}}, `{"id":11,"type":"catalog.applied","on":"2026-11-22T12:00:00.12Z","actor":{"kind":"client","id":"abc"},"data":{"changes":[` +
			`{"action":"create","kind":"feature","code":"seats"},{"action":"create","kind":"plan","code":"pro","version":1},{"action":"new_version","kind":"plan","code":"max","version":12}]}}`},
		"a key": {event.Happening{Seq: 12, Change: &billing.Change{Scope: "keys", On: on, By: "server", Kind: "key.created", After: map[string]string{"key": "k1"}}},
			`{"id":12,"type":"key.rotated","on":"2026-11-22T12:00:00.12Z","actor":{"kind":"server","id":""},"data":{"after":{"id":"k1"}}}`},
		"what time changed": {event.Happening{Seq: 13, Event: &event.Event{
			Scope: aCustomer, Cause: "x", Type: event.EntitlementsChanged, On: on,
			Features: []event.FeatureChange{
				{Feature: "seats", Before: event.FeatureState{Entitled: true, Limit: new(int64(5))}, After: event.FeatureState{}},
				{Feature: "tier", Before: event.FeatureState{}, After: event.FeatureState{Entitled: true, Value: `"gold"`}},
				{Feature: "rows", Before: event.FeatureState{}, After: event.FeatureState{Entitled: true, Value: `{"list":["a"]}`}},
			},
		}}, `{"id":13,"type":"entitlements.changed","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"time","id":""},"data":{"features":[` +
			`{"feature_code":"seats","before":{"entitled":true,"limit":5,"soft":false},"after":{"entitled":false,"limit":null,"soft":false}},` +
			`{"feature_code":"tier","before":{"entitled":false,"limit":null,"soft":false},"after":{"entitled":true,"limit":null,"soft":false,"value":"gold"}},` +
			`{"feature_code":"rows","before":{"entitled":false,"limit":null,"soft":false},"after":{"entitled":true,"limit":null,"soft":false,"value":["a"]}}]}}`},
		"what time did to an agreement": {event.Happening{Seq: 13, Event: &event.Event{
			Scope: aCustomer, Cause: "z", Type: event.TrialWillEnd, On: on,
			Facts: map[string]string{"agreement_id": "agreement_1", "plan_code": "pro", "version": "3", "expires_on": "", "trial_ends_on": "2026-12-01T00:00:00Z", "trial_then": "end"},
		}}, `{"id":13,"type":"trial.will_end","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"time","id":""},"data":{` +
			`"after":{"customer_id":"` + string(aCustomer) + `","expires_on":null,"id":"agreement_1","plan_code":"pro","trial_ends_on":"2026-12-01T00:00:00Z","version":3},"trial_then":"end"}}`},
		"what usage did": {event.Happening{Seq: 14, Event: &event.Event{
			Scope: aCustomer, Cause: "y", Type: event.ThresholdReached, On: on, By: "client:abc",
			Facts: map[string]string{"feature_code": "api_calls", "threshold": "80", "limit": "1000", "used": "800.5", "soft": "true"},
		}}, `{"id":14,"type":"usage.threshold_reached","on":"2026-11-22T12:00:00.12Z","customer_id":"` + string(aCustomer) + `","actor":{"kind":"client","id":"abc"},"data":` +
			`{"feature_code":"api_calls","limit":1000,"soft":true,"threshold":80,"used":"800.5"}}`},
		"what nobody asks for": {event.Happening{Seq: 15, Change: &billing.Change{Scope: aCustomer, Kind: "facts.adopted", After: map[string]string{"rev": "1"}}}, ""},
		"nothing":              {event.Happening{Seq: 16}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Event(test.of)
			if !ok {
				if test.want != "" {
					t.Error("it tells nothing")
				}
				return
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A field of the change log that the API does not show of a thing is not told, whatever
// it is.
func TestEventTellsNothingElse(t *testing.T) {
	const hostile = "ada@example.com"
	for _, kind := range append(billing.Words[billing.ChangeKind](), "client.created", "client.rotated", "client.revoked", "key.created") {
		facts := map[string]string{
			"status": "active", "agreement_id": "a", "override_id": "o", "grant_id": "g", "client": "c", "key": "k", "create": "plan pro",
		}
		for _, name := range []string{"name", "email", "note", "metadata", "org_code", "user_id", "external_id", "secret", "secret_hash", "sealed", "by", "customer.name", "carried", "plan/pro/name"} {
			facts[name] = hostile
		}
		e, ok := Event(event.Happening{Seq: 1, Change: &billing.Change{Scope: aCustomer, Kind: kind, By: "cli", Before: facts, After: facts}})
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if ok && strings.Contains(string(text), hostile) {
			t.Errorf("%s tells %s", kind, text)
		}
	}
}

// What is told of a change is read by the types that the API has for the thing.
func TestEventDataIsWhatTheAPIHas(t *testing.T) {
	e, _ := Event(event.Happening{Seq: 1, Change: &billing.Change{
		Scope: aCustomer, Kind: "override.set", After: map[string]string{"override_id": "override_1", "feature_code": "seats", "max": "unlimited", "at_least": "3", "deny": "true", "starts_on": "2026-01-01T00:00:00Z"},
	}})
	var data api.EventChange
	var override api.Override
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data.After, &override); err != nil {
		t.Fatal(err)
	}
	want := api.Override{ID: "override_1", FeatureCode: "seats", Max: api.Null[int64](), AtLeast: new(int64(3)), Deny: true, StartsOn: api.Time{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if diff := cmp.Diff(want, override, cmp.Comparer(func(a, b api.Optional[int64]) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
