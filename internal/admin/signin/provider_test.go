package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/allot-dev/allot/internal/admin/signin/record"
)

const providerClient = "console"

// idp is a small OpenID provider: it knows one person, and gives a code to whoever asks.
type idp struct {
	t     testing.TB
	url   string
	key   *rsa.PrivateKey
	clock *clock

	mu     sync.Mutex
	asked  map[string]url.Values // what a code was asked for with, by the code
	claims map[string]any        // beside those that it must have, or in their place
	sign   func(payload map[string]any) string
	secret string
}

func newIDP(t testing.TB, c *clock) *idp {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, clock: c, asked: map[string]url.Values{}, claims: map[string]any{
		"sub": "1", "email": "ada@acme.example", "email_verified": true,
	}}
	p.sign = func(payload map[string]any) string { return p.signed(jose.RS256, p.key, payload) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, http.StatusOK, map[string]any{
			"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token",
			"jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *idp) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *idp) signed(alg jose.SignatureAlgorithm, key any, payload map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(payload).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// authorize is what the provider answers somebody whom a page has led to it.
func (p *idp) authorize(to string) url.Values {
	p.t.Helper()
	at, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, p.url+"/authorize?") {
		p.t.Fatalf("led to %s, %v", to, err)
	}
	query := at.Query()
	for name, want := range map[string]string{"client_id": providerClient, "response_type": "code", "code_challenge_method": "S256", "scope": "openid email"} {
		if query.Get(name) != want {
			p.t.Errorf("%s is %q, want %q", name, query.Get(name), want)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.asked[code] = query
	return url.Values{"code": {code}, "state": {query.Get("state")}}
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, ok := p.asked[r.PostFormValue("code")]
	delete(p.asked, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	_, secret, _ := r.BasicAuth()
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") ||
		r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") || secret != p.secret && r.PostFormValue("client_secret") != p.secret {
		p.write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "hunter2"})
		return
	}
	payload := map[string]any{
		"iss": p.url, "aud": providerClient, "nonce": asked.Get("nonce"),
		"iat": p.clock.now().Unix(), "exp": p.clock.now().Add(time.Hour).Unix(),
	}
	maps.Copy(payload, p.claims)
	p.write(w, http.StatusOK, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(payload)})
}

// providedWorld is one with a provider that may let in all of acme.example, ada as an admin.
func providedWorld(t testing.TB) (*world, *idp, *browser) {
	t.Helper()
	w := newWorld(t, "ada@acme.example=admin", "@acme.example=viewer")
	p := newIDP(t, w.clock)
	pages := w.pages()
	b := pagesOn(w, pages)
	w.provide(pages, p, "")
	return w, p, b
}

func (w *world) provide(pages *Pages, p *idp, secret string) {
	var err error
	pages.Provider, err = NewProvider(ProviderOptions{
		Issuer: p.url, ClientID: providerClient, ClientSecret: secret, CallbackURL: CallbackURL(pages.URL), Key: make([]byte, 32), Now: w.clock.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// through goes to the provider and comes back with what it answers.
func (b *browser) through(p *idp, next string) answer {
	b.t.Helper()
	to := b.get("/console/sign-in/provider?next="+url.QueryEscape(next)).wants(b.t, http.StatusSeeOther, "").Header.Get("Location")
	return b.get("/console/sign-in/callback?" + p.authorize(to).Encode())
}

func TestProvider(t *testing.T) {
	w, p, b := providedWorld(t)
	b.get("/console/sign-in?next=/console/clients").says(t, "Sign in with 127.0.0.1", "/console/sign-in/provider?next=%2Fconsole%2Fclients")
	b.through(p, "/console/customers?q=a").wants(t, http.StatusSeeOther, "/console/customers?q=a")
	b.get("/console/account").wants(t, http.StatusOK, "").says(t, "ada@acme.example", "admin", "by the provider")
	if len(b.cookies) != 1 {
		t.Errorf("cookies afterwards: %v", b.cookies)
	}
	// Another of the domain, in whatever letters, and the same again.
	p.claims = map[string]any{"sub": "2", "email": "Bob@ACME.example", "email_verified": "true"}
	for range 2 {
		bob := b.another()
		bob.through(p, "//evil.example").wants(t, http.StatusSeeOther, "/console/")
		bob.get("/console/account").says(t, "bob@acme.example", "viewer")
	}
	list, err := w.List(t.Context())
	if err != nil || len(list) != 2 || list[1].Name != "bob@acme.example" || !list[1].ByProvider() {
		t.Errorf("%+v, %v", list, err)
	}
	// They have no password, and no link to one.
	if _, err := w.SignIn(t.Context(), here, "bob@acme.example", ""); !errors.Is(err, ErrRefused) {
		t.Errorf("by a password: %v", err)
	}
	if link, err := w.Reset(t.Context(), cli, "bob@acme.example"); err != nil || link.Token != "" {
		t.Errorf("a reset: %+v, %v", link, err)
	}
}

// A client that has a secret sends it.
func TestProviderWithSecret(t *testing.T) {
	w, p, b := providedWorld(t)
	p.secret = "s3cret"
	b.through(p, "").wants(t, http.StatusForbidden, "")
	pages := w.pages()
	b = pagesOn(w, pages)
	w.provide(pages, p, "s3cret")
	b.through(p, "").wants(t, http.StatusSeeOther, "/console/")
}

// Who is not surely who they say is not let in.
func TestProviderRefusals(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(changes map[string]any) func(*idp) {
		return func(p *idp) { maps.Copy(p.claims, changes) }
	}
	for name, test := range map[string]struct {
		change func(*idp)
		says   string
	}{
		"another nonce":         {claims(map[string]any{"nonce": "x"}), "for sure"},
		"no nonce":              {claims(map[string]any{"nonce": nil}), "for sure"},
		"another audience":      {claims(map[string]any{"aud": "other"}), "for sure"},
		"another issuer":        {claims(map[string]any{"iss": "https://evil.example"}), "for sure"},
		"ended":                 {claims(map[string]any{"exp": 1}), "for sure"},
		"no subject":            {claims(map[string]any{"sub": ""}), "for sure"},
		"unverified":            {claims(map[string]any{"email_verified": false}), "verified"},
		"not said whether":      {claims(map[string]any{"email_verified": nil}), "verified"},
		"verified, some say":    {claims(map[string]any{"email_verified": "yes"}), "verified"},
		"no address":            {claims(map[string]any{"email": nil}), "does not say your address"},
		"no address but a name": {claims(map[string]any{"email": "ada"}), "does not say your address"},
		"two addresses":         {claims(map[string]any{"email": "eve@evil.example,ada@acme.example"}), "does not say your address"},
		"not allowed":           {claims(map[string]any{"email": "ada@evil.example"}), "not allowed"},
		"a domain below":        {claims(map[string]any{"email": "ada@x.acme.example"}), "not allowed"},
		"a domain like it":      {claims(map[string]any{"email": "ada@evilacme.example"}), "not allowed"},
		"another key": {func(p *idp) {
			p.sign = func(c map[string]any) string { return p.signed(jose.RS256, other, c) }
		}, "for sure"},
		"a shared secret": {func(p *idp) {
			p.sign = func(c map[string]any) string { return p.signed(jose.HS256, []byte(strings.Repeat("x", 32)), c) }
		}, "for sure"},
		"no signature": {func(p *idp) {
			p.sign = func(c map[string]any) string {
				text, err := json.Marshal(c)
				if err != nil {
					t.Error(err)
				}
				encode := base64.RawURLEncoding.EncodeToString
				return encode([]byte(`{"alg":"none"}`)) + "." + encode(text) + "."
			}
		}, "for sure"},
		"no token": {func(p *idp) { p.sign = func(map[string]any) string { return "" } }, "for sure"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p, b := providedWorld(t)
			test.change(p)
			b.through(p, "").wants(t, http.StatusForbidden, "").says(t, "You are not signed in", test.says)
			if len(b.cookies) > 0 {
				t.Errorf("cookies: %v", b.cookies)
			}
			if list, err := w.List(t.Context()); len(list) > 0 || err != nil {
				t.Errorf("there is %+v, %v", list, err)
			}
		})
	}
}

// What comes back must be what was sent out, by the same browser, soon, and once.
func TestProviderTrips(t *testing.T) {
	w, p, b := providedWorld(t)
	begin := func(b *browser) url.Values {
		t.Helper()
		return p.authorize(b.get("/console/sign-in/provider").wants(t, http.StatusSeeOther, "").Header.Get("Location"))
	}
	refused := func(b *browser, answer url.Values, says string) {
		t.Helper()
		b.get("/console/sign-in/callback?"+answer.Encode()).wants(t, http.StatusForbidden, "").says(t, says)
		b.get("/console/account").wants(t, http.StatusSeeOther, "")
	}
	with := func(answer url.Values, name, value string) url.Values {
		answer.Set(name, value)
		return answer
	}
	refused(b.another(), begin(b), "not begun in this browser") // the answer of another's trip
	refused(b, with(begin(b), "state", "x"), "not begun in this browser")
	refused(b, with(begin(b), "state", ""), "not begun in this browser")
	refused(b, with(begin(b), "iss", "https://evil.example"), "another provider")
	refused(b, with(begin(b), "error", "access_denied"), "did not let you in")
	refused(b, with(begin(b), "code", "x"), "not good for a token")
	if strings.Contains(w.log.String(), "hunter2") {
		t.Error("the log has what the provider wrote")
	}

	answer := begin(b)
	b.cookies["allot_sign_in"].Value = strings.Repeat("A", 80)
	refused(b, answer, "not begun in this browser")

	answer = begin(b)
	w.clock.advance(tripLife)
	refused(b, answer, "too long")

	answer = begin(b)
	kept := *b.cookies["allot_sign_in"]
	if kept.MaxAge != int(tripLife.Seconds()) || !kept.HttpOnly || kept.SameSite != http.SameSiteLaxMode || strings.Contains(kept.Value, answer.Get("state")) {
		t.Errorf("the browser keeps %+v", kept)
	}
	b.get("/console/sign-in/callback?"+with(answer, "iss", p.url).Encode()).wants(t, http.StatusSeeOther, "/console/")
	again := b.another()
	again.cookies["allot_sign_in"] = &kept
	refused(again, answer, "not good for a token") // the code is spent
	b.another().get("/console/sign-in/callback").wants(t, http.StatusForbidden, "")
}

// Who an address is goes by the provider's subject, and who may come in by what is allowed
// here and now.
func TestProviderIdentities(t *testing.T) {
	w, p, b := providedWorld(t)
	b.through(p, "").wants(t, http.StatusSeeOther, "/console/")
	ada := b.cookies["allot_session"].Value

	// The address is given to somebody else.
	p.claims["sub"] = "2"
	b.another().through(p, "").wants(t, http.StatusForbidden, "").says(t, "another account of the provider")
	w.wantSeen(ada, "ada@acme.example admin")
	if _, err := w.Reset(t.Context(), cli, "ada@acme.example"); err != nil {
		t.Fatal(err)
	}
	w.wantSeen(ada, "")
	second := b.another()
	second.through(p, "").wants(t, http.StatusSeeOther, "/console/")

	// They get another address: who they were is out.
	p.claims["email"] = "ada.b@acme.example"
	third := b.another()
	third.through(p, "").wants(t, http.StatusSeeOther, "/console/")
	third.get("/console/account").says(t, "ada.b@acme.example", "viewer")
	second.get("/console/account").wants(t, http.StatusSeeOther, "")

	// Disabled.
	if err := w.Disable(t.Context(), cli, "ada.b@acme.example"); err != nil {
		t.Fatal(err)
	}
	third.get("/console/account").wants(t, http.StatusSeeOther, "")
	third.through(p, "").wants(t, http.StatusForbidden, "").says(t, "is disabled")

	// Allowed no more, or otherwise, by a server that was started with that.
	w.made("boss", record.Admin)
	p.claims = map[string]any{"sub": "9", "email": "eve@acme.example", "email_verified": true}
	fourth := b.another()
	fourth.through(p, "").wants(t, http.StatusSeeOther, "/console/")
	eve := fourth.cookies["allot_session"].Value
	w.wantSeen(eve, "eve@acme.example viewer")
	for _, test := range []struct {
		allow []string
		want  string
	}{{[]string{"@acme.example=operator"}, "eve@acme.example operator"}, {[]string{"ada@acme.example=admin"}, ""}, {nil, ""}} {
		var faults []error
		if w.allow, faults = ParseAllow(test.allow); faults != nil {
			t.Fatal(faults)
		}
		node := w.node()
		who, next := w.sees(node, eve)
		if who != test.want {
			t.Errorf("with %v it is %q, want %q", test.allow, who, test.want)
		}
		// Administrators are shown what holds here, not what held before.
		pages := w.pages()
		pages.Accounts = node
		boss := pagesOn(w, pages)
		boss.post("/console/sign-in", credentials("boss", password, "")).wants(t, http.StatusSeeOther, "/console/")
		shown := "<td>operator</td>"
		if test.want == "" {
			shown = "may not come in"
		}
		boss.get("/console/administrators").says(t, "eve@acme.example", shown)
		boss.get("/console/administrators/eve@acme.example").says(t, strings.Trim(shown, "</td>"))
		if next != "" {
			eve = next
		}
	}
}

// A provider that is away keeps nobody from the page, nor from coming in by a password.
func TestProviderAway(t *testing.T) {
	w := newWorld(t, "@acme.example=viewer")
	w.made("ada", record.Admin)
	pages := w.pages()
	b := pagesOn(w, pages)
	w.provide(pages, &idp{url: "http://127.0.0.1:1"}, "")
	b.get("/console/sign-in").wants(t, http.StatusOK, "")
	b.get("/console/sign-in/provider").wants(t, http.StatusServiceUnavailable, "").says(t, "cannot be asked now")
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "/console/")

	// And where there is none, there is no page for it.
	b = pagesOn(w, w.pages())
	b.get("/console/sign-in/provider").wants(t, http.StatusNotFound, "")
	b.get("/console/sign-in/callback?code=x&state=y").wants(t, http.StatusNotFound, "")
}

func TestParseAllow(t *testing.T) {
	allow, faults := ParseAllow([]string{"Ada@Acme.example=admin", "@acme.example=viewer", "o=k@b.example=operator", "ada@acme.example=admin"})
	if faults != nil {
		t.Fatal(faults)
	}
	for address, want := range map[string]record.Role{
		"ada@acme.example": record.Admin, "bob@acme.example": record.Viewer, "o=k@b.example": record.Operator,
		"bob@b.example": "", "acme.example": "", "": "", "@acme.example": record.Viewer, "a@b@acme.example": "",
	} {
		if got, ok := allow.role(address); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", address, got, ok, want)
		}
	}
	bad := []string{"", "=", "ada", "ada@acme.example", "ada@acme.example=", "ada@acme.example=root", "acme.example=viewer", "@=viewer", "@acme.example=Viewer", "a b@acme.example=viewer", "ada@acme.example=viewer"}
	if _, faults := ParseAllow(append([]string{"ada@acme.example=admin"}, bad...)); len(faults) != len(bad) {
		t.Errorf("%d faults of %d: %v", len(faults), len(bad), faults)
	}
}
