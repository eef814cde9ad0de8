package oauth

import (
	"net/http"
	"testing"

	"github.com/allot-dev/allot/internal/oauth/record"
)

// given is a token that the endpoint has given, before anybody has used it.
func (n *node) given(t *testing.T, id, secret string) string {
	t.Helper()
	w := n.post(t, post{header: basic(id, secret), body: "grant_type=client_credentials"})
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	token, _ := decode(t, w)["access_token"].(string)
	return token
}

func TestGivenTokenIsKnown(t *testing.T) {
	p := newPlace(t)
	n, other := p.node(t), p.node(t)
	c, secret := n.client(t, "read:a")
	token := n.given(t, c.ID, secret)
	if err := other.dir.Refresh(t.Context()); err != nil { // or it would hear of the client meanwhile
		t.Fatal(err)
	}
	for on, verifications := range map[*node]int64{n: 0, other: 1} {
		before := on.asked.Load()
		for range 2 {
			if got := on.verify(t, token); got != "good" {
				t.Errorf("the token is %s, want good", got)
			}
		}
		if got := on.asked.Load() - before; got != verifications {
			t.Errorf("verified %d times, want %d", got, verifications)
		}
	}
}

// What ends a token ends one that was never used in the same way, and as soon.
func TestGivenTokenEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(t *testing.T, p place, n *node, client string)
	}{
		{"revoked here", func(t *testing.T, _ place, n *node, client string) {
			if err := n.dir.RevokeClient(t.Context(), cli, client); err != nil {
				t.Fatal(err)
			}
		}},
		{"revoked elsewhere", func(t *testing.T, p place, _ *node, client string) {
			if err := p.node(t).dir.RevokeClient(t.Context(), cli, client); err != nil {
				t.Fatal(err)
			}
			p.clock.advance(MaxStale)
		}},
		{"expired", func(_ *testing.T, p place, _ *node, _ string) { p.clock.advance(MaxTokenLife) }},
		{"key taken away elsewhere", func(t *testing.T, p place, n *node, _ string) {
			_, err := p.node(t).keys.create(t.Context(), cli, func(tx record.Tx, old []record.SigningKey, _ map[string]string) error {
				for _, o := range old {
					if err := tx.DeleteSigningKey(o.ID); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.dir.Refresh(t.Context()); err != nil { // as the watch does, within a second
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			n := p.node(t)
			client, secret := n.client(t, "read:a")
			token := n.given(t, client.ID, secret)
			c.end(t, p, n, client.ID)
			if got := n.verify(t, token); got != "invalid" {
				t.Errorf("the token is %s, want invalid", got)
			}
		})
	}
}

// After a rotation the one before verifies, as it does for a token in use, and from
// its text.
func TestGivenTokenAfterRotation(t *testing.T) {
	p := newPlace(t)
	n := p.node(t)
	c, secret := n.client(t, "read:a")
	token := n.given(t, c.ID, secret)
	before := n.asked.Load()
	if _, err := n.keys.Rotate(t.Context(), cli); err != nil {
		t.Fatal(err)
	}
	if got := n.verify(t, token); got != "good" {
		t.Errorf("the token is %s after a rotation, want good", got)
	}
	if got := n.asked.Load() - before; got != 1 {
		t.Errorf("verified %d times, want once more: its key has an end now", got)
	}
}
