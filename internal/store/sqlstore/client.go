package sqlstore

import (
	"database/sql/driver"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

const (
	clientColumns = `client_id, name, secret_hash, scopes, created_on, revoked_on, old_secrets, tokens_from`

	selectClient = `select ` + clientColumns + ` from clients where client_id = $1`

	selectClients = `select ` + clientColumns + ` from clients order by created_on, client_id`

	insertClient = `insert into clients (` + clientColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (client_id) do nothing`

	updateClient = `update clients set secret_hash = $2, scopes = $3, revoked_on = $4,
		old_secrets = $5, tokens_from = $6 where client_id = $1`

	signingKeyColumns = `key_id, created_on, public_key, sealed_key, retired_on`

	selectSigningKeys = `select ` + signingKeyColumns + ` from signing_keys order by created_on, key_id`

	insertSigningKey = `insert into signing_keys (` + signingKeyColumns + `) values ($1, $2, $3, $4, $5)
		on conflict (key_id) do nothing`

	retireSigningKey = `update signing_keys set retired_on = $2 where key_id = $1`

	deleteSigningKey = `delete from signing_keys where key_id = $1`
)

// Lock is as record.Tx says.
func (t *Tx) Lock(scope billing.Scope) error {
	_, err := one(t.conn, scanRevision, lockRevision, scope)
	return err
}

func scanClient(r row) (c record.Client, err error) {
	err = r.Scan(&c.ID, &c.Name, (*blob)(&c.SecretHash), (*words)(&c.Scopes), (*instant)(&c.CreatedOn),
		(*optional)(&c.RevokedOn), (*oldSecrets)(&c.OldSecrets), (*optional)(&c.TokensFrom))
	return c, err
}

// oldSecrets are secrets as a JSON array. An empty one is read as nil.
type oldSecrets []record.OldSecret

// oldSecret is one of them: its hash in base64, and microseconds since 1970.
type oldSecret struct {
	Hash  []byte `json:"hash"`
	Until int64  `json:"until"`
}

// Value implements [driver.Valuer].
func (o oldSecrets) Value() (driver.Value, error) {
	list := make([]oldSecret, len(o))
	for i, s := range o {
		list[i] = oldSecret{s.Hash, s.Until.UnixMicro()}
	}
	return marshal(list)
}

// Scan implements [sql.Scanner].
func (o *oldSecrets) Scan(v any) error {
	var list []oldSecret
	if err := unmarshal(v, &list); err != nil {
		return err
	}
	*o = nil
	for _, s := range list {
		*o = append(*o, record.OldSecret{Hash: s.Hash, Until: time.UnixMicro(s.Until).UTC()})
	}
	return nil
}

// Client is as record.Reader says.
func (r *Reader) Client(id string) (record.Client, error) {
	return one(r.conn, scanClient, selectClient, id)
}

// Clients is as record.Reader says.
func (r *Reader) Clients() ([]record.Client, error) {
	return list(r.conn, scanClient, selectClients)
}

// CreateClient is as record.Tx says.
func (t *Tx) CreateClient(c record.Client) error {
	return t.create(insertClient, c.ID, c.Name, blob(c.SecretHash), words(c.Scopes),
		instant(c.CreatedOn), optional(c.RevokedOn), oldSecrets(c.OldSecrets), optional(c.TokensFrom))
}

// UpdateClient is as record.Tx says.
func (t *Tx) UpdateClient(c record.Client) error {
	return t.change(updateClient, c.ID, blob(c.SecretHash), words(c.Scopes), optional(c.RevokedOn),
		oldSecrets(c.OldSecrets), optional(c.TokensFrom))
}

// SigningKeys is as record.Reader says.
func (r *Reader) SigningKeys() ([]record.SigningKey, error) {
	return list(r.conn, scanSigningKey, selectSigningKeys)
}

func scanSigningKey(r row) (k record.SigningKey, err error) {
	err = r.Scan(&k.ID, (*instant)(&k.CreatedOn), (*blob)(&k.Public), (*blob)(&k.Sealed), (*optional)(&k.RetiredOn))
	return k, err
}

// CreateSigningKey is as record.Tx says.
func (t *Tx) CreateSigningKey(k record.SigningKey) error {
	return t.create(insertSigningKey, k.ID, instant(k.CreatedOn), blob(k.Public), blob(k.Sealed),
		optional(k.RetiredOn))
}

// RetireSigningKey is as record.Tx says.
func (t *Tx) RetireSigningKey(id string, on time.Time) error {
	return t.change(retireSigningKey, id, optional(on))
}

// DeleteSigningKey is as record.Tx says.
func (t *Tx) DeleteSigningKey(id string) error {
	return t.change(deleteSigningKey, id)
}
