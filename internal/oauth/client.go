package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// AllScopes stands for every scope there is, when a client is created.
const AllScopes = "all"

const maxNameBytes = 200

// errNoChange takes back a transaction that turned out to change nothing.
var errNoChange = errors.New("no change")

// CreateClient makes a client and returns it with its secret, which is not
// stored and cannot be had again. Scopes are those it may ask for; [AllScopes]
// stands for all. It returns an [billing.Invalid] error for a name that is empty
// or longer than 200 bytes, and for scopes that do not exist.
func (d *Directory) CreateClient(ctx context.Context, by billing.Actor, name string, scopes []string) (record.Client, string, error) {
	if name == "" || len(name) > maxNameBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return record.Client{}, "", &billing.Error{
			Kind: billing.Invalid, Code: "NAME_INVALID",
			Message: fmt.Sprintf("name: want 1 to %d bytes of text", maxNameBytes),
		}
	}
	scopes, err := d.expandScopes(scopes)
	if err != nil {
		return record.Client{}, "", err
	}
	secret, hash := newSecret()
	c := record.Client{
		ID: randomHex(16), Name: name, SecretHash: hash, Scopes: scopes, CreatedOn: d.instant(),
	}
	err = d.store.Update(ctx, func(tx record.Tx) error {
		if err := d.append(tx, by, record.ScopeClients, record.ClientCreated, c.CreatedOn, record.ClientFacts(&c)); err != nil {
			return err
		}
		return tx.CreateClient(c)
	})
	if err != nil {
		return record.Client{}, "", fmt.Errorf("create client: %w", err)
	}
	d.settle(ctx)
	return c, secret, nil
}

// Clients are all, revoked ones too, ascending by creation.
func (d *Directory) Clients(ctx context.Context) ([]record.Client, error) {
	var clients []record.Client
	err := d.store.View(ctx, func(r record.Reader) (err error) {
		clients, err = r.Clients()
		return err
	})
	return clients, err
}

// SigningKeys are all that verify or sign, ascending by creation; that signs which has no end.
func (d *Directory) SigningKeys(ctx context.Context) ([]VerifyingKey, error) {
	r, err := d.refreshed(ctx)
	if err != nil {
		return nil, err
	}
	var keys []VerifyingKey
	for _, k := range r.verifying(d.now()) {
		keys = append(keys, VerifyingKey{k.ID, k.CreatedOn, verifiesUntil(k.SigningKey)})
	}
	return keys, nil
}

// VerifyingKey is a signing key as it is shown: without what signs.
type VerifyingKey struct {
	ID        string
	CreatedOn time.Time
	Until     time.Time // when the last token that it signed has ended; zero while it signs
}

// RevokeClient ends a client and all its tokens: in this process before it
// returns, in others within a second. A client that is revoked stays as it is.
// It returns a [billing.NotFound] error if there is no such client.
func (d *Directory) RevokeClient(ctx context.Context, by billing.Actor, id string) error {
	now := d.instant()
	revoke := func() error {
		return d.updateClient(ctx, by, record.ClientRevoked, now, id, func(c *record.Client) error {
			if !c.RevokedOn.IsZero() {
				return errNoChange
			}
			c.RevokedOn = now
			return nil
		})
	}
	err := revoke()
	if err != nil && d.room != nil && d.room(err) {
		err = revoke()
	}
	return err
}

// MaxOverlap is the longest time for which a secret stays good beside the next one.
const MaxOverlap = 90 * 24 * time.Hour

// RotateSecret gives a client a new secret and returns it. With an overlap, those
// from before are good for so long at most, each until its own end, and tokens made
// with them last until they end. Without, they are refused from now on, and so is
// every token made with them: in this process before it returns, in others within
// a second. It returns a [billing.NotFound] error if there is no such client, a
// [billing.Conflict] if it is revoked, and a [billing.Invalid] one if the overlap is
// negative or longer than MaxOverlap.
func (d *Directory) RotateSecret(ctx context.Context, by billing.Actor, id string, overlap time.Duration) (string, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", &billing.Error{
			Kind: billing.Invalid, Code: "OVERLAP_INVALID",
			Message: fmt.Sprintf("overlap %s: want a duration up to %v hours, or none", overlap, MaxOverlap.Hours()),
		}
	}
	secret, hash := newSecret()
	now := d.instant()
	err := d.updateClient(ctx, by, record.ClientRotated, now, id, func(c *record.Client) error {
		if !c.RevokedOn.IsZero() {
			return &billing.Error{
				Kind: billing.Conflict, Code: "CLIENT_REVOKED",
				Message: fmt.Sprintf("client %s is revoked: create another one", id),
			}
		}
		if overlap > 0 {
			c.OldSecrets = append(outlasting(c.OldSecrets, now), record.OldSecret{Hash: c.SecretHash, Until: now.Add(overlap)})
		} else {
			c.OldSecrets, c.TokensFrom = nil, now
		}
		c.SecretHash = hash
		return nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// updateClient changes a client in one transaction with the record of it.
func (d *Directory) updateClient(ctx context.Context, by billing.Actor, kind billing.ChangeKind, now time.Time, id string, change func(*record.Client) error) error {
	err := d.store.Update(ctx, func(tx record.Tx) error {
		if err := tx.Lock(record.ScopeClients); err != nil {
			return err
		}
		c, err := readClient(tx, id)
		if errors.Is(err, billing.ErrNotFound) {
			return &billing.Error{
				Kind: billing.NotFound, Code: "CLIENT_NOT_FOUND",
				Message: fmt.Sprintf("no client has the id %.100q", id),
			}
		} else if err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		if err := d.append(tx, by, record.ScopeClients, kind, now, record.ClientFacts(&c)); err != nil {
			return err
		}
		return tx.UpdateClient(c)
	})
	if err != nil && !errors.Is(err, errNoChange) {
		return err
	}
	d.settle(ctx)
	return nil
}

func (d *Directory) append(tx record.Tx, by billing.Actor, scope billing.Scope, kind billing.ChangeKind, on time.Time, after map[string]string) error {
	_, err := tx.AppendChange(billing.Change{Scope: scope, On: on, By: by, Kind: kind, After: after})
	return err
}

// authenticate returns the client, and the mark of its secret, if the secret is good
// for it and it is not revoked; it does not say what else was wrong. It takes as long
// for an id that does not exist as for a wrong secret.
//
// What the copy knows to be right is looked up in the store, so that a client that
// was revoked a moment ago gets nothing. What it does not may have been made a moment
// ago, by another process: that is looked up too if mayLook, and [lookUps] permit it.
// So guessing costs no more than they.
func (d *Directory) authenticate(ctx context.Context, id, secret string, mayLook bool) (record.Client, string, bool, error) {
	hash := sha256.Sum256([]byte(secret))
	r, err := d.current(ctx)
	if err != nil {
		return record.Client{}, "", false, err
	}
	known := r.clients[id]
	if _, right := known.by(hash[:], d.now()); !right || !known.RevokedOn.IsZero() {
		if !mayLook || !isClientID(id) || !d.lookUps.AllowN(d.now(), 1) {
			return record.Client{}, "", false, nil
		}
	}
	c, err := d.client(ctx, id)
	if errors.Is(err, billing.ErrNotFound) {
		return record.Client{}, "", false, nil
	} else if err != nil {
		return record.Client{}, "", false, err
	}
	mark, right := standing{Client: c}.by(hash[:], d.now())
	return c, mark, right && c.RevokedOn.IsZero(), nil
}

// client reads a client from the store: one that was created, revoked or given
// another secret a moment ago is seen as it is.
func (d *Directory) client(ctx context.Context, id string) (record.Client, error) {
	var c record.Client
	err := d.store.View(ctx, func(r record.Reader) (err error) {
		c, err = readClient(r, id)
		return err
	})
	return c, err
}

// readClient asks the store only for what can be an id: the others may be text
// that it does not take.
func readClient(r record.Reader, id string) (record.Client, error) {
	if !isClientID(id) {
		return record.Client{}, billing.ErrNotFound
	}
	return r.Client(id)
}

// isClientID reports whether a text has the form of a client's id.
func isClientID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// expandScopes returns the scopes once each, in the order of those that exist.
func (d *Directory) expandScopes(scopes []string) ([]string, error) {
	if slices.Contains(scopes, AllScopes) {
		return slices.Clone(d.scopes), nil
	}
	var unknown []string
	for _, s := range scopes {
		if !slices.Contains(d.scopes, s) {
			unknown = append(unknown, s)
		}
	}
	valid := strings.Join(d.scopes, " ")
	if len(unknown) > 0 {
		return nil, &billing.Error{
			Kind: billing.Invalid, Code: "SCOPE_INVALID",
			Message: fmt.Sprintf("unknown scope %q: valid are %s, or %s", strings.Join(unknown, " "), valid, AllScopes),
		}
	}
	if len(scopes) == 0 {
		return nil, &billing.Error{
			Kind: billing.Invalid, Code: "SCOPE_REQUIRED",
			Message: fmt.Sprintf("no scope: valid are %s, or %s", valid, AllScopes),
		}
	}
	return slices.DeleteFunc(slices.Clone(d.scopes), func(s string) bool { return !slices.Contains(scopes, s) }), nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// instant is now as the store keeps it.
func (d *Directory) instant() time.Time { return d.now().UTC().Truncate(time.Microsecond) }
