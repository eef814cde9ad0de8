package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// provider is another issuer, on loopback.
type provider struct {
	*httptest.Server

	mu      sync.Mutex
	keys    []any // of the key set
	jwksURI string
	broken  bool
	fetches int // of the key set
	onFetch func()
	setPath string // where the key set is too; without discovery then
	asked   []string
}

func newProvider(t *testing.T) *provider {
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, "discovery")
		if p.setPath != "" {
			http.NotFound(w, r)
			return
		}
		uri := p.jwksURI
		if uri == "" {
			uri = p.URL + "/keys"
		}
		p.write(t, w, object{"issuer": p.URL, "jwks_uri": uri})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		if p.onFetch != nil {
			p.onFetch()
		}
		if p.broken {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		p.write(t, w, object{"keys": p.keys})
	})
	mux.HandleFunc("GET /.well-known/{set}", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, r.PathValue("set"))
		if p.setPath != r.PathValue("set") {
			http.NotFound(w, r)
			return
		}
		p.write(t, w, object{"keys": p.keys})
	})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/keys", http.StatusFound)
	})
	mux.HandleFunc("GET /endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
				return
			}
		}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) write(t *testing.T, w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// set changes the provider.
func (p *provider) set(f func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *provider) fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func (p *provider) verifier(t *testing.T, c *clock) *Verifier {
	t.Helper()
	issuers, err := RemoteIssuers(RemoteOptions{Trusted: []string{p.URL + "=allot"}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(Options{Issuers: issuers, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *provider) token(t *testing.T, kid string) string {
	t.Helper()
	c := clientClaims(object{"iss": p.URL, "aud": "allot", "exp": start.Add(24 * time.Hour).Unix()})
	return sign(t, jose.RS256, rsaKeys()[0], kid, c)
}

func jwk(kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: rsaKeys()[0].Public(), KeyID: kid, Algorithm: "RS256", Use: "sig"}
}

func TestRemoteKeysAreFetchedOnceAMinute(t *testing.T) {
	p, c := newProvider(t), newClock()
	p.set(func(p *provider) { p.keys = []any{jwk("a")} })
	v := p.verifier(t, c)
	if n := p.fetched(); n != 0 {
		t.Fatalf("%d fetches before the first token, want 0", n)
	}
	verify := func(kid string, good bool, fetches int) {
		t.Helper()
		v.Drop()
		_, err := v.Verify(t.Context(), p.token(t, kid))
		if good && err != nil || !good && !errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("token with kid %s: %v, want good = %v", kid, err, good)
		}
		if n := p.fetched(); n != fetches {
			t.Errorf("%d fetches after kid %s, want %d", n, kid, fetches)
		}
	}
	verify("a", true, 1)
	verify("a", true, 1)
	p.set(func(p *provider) { p.keys = []any{jwk("a"), jwk("b")} })
	verify("b", true, 2) // at once: the first fetch does not count
	verify("c", false, 2)
	c.advance(refetchAfter - 1)
	p.set(func(p *provider) { p.keys = []any{jwk("a"), jwk("b"), jwk("c")} })
	verify("c", false, 2)
	c.advance(1)
	verify("c", true, 3)
	verify("d", false, 3)
	c.advance(keysAge) // a key withdrawn is found out about when the keys are old
	p.set(func(p *provider) { p.keys = []any{jwk("b")} })
	verify("a", false, 4)
	verify("b", true, 4)
	p.set(func(p *provider) { p.keys = []any{jwk("e")} })
	verify("e", true, 5) // that one did not count either
	verify("f", false, 5)
}

// A token with a made-up kid is the first to come: it costs the first fetch, and
// the next one the one fetch of the minute.
func TestRemoteUnknownKidFirst(t *testing.T) {
	p, c := newProvider(t), newClock()
	p.set(func(p *provider) { p.keys = []any{jwk("a")} })
	v := p.verifier(t, c)
	for i, want := range []int{1, 2, 2, 2} {
		if _, err := v.Verify(t.Context(), p.token(t, "x")); !errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("err = %v, want ErrInvalidCredentials", err)
		}
		if n := p.fetched(); n != want {
			t.Errorf("%d fetches after token %d, want %d", n, i+1, want)
		}
	}
}

func TestRemoteKeysWithoutDiscovery(t *testing.T) {
	for set, asked := range map[string]string{
		"jwks.json": "discovery jwks.json",
		"jwks":      "discovery jwks.json jwks",
	} {
		p, c := newProvider(t), newClock()
		p.set(func(p *provider) { p.setPath, p.keys = set, []any{jwk("a")} })
		if _, err := p.verifier(t, c).Verify(t.Context(), p.token(t, "a")); err != nil {
			t.Errorf("%s: %v", set, err)
		}
		if got := strings.Join(p.asked, " "); got != asked {
			t.Errorf("asked for %s, want %s", got, asked)
		}
	}
	p, c := newProvider(t), newClock()
	p.set(func(p *provider) { p.setPath, p.keys = "elsewhere", []any{jwk("a")} })
	_, err := p.verifier(t, c).Verify(t.Context(), p.token(t, "a"))
	if !errors.Is(err, ErrInvalidCredentials) || !strings.Contains(err.Error(), "neither a discovery document nor a key set") {
		t.Errorf("without any: err = %v", err)
	}
}

func TestRemoteKeysConcurrently(t *testing.T) {
	p, c := newProvider(t), newClock()
	p.set(func(p *provider) { p.keys = []any{jwk("a")} })
	v := p.verifier(t, c)
	token := p.token(t, "a")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestRemoteIssuerAway(t *testing.T) {
	p, c := newProvider(t), newClock()
	p.set(func(p *provider) { p.broken, p.keys = true, []any{jwk("a")} })
	v := p.verifier(t, c)
	token := p.token(t, "a")

	verify := func(want string, fetches int) {
		t.Helper()
		v.Drop()
		_, err := v.Verify(t.Context(), token)
		got := "good"
		if errors.Is(err, ErrInvalidCredentials) && strings.Contains(err.Error(), "cannot be had") {
			got = "away"
		} else if err != nil {
			got = "fault"
		}
		if got != want {
			t.Errorf("%s (%v), want %s", got, err, want)
		}
		if n := p.fetched(); n != fetches {
			t.Errorf("%d fetches, want %d", n, fetches)
		}
	}
	verify("away", 1)
	c.advance(retryAfter - 1)
	verify("away", 1) // not asked on each request, even so
	c.advance(1)
	p.set(func(p *provider) { p.broken = false })
	verify("good", 2)
	p.set(func(p *provider) { p.broken = true })
	c.advance(keysAge) // known keys go on while the issuer is away
	verify("good", 3)
	verify("good", 3)
}

// The request that needed the keys goes away while they are fetched: the fetch
// goes on, or the next request would have to wait for a minute.
func TestRemoteFetchSurvivesTheRequest(t *testing.T) {
	p, c := newProvider(t), newClock()
	ctx, cancel := context.WithCancel(t.Context())
	p.set(func(p *provider) { p.keys, p.onFetch = []any{jwk("a")}, cancel })
	v := p.verifier(t, c)
	for _, ctx := range []context.Context{ctx, t.Context()} {
		if _, err := v.Verify(ctx, p.token(t, "a")); err != nil {
			t.Error(err)
		}
	}
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestRemoteKeysThatAreNotTaken(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private := jose.JSONWebKey{Key: rsaKeys()[0], KeyID: "a"}
	for name, keys := range map[string][]any{
		"without kid":       {jwk("")},
		"for encryption":    {jose.JSONWebKey{Key: rsaKeys()[0].Public(), KeyID: "a", Use: "enc"}},
		"of another alg":    {jose.JSONWebKey{Key: rsaKeys()[0].Public(), KeyID: "a", Algorithm: "RS512"}},
		"alg of other type": {jose.JSONWebKey{Key: rsaKeys()[0].Public(), KeyID: "a", Algorithm: "ES256"}},
		"HMAC":              {jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "a", Algorithm: "HS256"}},
		"none":              {jose.JSONWebKey{Key: rsaKeys()[0].Public(), KeyID: "a", Algorithm: "none"}},
		"private":           {private},
		"too small":         {jose.JSONWebKey{Key: small.Public(), KeyID: "a"}},
		"not a key":         {object{"kty": "quantum", "kid": "a"}, 7},
		"second of one kid": {jose.JSONWebKey{Key: rsaKeys()[1].Public(), KeyID: "a"}, jwk("a")},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newProvider(t), newClock()
			p.set(func(p *provider) { p.keys = append(keys, jwk("good")) })
			v := p.verifier(t, c)
			if _, err := v.Verify(t.Context(), p.token(t, "good")); err != nil {
				t.Errorf("the good key beside it: %v", err)
			}
			for _, kid := range []string{"a", ""} {
				if _, err := v.Verify(t.Context(), p.token(t, kid)); !errors.Is(err, ErrInvalidCredentials) {
					t.Errorf("kid %q: err = %v, want ErrInvalidCredentials", kid, err)
				}
			}
		})
	}
}

func TestRemoteDocumentsThatAreNotTaken(t *testing.T) {
	for name, uri := range map[string]string{
		"key set by redirect":     "/moved",
		"key set without end":     "/endless",
		"key set not there":       "/nothing",
		"key set without TLS":     "http://keys.example/keys",
		"key set without address": "keys",
	} {
		t.Run(name, func(t *testing.T) {
			p, c := newProvider(t), newClock()
			p.set(func(p *provider) {
				p.keys = []any{jwk("a")}
				if strings.HasPrefix(uri, "/") {
					uri = p.URL + uri
				}
				p.jwksURI = uri
			})
			_, err := p.verifier(t, c).Verify(t.Context(), p.token(t, "a"))
			if !errors.Is(err, ErrInvalidCredentials) || !strings.Contains(err.Error(), "cannot be had") {
				t.Errorf("err = %v, want ErrInvalidCredentials that tells why", err)
			}
			if got := strings.Join(p.asked, " "); got != "discovery" {
				t.Errorf("asked for %s, want no more than the discovery document", got)
			}
			if n := p.fetched(); n != 0 {
				t.Errorf("%d fetches of the key set, want 0", n)
			}
		})
	}
}

func TestRemoteIssuers(t *testing.T) {
	issuers, err := RemoteIssuers(RemoteOptions{Trusted: []string{
		"https://a.example=one", "http://127.0.0.1:9=x", "https://a.example=https://two.example/?q=1",
	}, Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	if len(issuers) != 2 || strings.Join(issuers[0].Audiences, " ") != "one https://two.example/?q=1" {
		t.Errorf("issuers = %+v", issuers)
	}
	bad := []string{"https://a.example", "https://a.example=", "=x", "http://a.example=x", "ftp://a.example=x", "https://u:p@a.example=x"}
	_, err = RemoteIssuers(RemoteOptions{Trusted: bad, Now: newClock().now})
	if err == nil {
		t.Fatal("err = nil")
	}
	if n := len(strings.Split(err.Error(), "\n")); n != len(bad) {
		t.Errorf("%d faults for %d bad values:\n%v", n, len(bad), err)
	}
}
