package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

var clientTests = []test{
	{"a client is kept in every field", testClient},
	{"a signing key is kept in every field", testSigningKey},
}

func testClient(t *testing.T, st Store) {
	full := record.Client{ID: "b", Name: "Näme", SecretHash: []byte{0, 1, 0xff}, Scopes: []string{"read:x", "a b", ""},
		CreatedOn: on(1), RevokedOn: on(2), TokensFrom: on(3),
		OldSecrets: []record.OldSecret{{Hash: []byte{0xff, 0}, Until: on(4)}, {Until: on(5)}}}
	bare := record.Client{ID: "a", CreatedOn: on(1)}
	first := record.Client{ID: "c", CreatedOn: on(0)}
	for _, c := range []record.Client{full, bare, first} {
		update(t, st.ForClients(), func(tx record.Tx) error { return tx.CreateClient(c) })
	}
	same(t, "clients", read(t, st.ForClients(), record.Reader.Clients), []record.Client{first, bare, full})
	getClient := func(r record.Reader) (record.Client, error) { return r.Client("b") }
	same(t, "client", read(t, st.ForClients(), getClient), full)
	err := st.ForClients().Update(t.Context(), func(tx record.Tx) error { return tx.CreateClient(record.Client{ID: "b"}) })
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a taken id: %v, want ErrExists", err)
	}

	full.SecretHash, full.Scopes, full.RevokedOn = []byte("other"), nil, time.Time{}
	full.OldSecrets, full.TokensFrom = nil, on(6)
	disregarded := full
	disregarded.Name, disregarded.CreatedOn = "other", on(9)
	update(t, st.ForClients(), func(tx record.Tx) error { return tx.UpdateClient(disregarded) })
	same(t, "updated client", read(t, st.ForClients(), getClient), full)
}

func testSigningKey(t *testing.T, st Store) {
	full := record.SigningKey{ID: "b", CreatedOn: on(1), Public: []byte{0, 1}, Sealed: []byte{0xff, 0}, RetiredOn: on(2)}
	bare := record.SigningKey{ID: "a", CreatedOn: on(1)}
	first := record.SigningKey{ID: "c", CreatedOn: on(0), Public: []byte{1}, Sealed: []byte{2}}
	for _, k := range []record.SigningKey{full, bare, first} {
		update(t, st.ForClients(), func(tx record.Tx) error { return tx.CreateSigningKey(k) })
	}
	same(t, "keys", read(t, st.ForClients(), record.Reader.SigningKeys), []record.SigningKey{first, bare, full})
	err := st.ForClients().Update(t.Context(), func(tx record.Tx) error {
		return tx.CreateSigningKey(record.SigningKey{ID: "b", CreatedOn: on(9)})
	})
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("a taken id: %v, want ErrExists", err)
	}
	update(t, st.ForClients(), func(tx record.Tx) error {
		return errors.Join(tx.RetireSigningKey("a", on(3)), tx.DeleteSigningKey("c"))
	})
	bare.RetiredOn = on(3)
	same(t, "keys in the end", read(t, st.ForClients(), record.Reader.SigningKeys), []record.SigningKey{bare, full})
}
