// Package record has what package oauth keeps in the store, clients and signing
// keys, and the seam by which it does.
//
// It is apart from package oauth so that a store knows the records without what
// makes tokens of them.
//
// Start reading at [Store].
package record

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Client is a program that may call the API: an OAuth 2.0 client with the
// client-credentials grant. Package oauth has the rules; here is the record.
type Client struct {
	ID   string
	Name string
	// SecretHash is the SHA-256 of the secret, which is 256 random bits.
	SecretHash []byte
	// OldSecrets are those from before, as long as a token may be about that was made
	// with one of them.
	OldSecrets []OldSecret
	Scopes     []string
	CreatedOn  time.Time
	RevokedOn  time.Time // zero while valid
	// TokensFrom is when the secret was last replaced without overlap, zero if never:
	// tokens from before end with it. It is for those that do not say by which secret
	// they were given, as those of older versions do not.
	TokensFrom time.Time
}

// OldSecret is a secret that another has taken the place of.
type OldSecret struct {
	Hash  []byte
	Until time.Time // when it is good no more; tokens made with it last until they end
}

// SigningKey is a key that access tokens are signed with. The private part is
// sealed with the installation's key file and is no use without it.
type SigningKey struct {
	ID        string // kid
	CreatedOn time.Time
	Public    []byte // PKIX DER
	Sealed    []byte // PKCS #8 DER, encrypted
	// RetiredOn is when the next key took over signing; zero for the one that
	// signs. A retired key verifies until the tokens it signed have ended.
	RetiredOn time.Time
}

// The scopes of what is kept here.
const (
	ScopeClients billing.Scope = "clients"
	ScopeKeys    billing.Scope = "keys"
)

// What the change log says of clients and keys.
const (
	ClientCreated billing.ChangeKind = "client.created"
	ClientRotated billing.ChangeKind = "client.rotated"
	ClientRevoked billing.ChangeKind = "client.revoked"
	KeyCreated    billing.ChangeKind = "key.created"
	// FactsAdopted is all that there was of a scope when the log was made to have every
	// field: see [AdoptClients]. It is no change, and has no place among them.
	FactsAdopted billing.ChangeKind = "facts.adopted"
)

// Store keeps clients and signing keys. View and Update promise what those of
// [service.Store] do.
type Store interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Reader reads one consistent state.
type Reader interface {
	Client(id string) (Client, error)   // [billing.ErrNotFound] if there is none
	Clients() ([]Client, error)         // ascending by CreatedOn, then id
	SigningKeys() ([]SigningKey, error) // ascending by CreatedOn, then id

	// Revision is the number of the last change of a scope; 0 if there is none.
	Revision(billing.Scope) (int64, error)
	// Changes are those of a scope with Rev > after, ascending, at most limit.
	Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error)
	// Adopted is the entry of a scope of the kind facts.adopted.
	Adopted(billing.Scope) (billing.Change, error)
}

// Tx is a transaction that may write. It reads what it has written.
type Tx interface {
	Reader

	CreateClient(Client) error // [billing.ErrExists] if the id is taken
	UpdateClient(Client) error // all but ID, Name and CreatedOn
	CreateSigningKey(SigningKey) error
	RetireSigningKey(id string, on time.Time) error
	DeleteSigningKey(id string) error

	// Adopt stores entries of the kind facts.adopted. It leaves out those of scopes that
	// have one, and moves no revision.
	Adopt(...billing.Change) error
	// Lock keeps other transactions from changing what a scope is of until this one ends.
	Lock(billing.Scope) error
	// AppendChange gives the change the next revision of its scope and stores it.
	// It keeps other transactions from changing what the scope is of until this
	// one ends.
	AppendChange(billing.Change) (rev int64, err error)
}
