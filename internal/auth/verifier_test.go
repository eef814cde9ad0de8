package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const (
	ourURL   = "https://allot.example"
	ourAPI   = "https://allot.example/api"
	otherURL = "https://other.example"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(start.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

var rsaKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

type object = map[string]any

// clientClaims are those of a good token of ours, with changes; a nil value
// removes a claim.
func clientClaims(changes object) object {
	c := object{
		"iss": ourURL, "aud": []string{ourAPI}, "azp": "client1", "jti": "1", "v": "2",
		"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		"gty": []string{"client_credentials"}, "scope": "read:a read:b", "scp": []string{"read:a", "read:b"},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims object) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signBytes(t, alg, key, kid, payload)
}

func signBytes(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	if kid != "" {
		opts.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func good(t testing.TB, changes object) string {
	t.Helper()
	return sign(t, jose.RS256, rsaKeys()[0], "k1", clientClaims(changes))
}

// keysOf looks keys up in a map and counts how often it is asked.
func keysOf(keys map[string]Key, asked *atomic.Int64) func(context.Context, string) (Key, error) {
	return func(_ context.Context, kid string) (Key, error) {
		asked.Add(1)
		key, ok := keys[kid]
		if !ok {
			return Key{}, invalid("no key %q", kid)
		}
		return key, nil
	}
}

// rig is a verifier of our issuer, with key k1, and another one, with key k2.
type rig struct {
	*Verifier
	clock *clock
	asked atomic.Int64
	check func(clientID string) error
}

func newRig(t testing.TB, cacheBytes int) *rig {
	t.Helper()
	r := &rig{clock: newClock(), check: func(string) error { return nil }}
	v, err := NewVerifier(Options{
		Now:        r.clock.now,
		CacheBytes: cacheBytes,
		Issuers: []Issuer{{
			URL:       ourURL,
			Audiences: []string{ourAPI, "http://allot.example/api"},
			Key:       keysOf(map[string]Key{"k1": {Public: rsaKeys()[0].Public(), Algorithm: jose.RS256}}, &r.asked),
			Check:     func(_ context.Context, id string, _ Origin) error { return r.check(id) },
		}, {
			URL:       otherURL,
			Audiences: []string{"allot"},
			Leeway:    time.Minute,
			Key:       keysOf(map[string]Key{"k2": {Public: rsaKeys()[1].Public(), Algorithm: jose.PS256}}, &r.asked),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Verifier = v
	return r
}

func TestVerify(t *testing.T) {
	r := newRig(t, 0)
	want := &Principal{
		Issuer: ourURL, ClientID: "client1", Scopes: []string{"read:a", "read:b"}, Expires: start.Add(time.Hour),
	}
	for range 2 { // the second time from the cache
		got, err := r.Verify(t.Context(), good(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		got.Expires = got.Expires.UTC()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("principal (-want +got):\n%s", diff)
		}
	}
}

func TestVerifyAccepts(t *testing.T) {
	other := func(changes object) string {
		c := clientClaims(object{"iss": otherURL, "aud": "allot"})
		maps.Copy(c, changes)
		return sign(t, jose.PS256, rsaKeys()[1], "k2", c)
	}
	for name, token := range map[string]string{
		"audience as a string":         good(t, object{"aud": ourAPI}),
		"second of our audiences":      good(t, object{"aud": "http://allot.example/api"}),
		"one audience of several":      good(t, object{"aud": []string{"x", ourAPI}}),
		"scp only":                     good(t, object{"scope": nil}),
		"nbf now":                      good(t, object{"nbf": start.Unix()}),
		"subject is the client itself": good(t, object{"sub": "client1"}),
		"other issuer":                 other(nil),
		"nbf within the leeway":        other(object{"nbf": start.Add(time.Minute).Unix()}),
		"client_id in place of azp":    other(object{"azp": "", "client_id": "client1"}),
		"no gty and no subject":        other(object{"gty": []string{}}),
		"audience with another case":   good(t, object{"aud": "HTTPS://Allot.Example/api"}),
		"Auth0":                        other(object{"sub": "client1@clients", "gty": "client-credentials"}),
		"Auth0, after RFC 9068":        other(object{"azp": nil, "client_id": "client1", "sub": "client1@clients", "gty": nil}),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 0)
			p, err := r.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Require("read:a", "read:b"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	ours, theirs := rsaKeys()[0], rsaKeys()[1]
	b64 := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(clientClaims(nil))
	if err != nil {
		t.Fatal(err)
	}
	payload := b64(claims)
	token := good(t, nil)
	parts := strings.Split(token, ".")
	public, err := x509.MarshalPKIXPublicKey(ours.Public())
	if err != nil {
		t.Fatal(err)
	}
	admin, err := json.Marshal(clientClaims(object{"azp": "admin"}))
	if err != nil {
		t.Fatal(err)
	}
	// The last character of a signature of 256 bytes has four bits that decode to
	// nothing, so that another character gives the same bytes.
	last := token[len(token)-1]
	respelled := token[:len(token)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)+1])

	for name, token := range map[string]string{
		"empty":                        "",
		"no token":                     "opaque",
		"two parts":                    parts[0] + "." + parts[1],
		"four parts":                   token + ".x",
		"JSON serialization":           `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"too long":                     good(t, object{"pad": strings.Repeat("x", MaxTokenBytes)}),
		"line break inside":            parts[0] + "." + parts[1][:4] + "\n" + parts[1][4:] + "." + parts[2],
		"signature spelled otherwise":  respelled,
		"alg none":                     b64([]byte(`{"alg":"none","kid":"k1"}`)) + "." + payload + ".",
		"alg none, signature kept":     b64([]byte(`{"alg":"none","kid":"k1"}`)) + "." + payload + "." + parts[2],
		"no alg":                       b64([]byte(`{"kid":"k1"}`)) + "." + payload + "." + parts[2],
		"HS256 with the public key":    sign(t, jose.HS256, public, "k1", clientClaims(nil)),
		"HS256 with the modulus":       sign(t, jose.HS256, ours.N.Bytes(), "k1", clientClaims(nil)),
		"RS512, not of the list":       sign(t, jose.RS512, ours, "k1", clientClaims(nil)),
		"PS256, not of the key":        sign(t, jose.PS256, ours, "k1", clientClaims(nil)),
		"no kid":                       sign(t, jose.RS256, ours, "", clientClaims(nil)),
		"unknown kid":                  sign(t, jose.RS256, ours, "k9", clientClaims(nil)),
		"wrong key":                    sign(t, jose.RS256, theirs, "k1", clientClaims(nil)),
		"key of another issuer":        sign(t, jose.PS256, theirs, "k2", clientClaims(nil)),
		"other issuer, our key":        sign(t, jose.RS256, ours, "k1", clientClaims(object{"iss": otherURL, "aud": "allot"})),
		"altered payload":              parts[0] + "." + b64(admin) + "." + parts[2],
		"altered signature":            parts[0] + "." + parts[1] + "." + "AAAA" + parts[2][4:],
		"no signature":                 parts[0] + "." + parts[1] + ".",
		"claims not an object":         signBytes(t, jose.RS256, ours, "k1", []byte(`[]`)),
		"claims empty":                 signBytes(t, jose.RS256, ours, "k1", nil),
		"claim given twice":            signBytes(t, jose.RS256, ours, "k1", append([]byte(`{"azp":"a",`), claims[1:]...)),
		"ended":                        good(t, object{"exp": start.Add(-time.Second).Unix()}),
		"ends now":                     good(t, object{"exp": start.Unix()}),
		"no exp":                       good(t, object{"exp": nil}),
		"exp beyond integers":          signBytes(t, jose.RS256, ours, "k1", []byte(strings.Replace(string(claims), fmt.Sprint(start.Add(time.Hour).Unix()), "1e300", 1))),
		"nbf to come":                  good(t, object{"nbf": start.Add(time.Second).Unix()}),
		"no iss":                       good(t, object{"iss": nil}),
		"wrong iss":                    good(t, object{"iss": ourURL + "/"}),
		"iss in capitals":              good(t, object{"iss": "https://ALLOT.example"}),
		"claim in capitals only":       good(t, object{"azp": nil, "AZP": "client1"}),
		"no aud":                       good(t, object{"aud": nil}),
		"empty aud":                    good(t, object{"aud": []string{}}),
		"wrong aud":                    good(t, object{"aud": "https://elsewhere.example/api"}),
		"path of aud in capitals":      good(t, object{"aud": "https://allot.example/API"}),
		"aud that begins like ours":    good(t, object{"aud": ourAPI + "/x"}),
		"audience of the other issuer": good(t, object{"aud": "allot"}),
		"no azp":                       good(t, object{"azp": nil}),
		"client without azp":           good(t, object{"azp": nil, "sub": "client1"}),
		"Auth0's client without azp":   good(t, object{"azp": nil, "sub": "client1@clients", "gty": "client-credentials"}),
		"no azp, no subject, no gty":   good(t, object{"azp": nil, "gty": nil}),
		"azp not a string":             good(t, object{"azp": 1}),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 0)
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("err = %v, want ErrInvalidCredentials", err)
			}
			if n := r.cache.EstimatedSize(); n != 0 {
				t.Errorf("%d entries cached, want 0", n)
			}
		})
	}
}

func TestUserTokens(t *testing.T) {
	for name, c := range map[string]struct {
		changes object
		user    bool
	}{
		"client":                         {object{}, false},
		"user":                           {object{"gty": nil, "sub": "kp_1", "org_code": "org_1"}, true},
		"user with a client's gty":       {object{"sub": "kp_1"}, true},
		"no subject, but another grant":  {object{"gty": []string{"authorization_code"}}, true},
		"client with a gty as a string":  {object{"gty": "client_credentials"}, false},
		"subject differs in letter case": {object{"sub": "CLIENT1"}, true},
		"no azp":                         {object{"azp": nil, "gty": nil, "sub": "kp_1"}, true},
		"no azp, another grant":          {object{"azp": nil, "gty": "authorization_code", "sub": "kp_1"}, true},
		"Auth0's client":                 {object{"sub": "client1@clients", "gty": "client-credentials"}, false},
		"another client of Auth0":        {object{"sub": "client2@clients", "gty": "client-credentials"}, true},
		"user of Auth0 with scopes":      {object{"sub": "auth0|1", "gty": "client-credentials"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newRig(t, 0).Verify(t.Context(), good(t, c.changes))
			if err != nil {
				t.Fatal(err)
			}
			if c.user && c.changes["sub"] != nil && p.Subject != c.changes["sub"] {
				t.Errorf("Subject = %q, want %q", p.Subject, c.changes["sub"])
			}
			if p.User != c.user {
				t.Errorf("User = %v, want %v", p.User, c.user)
			}
			if err := p.Require(); errors.Is(err, ErrInvalidCredentials) != c.user {
				t.Errorf("Require() = %v for a token with User = %v", err, c.user)
			}
		})
	}
}

func TestAccepts(t *testing.T) {
	is := Issuer{Audiences: []string{"https://Allot.example/api", "https://http://allot.example:8080/api", "my-api"}}
	for audience, want := range map[string]bool{
		"https://allot.EXAMPLE/api":             true,
		"https://HTTP://Allot.example:8080/api": true,
		"my-api":                                true,
		"https://allot.example/API":             false,
		"https://allot.example/api?":            false,
		"http://allot.example/api":              false,
		"My-Api":                                false,
		"":                                      false,
	} {
		if got := is.Accepts(audience); got != want {
			t.Errorf("Accepts(%q) = %v, want %v", audience, got, want)
		}
	}
}

func TestNewVerifierNamesEveryFault(t *testing.T) {
	_, err := NewVerifier(Options{Issuers: []Issuer{
		{URL: "https://a.example"}, {Audiences: []string{"x"}},
		{URL: ourURL, Audiences: []string{"x"}}, {URL: ourURL, Audiences: []string{"y"}},
	}})
	want := "issuer https://a.example: no audience: name the one its tokens must be for\n" +
		"issuer without a URL\nissuer https://allot.example: given twice"
	if err == nil || err.Error() != want {
		t.Errorf("err = %v\nwant %s", err, want)
	}
}

func TestRequireAndChallenge(t *testing.T) {
	p := Principal{Scopes: []string{"read:a"}}
	if err := p.Require("read:a"); err != nil {
		t.Error(err)
	}
	err := p.Require("read:a", "read", "read:b")
	missing, ok := errors.AsType[*MissingScopeError](err)
	if !ok || missing.Scope != "read" {
		t.Errorf("err = %v, want the scope read missing", err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{err, `Bearer error="insufficient_scope", scope="read"`},
		{invalid("token ended"), `Bearer error="invalid_token"`},
		{errors.New("store is away"), ""},
	} {
		if got := Challenge(c.err); got != c.want {
			t.Errorf("Challenge(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{"Bearer abc"}, "abc"},
		{[]string{"bearer  abc"}, "abc"},
		{nil, ""},
		{[]string{"Bearer"}, ""},
		{[]string{"Basic abc"}, ""},
		{[]string{"Bearer abc", "Bearer abc"}, ""},
	} {
		got, err := Bearer(http.Header{"Authorization": c.headers})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("Bearer(%q) = %q, %v", c.headers, got, err)
		}
	}
}

func TestKeyTypes(t *testing.T) {
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		alg     jose.SignatureAlgorithm
		private any
		public  crypto.PublicKey
	}{
		{jose.RS256, rsaKeys()[0], rsaKeys()[0].Public()},
		{jose.PS256, rsaKeys()[0], rsaKeys()[0].Public()},
		{jose.ES256, ec, ec.Public()},
		{jose.EdDSA, ed, edPublic},
	} {
		var asked atomic.Int64
		v, err := NewVerifier(Options{Now: newClock().now, Issuers: []Issuer{{
			URL: ourURL, Audiences: []string{ourAPI},
			Key: keysOf(map[string]Key{"k": {Public: c.public, Algorithm: c.alg}}, &asked),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), sign(t, c.alg, c.private, "k", clientClaims(nil))); err != nil {
			t.Errorf("%s: %v", c.alg, err)
		}
	}
}

// FuzzVerify states the law of signatures: no text but the token that was
// signed is a token.
func FuzzVerify(f *testing.F) {
	r := newRig(f, 0)
	token := good(f, nil)
	f.Add(token)
	f.Add(token[:len(token)-1])
	f.Add(strings.Replace(token, ".", "..", 1))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := r.Verify(t.Context(), s); (err == nil) != (s == token) {
			t.Errorf("Verify(%q) = %v", s, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := newRig(b, 0)
	token := good(b, nil)
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			r.Drop()
			if _, err := r.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
