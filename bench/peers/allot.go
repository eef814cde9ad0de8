package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// features is how many features, and so entitlements, the one customer has.
const features = 20

// startAllot builds and starts Allot, with one organization on a plan of all the
// features.
func startAllot(ctx context.Context, w *workshop) (*server, error) {
	var flags []string
	if version, err := output(exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty")); err == nil {
		flags = []string{"-ldflags", "-s -w -X main.version=" + strings.TrimSpace(string(version))}
	}
	program, err := w.build(ctx, filepath.Join("..", ".."), "./cmd/allot", flags...)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{name: "allot", address: address}
	a := installation{program: program, url: "http://" + address, data: filepath.Join(w.temp, "allot")}

	var about struct{ Version string }
	var client struct {
		ID string `json:"client_id"`
	}
	var token struct {
		Value string `json:"access_token"`
	}
	if err := a.run(ctx, &about, "version"); err != nil {
		return nil, err
	}
	s.version = about.Version
	if err := a.run(ctx, &client, "client", "create", "--name", "bench", "--scope", "all", "--data", a.data); err != nil {
		return nil, err
	}
	if err := a.run(ctx, &token, "token", "--client-id", client.ID, "--issuer", a.url, "--data", a.data); err != nil {
		return nil, err
	}
	a.token = token.Value
	if err := s.start(ctx, w, request{method: "GET", path: "/readyz"}, program, "serve", "--listen", address, "--data", a.data); err != nil {
		return nil, err
	}
	customer, err := a.fill(ctx)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.operations = []operation{{
		name: "entitlements",
		request: request{
			method: "GET",
			path:   fmt.Sprintf("/api/v1/billing/entitlements?customer_id=%s&page_size=%d", customer, features),
			header: [][2]string{{"Authorization", "Bearer " + a.token}},
		},
		answered: func(body []byte) error {
			var page struct{ Entitlements []json.RawMessage }
			if err := json.Unmarshal(body, &page); err != nil {
				return err
			}
			return wantFeatures(len(page.Entitlements))
		},
	}}
	return s, nil
}

func wantFeatures(got int) error {
	if got != features {
		return fmt.Errorf("%d features, want %d", got, features)
	}
	return nil
}

// An installation is Allot as its command line sees it.
type installation struct{ program, url, data, token string }

// fill applies the catalog that all measurements of Allot are made on and makes
// the customer.
func (a installation) fill(ctx context.Context) (customer string, err error) {
	if err := a.run(ctx, nil, "apply", filepath.Join("..", "..", "internal", "bench", "catalog.yaml")); err != nil {
		return "", err
	}
	var created struct{ ID string }
	err = a.run(ctx, &created, "customer", "create", "--type", "organization", "--org-code", "acme", "--plan", "bench_pro")
	return created.ID, err
}

// run carries a command of Allot out and decodes what it prints into out, unless
// that is nil.
func (a installation) run(ctx context.Context, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, a.program, append(args, "--json")...)
	cmd.Env = append(environment(), "ALLOT_URL="+a.url, "ALLOT_TOKEN="+a.token)
	printed, err := output(cmd)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(printed, out)
}
