package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

const (
	// MaxTokenLife is the longest life that a token can be given.
	MaxTokenLife = 24 * time.Hour

	// keyGrace is for nodes that sign with a key a moment after another one
	// retired it, and for clocks that differ.
	keyGrace = 5 * time.Minute

	rsaBits = 2048
)

// Keyring signs tokens, with RS256. The keys are in the store, in which another
// process may rotate them at any time.
type Keyring struct {
	dir  *Directory
	file *KeyFile

	mu     sync.Mutex
	kid    string // of the signer; "" if there is none yet
	signer jose.Signer
}

// NewKeyring makes a keyring of the directory's keys, whose private parts are
// sealed with the file. See [Keyring.Ensure].
func NewKeyring(dir *Directory, file *KeyFile) *Keyring {
	return &Keyring{dir: dir, file: file}
}

// Ensure makes the first signing key if there is none, and makes sure that the
// one that signs can be used. It returns an [ErrWrongKeyFile] if the key file
// does not open it. Call it before anything is signed.
func (k *Keyring) Ensure(ctx context.Context, by billing.Actor) error {
	r, err := k.dir.refreshed(ctx)
	if err != nil {
		return err
	}
	if _, ok := r.signing(); !ok {
		_, err := k.create(ctx, by, func(_ record.Tx, old []record.SigningKey, _ map[string]string) error {
			for _, o := range old {
				if o.RetiredOn.IsZero() { // another node was faster
					return errNoChange
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err = k.current(ctx)
	return err
}

// Sign makes a payload a compact JWS with the key that signs now; the published keys verify
// it. Who signs claims with it sees to it that they are none of an access token's.
func (k *Keyring) Sign(ctx context.Context, payload []byte) (string, error) {
	signer, err := k.current(ctx)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// Rotate makes a new key that signs from now on, on other nodes within a second,
// and returns its kid.
// The one before verifies until the tokens it signed have ended; keys for which
// that is so are deleted. It needs nothing of the old keys, so it is also the
// way out when the key file is lost.
func (k *Keyring) Rotate(ctx context.Context, by billing.Actor) (string, error) {
	now := k.dir.instant()
	return k.create(ctx, by, func(tx record.Tx, old []record.SigningKey, facts map[string]string) error {
		for _, o := range old {
			until := verifiesUntil(o)
			switch {
			case until.IsZero():
				if err := tx.RetireSigningKey(o.ID, now); err != nil {
					return err
				}
				facts[record.RetiredKey+o.ID] = record.Instant(now)
			case !now.Before(until):
				if err := tx.DeleteSigningKey(o.ID); err != nil {
					return err
				}
				facts[record.DeletedKey+o.ID] = "true"
			}
		}
		return nil
	})
}

// verifiesUntil is when the last token that a key signed has ended; zero for a
// key that is not retired.
func verifiesUntil(k record.SigningKey) time.Time {
	if k.RetiredOn.IsZero() {
		return time.Time{}
	}
	return k.RetiredOn.Add(MaxTokenLife + keyGrace)
}

// create stores a new key after prepare has dealt with those there are, under
// the lock of keys, and said in the facts of the change what it did. If prepare returns errNoChange, all stays as it is.
func (k *Keyring) create(ctx context.Context, by billing.Actor, prepare func(record.Tx, []record.SigningKey, map[string]string) error) (string, error) {
	key, err := k.generate()
	if err != nil {
		return "", fmt.Errorf("make a signing key: %w", err)
	}
	err = k.dir.store.Update(ctx, func(tx record.Tx) error {
		if err := tx.Lock(record.ScopeKeys); err != nil {
			return err
		}
		old, err := tx.SigningKeys()
		if err != nil {
			return err
		}
		after := record.KeyFacts(&key)
		if err := prepare(tx, old, after); err != nil {
			return err
		}
		if err := k.dir.append(tx, by, record.ScopeKeys, record.KeyCreated, key.CreatedOn, after); err != nil {
			return err
		}
		return tx.CreateSigningKey(key)
	})
	if err != nil && !errors.Is(err, errNoChange) {
		return "", fmt.Errorf("store a signing key: %w", err)
	}
	k.dir.settle(ctx)
	return key.ID, nil
}

func (k *Keyring) generate() (record.SigningKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return record.SigningKey{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return record.SigningKey{}, err
	}
	thumbprint, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return record.SigningKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return record.SigningKey{}, err
	}
	kid := base64.RawURLEncoding.EncodeToString(thumbprint)
	return record.SigningKey{
		ID: kid, CreatedOn: k.dir.instant(), Public: public, Sealed: k.file.seal(kid, der),
	}, nil
}

// current is the signer with the key that signs now.
func (k *Keyring) current(ctx context.Context) (jose.Signer, error) {
	r, err := k.dir.current(ctx)
	if err != nil {
		return nil, err
	}
	key, ok := r.signing()
	if !ok {
		return nil, errors.New("no signing key")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kid == key.ID {
		return k.signer, nil
	}
	der, err := k.file.open(key.ID, key.Sealed)
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", key.ID, err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", key.ID, err)
	}
	k.kid, k.signer = key.ID, signer
	return signer, nil
}
