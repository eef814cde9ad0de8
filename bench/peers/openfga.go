package main

import (
	"context"
	"debug/buildinfo"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/allot-dev/allot/internal/bench/load"
)

// entitlementsModel is the authorization model, in the form the API takes. An
// organization subscribes to a plan; a plan's subscriber_member is a member of an
// organization that does; a feature may be accessed by the subscriber_member of
// a plan it is associated with.
//
//go:embed openfga_model.json
var entitlementsModel []byte

// openFGA is OpenFGA as it comes, in memory, less what costs it time without
// being asked for here: its log of requests and its metrics.
func openFGA(ctx context.Context, w *workshop, _ *server) (*server, error) {
	return startOpenFGA(ctx, w, "openfga")
}

// openFGACached is OpenFGA with all its caches on. They are off by default
// because what they answer may be 10 s old. The goals are not for this.
func openFGACached(ctx context.Context, w *workshop, _ *server) (*server, error) {
	s, err := startOpenFGA(ctx, w, "openfga-cached",
		"--check-query-cache-enabled", "--check-iterator-cache-enabled", "--list-objects-iterator-cache-enabled")
	if err != nil {
		return nil, err
	}
	for i := range s.operations {
		s.operations[i].goal = nil
	}
	return s, nil
}

func startOpenFGA(ctx context.Context, w *workshop, name string, flags ...string) (*server, error) {
	program, err := w.build(ctx, "openfga", "github.com/openfga/openfga/cmd/openfga")
	if err != nil {
		return nil, err
	}
	built, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	internal, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	flags = append([]string{
		"--datastore-engine", "memory", "--log-level", "error", "--metrics-enabled=false", "--playground-enabled=false",
	}, flags...)
	s := &server{name: name, version: built.Main.Version, settings: flags, address: address}
	args := append([]string{"run", "--http-addr", address, "--grpc-addr", internal}, flags...)
	if err := s.start(ctx, w, request{method: "GET", path: "/healthz"}, program, args...); err != nil {
		return nil, err
	}
	if err := s.fillOpenFGA(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// A tuple is one relation of OpenFGA.
type tuple struct {
	User     string `json:"user"`
	Relation string `json:"relation"`
	Object   string `json:"object"`
}

// fillOpenFGA writes the model and one organization with one member on one plan
// of all features, and makes the operations that ask about the member.
func (s *server) fillOpenFGA(ctx context.Context) error {
	var store struct{ ID string }
	if err := s.post(ctx, "/stores", map[string]any{"name": "entitlements"}, &store); err != nil {
		return err
	}
	path := "/stores/" + store.ID
	var model struct {
		ID string `json:"authorization_model_id"`
	}
	if err := s.post(ctx, path+"/authorization-models", json.RawMessage(entitlementsModel), &model); err != nil {
		return err
	}
	tuples := []tuple{
		{"user:ada", "member", "organization:acme"},
		{"organization:acme", "subscriber", "plan:pro"},
	}
	type check struct {
		Tuple tuple  `json:"tuple_key"`
		ID    string `json:"correlation_id"`
	}
	var checks []check
	for i := range features {
		code := fmt.Sprintf("bench_%02d", i)
		object := "feature:" + code
		tuples = append(tuples, tuple{"plan:pro", "associated_plan", object})
		checks = append(checks, check{tuple{"user:ada", "access", object}, code})
	}
	writes := map[string]any{"authorization_model_id": model.ID, "writes": map[string]any{"tuple_keys": tuples}}
	if err := s.post(ctx, path+"/write", writes, nil); err != nil {
		return err
	}

	type verdict struct{ Allowed bool }
	wantAllowed := func(v verdict) error {
		if !v.Allowed {
			return errors.New("refused, want allowed")
		}
		return nil
	}
	for _, o := range []struct {
		name     string
		question map[string]any
		goal     *load.Goal
		answered func([]byte) error
	}{
		{"list-objects", map[string]any{
			"user": "user:ada", "relation": "access", "type": "feature",
		}, &load.Goal{AtLeast: 7}, func(body []byte) error {
			var answer struct{ Objects []string }
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			return wantFeatures(len(answer.Objects))
		}},
		{"batch-check", map[string]any{"checks": checks}, &load.Goal{AtLeast: 40}, func(body []byte) error {
			var answer struct{ Result map[string]verdict }
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			for _, v := range answer.Result {
				if err := wantAllowed(v); err != nil {
					return err
				}
			}
			return wantFeatures(len(answer.Result))
		}},
		{"check", map[string]any{"tuple_key": checks[0].Tuple}, nil, func(body []byte) error {
			var answer verdict
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			return wantAllowed(answer)
		}},
	} {
		o.question["authorization_model_id"] = model.ID
		r, err := post(path+"/"+o.name, o.question)
		if err != nil {
			return err
		}
		s.operations = append(s.operations, operation{name: o.name, request: r, answered: o.answered, goal: o.goal})
	}
	return nil
}

// post makes a request of a value.
func post(path string, value any) (request, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return request{}, err
	}
	return request{method: "POST", path: path, header: [][2]string{{"Content-Type", "application/json"}}, body: body}, nil
}

// post sends a value and decodes the answer into out, unless that is nil.
func (s *server) post(ctx context.Context, path string, value, out any) error {
	r, err := post(path, value)
	if err != nil {
		return err
	}
	body, err := r.do(ctx, s.address)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(body, out)
}
