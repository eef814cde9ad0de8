package record

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// The change log has each field of a client and of a signing key, as texts by its name: a
// field that is zero is left out. Of secrets and keys there is the SHA-256 of what is
// stored. Entries of before have no "created_on".

// ClientFacts are what the change log says of a client.
func ClientFacts(c *Client) map[string]string {
	w := writer{"client": c.ID, "scopes": strings.Join(c.Scopes, " "), "name_digest": digest([]byte(c.ID + "\x00" + c.Name)), "secret_digest": digest(c.SecretHash)}
	w.instant("created_on", c.CreatedOn)
	w.instant("revoked_on", c.RevokedOn)
	w.instant("tokens_from", c.TokensFrom)
	if len(c.OldSecrets) > 0 {
		w[OldSecrets] = OldSecretsFact(c.OldSecrets)
	}
	return w
}

// OldSecrets is the field of a client's old secrets.
const OldSecrets = "old_secrets"

// OldSecretsFact is how old secrets are written in facts: the last one is the one that the
// change has put there, if it has.
func OldSecretsFact(old []OldSecret) string {
	texts := make([]string, len(old))
	for i, s := range old {
		texts[i] = digest(s.Hash) + " " + Instant(s.Until)
	}
	return strings.Join(texts, oldSecretsApart)
}

// LastOldSecret is the fact of the last one alone.
func LastOldSecret(fact string) string {
	all := strings.Split(fact, oldSecretsApart)
	return all[len(all)-1]
}

const oldSecretsApart = ", "

// KeyFacts are what the change log says of a signing key.
func KeyFacts(k *SigningKey) map[string]string {
	w := writer{"key": k.ID, "public_digest": digest(k.Public), "sealed_digest": digest(k.Sealed)}
	w.instant("created_on", k.CreatedOn)
	w.instant("retired_on", k.RetiredOn)
	return w
}

// What a change of keys does to those there are is in fields of its own, a name before the
// id of the key: when it was retired, and "true" for one that was deleted.
const (
	RetiredKey = "retired/"
	DeletedKey = "deleted/"
)

// AdoptClients is the entry of the log that has all clients as they are at a revision of
// theirs, each field named by the client's id and the field, "…/scopes".
func AdoptClients(clients []Client, rev int64, on time.Time, by billing.Actor) billing.Change {
	rows := map[string]map[string]string{}
	for i := range clients {
		rows[clients[i].ID] = ClientFacts(&clients[i])
	}
	return adopted(ScopeClients, rows, rev, on, by)
}

// AdoptKeys is as [AdoptClients], of signing keys.
func AdoptKeys(keys []SigningKey, rev int64, on time.Time, by billing.Actor) billing.Change {
	rows := map[string]map[string]string{}
	for i := range keys {
		rows[keys[i].ID] = KeyFacts(&keys[i])
	}
	return adopted(ScopeKeys, rows, rev, on, by)
}

func adopted(scope billing.Scope, rows map[string]map[string]string, rev int64, on time.Time, by billing.Actor) billing.Change {
	after := map[string]string{"rev": strconv.FormatInt(rev, 10)}
	for id, row := range rows {
		for name, v := range row {
			after[id+"/"+name] = v
		}
	}
	return billing.Change{Scope: scope, On: on, By: by, Kind: FactsAdopted, After: after}
}

type writer map[string]string

func (w writer) instant(name string, t time.Time) {
	if !t.IsZero() {
		w[name] = Instant(t)
	}
}

// Instant is how an instant is written in facts.
func Instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
