package oauth

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

func code(err error) string {
	if e, ok := errors.AsType[*billing.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestCreateClient(t *testing.T) {
	n := newNode(t)
	c, secret := n.client(t, "write:a", "read:a", "write:a")
	if !regexp.MustCompile(`^[A-Z2-7]{52}$`).MatchString(secret) || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(c.ID) {
		t.Errorf("id %q, secret of %d characters", c.ID, len(secret))
	}
	hash := sha256.Sum256([]byte(secret))
	want := []record.Client{{
		ID: c.ID, Name: "test", SecretHash: hash[:], Scopes: []string{"read:a", "write:a"}, CreatedOn: start,
	}}
	got, err := n.dir.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	all, _ := n.client(t, AllScopes)
	if diff := cmp.Diff(scopes, all.Scopes); diff != "" {
		t.Errorf("all scopes (-want +got):\n%s", diff)
	}
}

func TestCreateClientRefuses(t *testing.T) {
	n := newNode(t)
	for name, c := range map[string]struct {
		name   string
		scopes []string
		code   string
	}{
		"no name":       {"", []string{"read:a"}, "NAME_INVALID"},
		"long name":     {strings.Repeat("x", maxNameBytes+1), []string{"read:a"}, "NAME_INVALID"},
		"no text":       {"\xff", []string{"read:a"}, "NAME_INVALID"},
		"zero byte":     {"a\x00", []string{"read:a"}, "NAME_INVALID"},
		"no scope":      {"x", nil, "SCOPE_REQUIRED"},
		"unknown scope": {"x", []string{"read:a", "read:z", ""}, "SCOPE_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := n.dir.CreateClient(t.Context(), cli, c.name, c.scopes)
			if code(err) != c.code {
				t.Errorf("err = %v, want %s", err, c.code)
			}
		})
	}
	_, _, err := n.dir.CreateClient(t.Context(), cli, "x", []string{"read:z"})
	want := `unknown scope "read:z": valid are read:a read:b write:a, or all`
	if e, ok := errors.AsType[*billing.Error](err); !ok || e.Message != want {
		t.Errorf("err = %v, want %s", err, want)
	}
	if clients, err := n.dir.Clients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("%d clients, %v; want none", len(clients), err)
	}
}

func TestClientChanges(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a", "read:b")
	if _, err := n.dir.RotateSecret(t.Context(), cli, c.ID, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it changes nothing
		if err := n.dir.RevokeClient(t.Context(), "client:x", c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.dir.RevokeClient(t.Context(), cli, "0123456789abcdef0123456789abcdef"); code(err) != "CLIENT_NOT_FOUND" {
		t.Errorf("err = %v, want CLIENT_NOT_FOUND", err)
	}
	now, err := n.dir.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revoked := now[0]
	rotated := revoked
	rotated.RevokedOn = time.Time{}
	want := []billing.Change{
		{Scope: record.ScopeClients, Rev: 1, On: start, By: cli, Kind: record.ClientCreated, After: record.ClientFacts(&c)},
		{Scope: record.ScopeClients, Rev: 2, On: start, By: cli, Kind: record.ClientRotated, After: record.ClientFacts(&rotated)},
		{Scope: record.ScopeClients, Rev: 3, On: start, By: "client:x", Kind: record.ClientRevoked, After: record.ClientFacts(&revoked)},
	}
	if diff := cmp.Diff(want, n.changes(t, record.ScopeClients), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
