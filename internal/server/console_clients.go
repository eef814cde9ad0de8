package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/billing"
)

// consoleClients are the clients and signing keys as the console keeps them. What is wrong it
// is told as the API would tell it.
type consoleClients struct{ *Credentials }

// Clients implements [admin.Clients].
func (c consoleClients) Clients(ctx context.Context) ([]admin.Client, error) {
	all, err := c.directory.Clients(ctx)
	list := make([]admin.Client, len(all))
	for i, is := range all {
		list[i] = admin.Client{ID: is.ID, Name: is.Name, Scopes: is.Scopes, CreatedOn: is.CreatedOn, RevokedOn: is.RevokedOn}
		for _, old := range is.OldSecrets {
			list[i].OldUntil = append(list[i].OldUntil, old.Until)
		}
	}
	return list, asAPI(err)
}

// Create implements [admin.Clients].
func (c consoleClients) Create(ctx context.Context, by, name string, scopes []string) (id, secret string, err error) {
	made, secret, err := c.directory.CreateClient(ctx, billing.Actor(by), name, scopes)
	return made.ID, secret, asAPI(err)
}

// Rotate implements [admin.Clients].
func (c consoleClients) Rotate(ctx context.Context, by, id string, overlap time.Duration) (string, error) {
	secret, err := c.directory.RotateSecret(ctx, billing.Actor(by), id, overlap)
	return secret, asAPI(err)
}

// Revoke implements [admin.Clients].
func (c consoleClients) Revoke(ctx context.Context, by, id string) error {
	return asAPI(c.directory.RevokeClient(ctx, billing.Actor(by), id))
}

// Keys implements [admin.Clients].
func (c consoleClients) Keys(ctx context.Context) ([]admin.SigningKey, error) {
	all, err := c.directory.SigningKeys(ctx)
	list := make([]admin.SigningKey, len(all))
	for i, k := range all {
		list[i] = admin.SigningKey(k)
	}
	return list, asAPI(err)
}

// RotateKey implements [admin.Clients].
func (c consoleClients) RotateKey(ctx context.Context, by string) (string, error) {
	keyring, err := c.keyring(ctx)
	if err != nil {
		return "", asAPI(err)
	}
	kid, err := keyring.Rotate(ctx, billing.Actor(by))
	return kid, asAPI(err)
}

// asAPI is an error as the API tells it, if it is one that a caller is told.
func asAPI(err error) error {
	e, ok := errors.AsType[*billing.Error](err)
	if !ok {
		return err
	}
	status := map[billing.Kind]int{
		billing.Invalid: http.StatusBadRequest, billing.Refused: http.StatusForbidden, billing.NotFound: http.StatusNotFound,
		billing.Conflict: http.StatusConflict, billing.Unavailable: http.StatusServiceUnavailable,
	}[e.Kind]
	if status == 0 {
		return err
	}
	return &client.Error{Status: status, Errors: []api.Error{{Code: e.Code, Message: e.Message}}}
}
