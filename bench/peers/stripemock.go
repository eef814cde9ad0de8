package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
)

// stripeMock is stripe-mock, asked for the active entitlements of a customer. It
// knows no customers and answers with its one example.
func stripeMock(ctx context.Context, w *workshop, _ *server) (*server, error) {
	program, err := w.build(ctx, "stripemock", "github.com/stripe/stripe-mock")
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
	list := request{
		method: "GET",
		path:   "/v1/entitlements/active_entitlements?customer=cus_acme&limit=20",
		header: [][2]string{{"Authorization", "Bearer sk_test_acme"}},
	}
	s := &server{name: "stripe-mock", version: built.Main.Version, address: address}
	s.operations = []operation{{
		name:    "active-entitlements",
		request: list,
		answered: func(body []byte) error {
			var page struct{ Data []json.RawMessage }
			if err := json.Unmarshal(body, &page); err != nil {
				return err
			}
			if len(page.Data) == 0 {
				return errors.New("no entitlement, want the example")
			}
			return nil
		},
	}}
	return s, s.start(ctx, w, list, program, "-http-addr", address)
}
