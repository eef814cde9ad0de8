package oauth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

func TestEnsureMakesOneKey(t *testing.T) {
	p := newPlace(t)
	n := p.node(t)
	p.node(t)
	keys := n.storedKeys(t)
	if len(keys) != 1 {
		t.Fatalf("%d keys, want 1", len(keys))
	}
	public, err := x509.ParsePKIXPublicKey(keys[0].Public)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if want := base64.RawURLEncoding.EncodeToString(thumbprint); keys[0].ID != want {
		t.Errorf("kid %s, want %s", keys[0].ID, want)
	}
	if _, err := x509.ParsePKCS8PrivateKey(keys[0].Sealed); err == nil {
		t.Error("the private key is stored in clear")
	}
	want := []billing.Change{{
		Scope: record.ScopeKeys, Rev: 1, On: start, By: cli, Kind: record.KeyCreated, After: record.KeyFacts(&keys[0]),
	}}
	if diff := cmp.Diff(want, n.changes(t, record.ScopeKeys), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// Two servers start on an empty place at once.
func TestEnsureRace(t *testing.T) {
	p := newPlace(t)
	nodes := [2]*node{p.node(t), p.node(t)}
	for _, k := range nodes[0].storedKeys(t) {
		if err := nodes[0].store.ForClients().Update(t.Context(), func(tx record.Tx) error {
			if _, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys, On: start, By: cli, Kind: record.KeyCreated}); err != nil {
				return err
			}
			return tx.DeleteSigningKey(k.ID)
		}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			if err := n.keys.Ensure(t.Context(), cli); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys := nodes[0].storedKeys(t); len(keys) != 1 {
		t.Errorf("%d keys, want 1", len(keys))
	}
	c, _ := nodes[0].client(t, "read:a")
	for i, n := range nodes {
		if got := nodes[1-i].verify(t, n.mint(t, c.ID)); got != "good" {
			t.Errorf("token of node %d is %s for the other, want good", i, got)
		}
	}
}

// Where two keys came to be, all nodes sign with the newest and verify both.
func TestTwoKeysThatSign(t *testing.T) {
	p := newPlace(t)
	n := p.node(t)
	c, _ := n.client(t, "read:a")
	token := n.mint(t, c.ID)
	n.clock.advance(time.Microsecond)
	kid, err := n.keys.create(t.Context(), cli, func(record.Tx, []record.SigningKey, map[string]string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	other := p.node(t)
	for _, n := range []*node{n, other} {
		newToken := n.mint(t, c.ID)
		jws, err := jose.ParseSignedCompact(newToken, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		if got := jws.Signatures[0].Header.KeyID; got != kid {
			t.Errorf("signed with %s, want the newest, %s", got, kid)
		}
		for _, tok := range []string{token, newToken} {
			if got := n.verify(t, tok); got != "good" {
				t.Errorf("token is %s, want good", got)
			}
		}
	}
}

func TestRotate(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	c, _ := server.client(t, "read:a")
	first := server.storedKeys(t)[0].ID
	old := server.mint(t, c.ID)

	p.clock.advance(time.Minute)
	second, err := tool.keys.Rotate(t.Context(), cli)
	if err != nil {
		t.Fatal(err)
	}
	fresh := tool.mint(t, c.ID)
	for _, token := range []string{old, fresh} {
		if got := server.verify(t, token); got != "good" {
			t.Errorf("token is %s after the rotation, want good", got)
		}
	}
	p.clock.advance(MaxStale)
	if kid := signedWith(t, server.mint(t, c.ID)); kid != second {
		t.Errorf("the server signs with %s, want %s", kid, second)
	}

	// A token cannot outlive its key, whatever it says: the old key may have been
	// rotated because it was stolen.
	der, err := server.keys.file.open(first, server.storedKeys(t)[0].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: first}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"iss":"` + issuerURL + `","aud":"` + apiURL + `","azp":"` + c.ID + `","exp":99999999999}`))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	p.clock.advance(MaxTokenLife + keyGrace - MaxStale - 1)
	if got := server.verify(t, forged); got != "good" {
		t.Errorf("token of the old key is %s a moment before its end, want good", got)
	}
	p.clock.advance(1)
	if got := server.verify(t, forged); got != "invalid" {
		t.Errorf("token of the old key is %s at its end, want invalid", got)
	}

	third, err := server.keys.Rotate(t.Context(), cli)
	if err != nil {
		t.Fatal(err)
	}
	var kids []string
	for _, k := range server.storedKeys(t) {
		kids = append(kids, k.ID)
	}
	if diff := cmp.Diff([]string{second, third}, kids); diff != "" {
		t.Errorf("keys after the second rotation (-want +got):\n%s", diff)
	}
}

func signedWith(t *testing.T, token string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Header.KeyID
}

func TestWrongKeyFile(t *testing.T) {
	p := newPlace(t)
	n := p.node(t)
	c, _ := n.client(t, "read:a")
	token := n.mint(t, c.ID)
	other, err := OpenKeyFile(filepath.Join(p.dir, "other-key"))
	if err != nil {
		t.Fatal(err)
	}
	ring := NewKeyring(n.dir, other)
	if err := ring.Ensure(t.Context(), cli); !errors.Is(err, ErrWrongKeyFile) {
		t.Fatalf("err = %v, want ErrWrongKeyFile", err)
	}
	if _, err := ring.Rotate(t.Context(), cli); err != nil { // the way out
		t.Fatal(err)
	}
	if err := ring.Ensure(t.Context(), cli); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if got := n.verify(t, token); got != "good" {
		t.Errorf("token of the old key is %s, want good", got)
	}
}

func TestSealedKeyBelongsToItsID(t *testing.T) {
	file, err := OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := file.seal("a", []byte("private"))
	if got, err := file.open("a", sealed); err != nil || string(got) != "private" {
		t.Errorf("open = %q, %v", got, err)
	}
	if bytes.Equal(sealed, file.seal("a", []byte("private"))) {
		t.Error("sealing twice gives the same bytes")
	}
	flipped := slices.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		kid    string
		sealed []byte
	}{"another kid": {"b", sealed}, "altered": {"a", flipped}, "cut": {"a", sealed[:5]}, "empty": {"a", nil}} {
		if _, err := file.open(c.kid, c.sealed); !errors.Is(err, ErrWrongKeyFile) {
			t.Errorf("%s: err = %v, want ErrWrongKeyFile", name, err)
		}
	}
}

// Of several processes that make the key file at once all have the same, also where there are no links.
func TestOpenKeyFile(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{
		"links": os.Link,
		"none":  func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "key")
			files := make([]*KeyFile, 8)
			var wg sync.WaitGroup
			for i := range files {
				wg.Go(func() {
					file, err := openKeyFile(path, link)
					if err != nil {
						t.Error(err)
						return
					}
					files[i] = file
				})
			}
			wg.Wait()
			if t.Failed() {
				t.FailNow()
			}
			sealed := files[0].seal("a", []byte("private"))
			for i, file := range files {
				if _, err := file.open("a", sealed); err != nil {
					t.Errorf("opened %d: %v", i, err)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^[0-9a-f]{64}\n$`).Match(text) {
				t.Errorf("the file has %d bytes, not 64 hex digits", len(text))
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
				t.Errorf("mode %o, want 600", mode)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 {
				t.Errorf("%d files left, want 1", len(entries))
			}
		})
	}
}

func TestOpenKeyFileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"empty":     {"", 0o600},
		"short":     {"abcd", 0o600},
		"not hex":   {string(bytes.Repeat([]byte("x"), 64)), 0o600},
		"for every": {string(bytes.Repeat([]byte("0"), 64)), 0o604},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenKeyFile(path); err == nil {
				t.Error("err = nil")
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != c.text {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	if _, err := OpenKeyFile(filepath.Join(t.TempDir(), "none", "key")); err == nil {
		t.Error("without a directory: err = nil")
	}
}
