package oauth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// gets asks for a token with a secret; "" if it is refused.
func (n *node) gets(t *testing.T, id, secret string) string {
	t.Helper()
	w := n.post(t, post{body: "grant_type=client_credentials&client_id=" + id + "&client_secret=" + secret})
	if w.Code == 200 {
		return decode(t, w)["access_token"].(string)
	}
	if w.Code != 401 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	return ""
}

func (n *node) rotate(t *testing.T, id string, overlap time.Duration) string {
	t.Helper()
	secret, err := n.dir.RotateSecret(t.Context(), cli, id, overlap)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Without an overlap the old secret ends, and what was made with it: here at once.
func TestRotateWithoutOverlap(t *testing.T) {
	n := newNode(t)
	c, old := n.client(t, "read:a")
	other, _ := n.client(t, "read:a")
	given, minted, others := n.gets(t, c.ID, old), n.mint(t, c.ID), n.mint(t, other.ID)
	secret := n.rotate(t, c.ID, 0)
	for s, want := range map[string]bool{old: false, secret: true, "": false} {
		if _, _, ok, err := n.dir.authenticate(t.Context(), c.ID, s, true); err != nil || ok != want {
			t.Errorf("authenticated = %v, %v; want %v", ok, err, want)
		}
	}
	for name, token := range map[string]string{"with the old secret": given, "without a secret": minted} {
		if got := n.verify(t, token); got != "invalid" {
			t.Errorf("token made %s before is %s, want invalid", name, got)
		}
	}
	// In the same second as the rotation.
	if got := n.verify(t, n.gets(t, c.ID, secret)); got != "good" {
		t.Errorf("token made with the new secret is %s, want good", got)
	}
	if got := n.verify(t, n.mint(t, c.ID)); got != "good" {
		t.Errorf("token made without a secret is %s, want good", got)
	}
	if got := n.verify(t, others); got != "good" {
		t.Errorf("token of another client is %s, want good", got)
	}
}

// With one, both secrets are good until it ends; tokens last until they end.
func TestRotateWithOverlap(t *testing.T) {
	n := newNode(t)
	c, first := n.client(t, "read:a")
	before := n.gets(t, c.ID, first)
	second := n.rotate(t, c.ID, 24*time.Hour)
	n.clock.advance(time.Hour)
	third := n.rotate(t, c.ID, 2*time.Hour)
	during := n.gets(t, c.ID, first)
	n.clock.advance(2*time.Hour - time.Microsecond)
	for i, s := range []string{first, second, third} {
		if n.gets(t, c.ID, s) == "" {
			t.Errorf("secret %d is refused in its overlap", i+1)
		}
	}
	n.clock.advance(time.Microsecond)
	of2 := n.gets(t, c.ID, second)
	if of2 != "" || n.gets(t, c.ID, first) == "" || n.gets(t, c.ID, third) == "" {
		t.Error("the second secret is good after its overlap, or the first or the third is not")
	}
	n.clock.advance(21*time.Hour - time.Second)
	last := n.gets(t, c.ID, first)
	n.clock.advance(time.Second)
	if n.gets(t, c.ID, first) != "" {
		t.Error("the first secret is good after its overlap")
	}
	n.clock.advance(12 * time.Minute)
	if got := n.verify(t, before); got != "invalid" { // it has ended
		t.Errorf("token from before, a day later, is %s", got)
	}
	for name, token := range map[string]string{"during": during, "last": last} {
		if got := n.verify(t, token); got != "good" {
			t.Errorf("token made with the first secret (%s) is %s, want good until it ends", name, got)
		}
	}
	// What is no more about is forgotten; without overlap all of it ends.
	fourth := n.rotate(t, c.ID, time.Hour)
	n.clock.advance(MaxTokenLife)
	n.rotate(t, c.ID, time.Hour)
	clients, err := n.dir.Clients(t.Context())
	if err != nil || len(clients) != 1 || len(clients[0].OldSecrets) != 2 {
		t.Errorf("%d old secrets, %v; want those of the last two rotations", len(clients[0].OldSecrets), err)
	}
	token := n.gets(t, c.ID, fourth)
	if got := n.verify(t, token); got != "good" {
		t.Errorf("token is %s before, want good", got)
	}
	n.rotate(t, c.ID, 0)
	if got := n.verify(t, token); got != "invalid" || n.gets(t, c.ID, fourth) != "" {
		t.Errorf("after a rotation without overlap a token is %s, or an old secret good", got)
	}
}

// Another node refuses what the command line ended within a second, and takes what
// was made with the new secret at once.
func TestRotateElsewhere(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	c, old := tool.client(t, "read:a")
	token := tool.mint(t, c.ID)
	if got := server.verify(t, token); got != "good" {
		t.Fatalf("token is %s before, want good", got)
	}
	secret := tool.rotate(t, c.ID, 0)
	if got := server.verify(t, tool.mint(t, c.ID)); got != "good" {
		t.Errorf("a new token is %s at once, want good", got)
	}
	if server.gets(t, c.ID, secret) == "" || server.gets(t, c.ID, old) != "" {
		t.Error("the new secret is refused at once, or the old one is good")
	}
	p.clock.advance(MaxStale)
	if got := server.verify(t, token); got != "invalid" {
		t.Errorf("token is %s, want invalid", got)
	}
}

// A token that ended with its secret costs no read each time that it is shown.
func TestReplacedTokenCostsNothing(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	token := n.mint(t, c.ID)
	n.clock.advance(time.Minute)
	n.rotate(t, c.ID, 0)
	before := n.dir.begun.Load()
	for range 10 {
		if got := n.verify(t, token); got != "invalid" {
			t.Fatalf("token is %s, want invalid", got)
		}
	}
	if got := n.dir.begun.Load() - before; got != 0 {
		t.Errorf("%d loads, want none", got)
	}
}

// Tokens of the version before say nothing of their secret.
func TestTokensOfTheVersionBefore(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	made := func() string {
		now := n.clock.now().Unix()
		token, err := n.keys.Sign(t.Context(), fmt.Appendf(nil, `{"iss":%q,"aud":[%q],"azp":%q,"exp":%d,"iat":%d,"jti":"X","gty":["client_credentials"],"scope":"read:a"}`,
			issuerURL, apiURL, c.ID, now+3600, now))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := made()
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"at first", func() {}, "good"},
		{"after a rotation with overlap", func() { n.rotate(t, c.ID, time.Hour) }, "good"},
		{"after one without", func() { n.rotate(t, c.ID, 0) }, "invalid"},
		{"made since", func() { n.clock.advance(time.Second); token = made() }, "good"},
		{"after a revocation", func() {
			if err := n.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
				t.Fatal(err)
			}
		}, "invalid"},
	} {
		step.do()
		if got := n.verify(t, token); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

func TestRotateRefuses(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	for name, r := range map[string]struct {
		id      string
		overlap time.Duration
		code    string
	}{
		"unknown":          {"nobody", 0, "CLIENT_NOT_FOUND"},
		"negative overlap": {c.ID, -time.Second, "OVERLAP_INVALID"},
		"overlap for ever": {c.ID, MaxOverlap + 1, "OVERLAP_INVALID"},
	} {
		if _, err := n.dir.RotateSecret(t.Context(), cli, r.id, r.overlap); code(err) != r.code {
			t.Errorf("%s: err = %v, want %s", name, err, r.code)
		}
	}
	if err := n.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := n.dir.RotateSecret(t.Context(), cli, c.ID, time.Hour); code(err) != "CLIENT_REVOKED" {
		t.Errorf("err = %v, want CLIENT_REVOKED", err)
	}
}

// counting is a store that counts what is read of it.
type counting struct {
	record.Store
	n *int
}

func (c counting) View(ctx context.Context, fn func(record.Reader) error) error {
	*c.n++
	return c.Store.View(ctx, fn)
}

// Guesses, at one id or at thousands, right ones or not, are not each a read.
func TestGuessesCostNoReads(t *testing.T) {
	n := newNode(t)
	reads := 0
	n.dir.store = counting{n.dir.store, &reads}
	c, _ := n.client(t, "read:a")
	revoked, secret := n.client(t, "read:a")
	if err := n.dir.RevokeClient(t.Context(), cli, revoked.ID); err != nil {
		t.Fatal(err)
	}
	limited := 0
	guess := func(i int, id, secret string) {
		w := n.post(t, post{address: fmt.Sprintf("10.0.%d.1:1000", i%30), body: "grant_type=client_credentials&client_id=" + id + "&client_secret=" + secret})
		switch w.Code {
		case 401:
		case 429:
			limited++
		default:
			t.Fatalf("guess %d: status %d", i, w.Code)
		}
	}
	reads = 0
	for i := range 3000 {
		guess(i, fmt.Sprintf("%032x", i), "wrong")
		guess(i, c.ID, "wrong")
		guess(i, revoked.ID, secret)
		guess(i, "not an id"+strings.Repeat("x", i%100), "wrong")
	}
	if reads > lookUpsAtOnce {
		t.Errorf("%d reads for 12,000 guesses in no time, want at most %d", reads, lookUpsAtOnce)
	}
	if limited < 8000 {
		t.Errorf("%d of 12,000 were too many, from 30 addresses; want nearly all", limited)
	}
}

// The mark of a secret is its own, and tells which tokens were made with it.
func TestMarks(t *testing.T) {
	_, a := newSecret()
	_, b := newSecret()
	if markOf(a) == markOf(b) || len(markOf(a)) != 2*markBytes {
		t.Error("marks or ids are the same")
	}
	s := newStanding(record.Client{SecretHash: a})
	for id, want := range map[string]bool{
		newTokenID(markOf(a)): true, newTokenID(markOf(b)): false, ".x": false, markOf(a)[1:] + ".x": false, "": true,
	} {
		if got := s.made(auth.Origin{ID: id}); got != want {
			t.Errorf("made with the secret by the id %q: %v, want %v", id, got, want)
		}
	}
}
