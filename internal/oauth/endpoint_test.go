package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/oauth/record"
)

// post is a request of the token endpoint.
type post struct {
	method  string // "" is POST
	query   string
	address string
	header  map[string]string
	body    string
}

func (n *node) post(t *testing.T, p post) *httptest.ResponseRecorder {
	if p.method == "" {
		p.method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(t.Context(), p.method, "http://evil.example/oauth2/token?"+p.query, strings.NewReader(p.body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.address != "" {
		r.RemoteAddr = p.address
	}
	for k, v := range p.header {
		if v == "" {
			r.Header.Del(k)
		} else {
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	n.ServeToken(w, r)
	return w
}

func basic(id, secret string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

// payload is the claims of a token, unverified.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token of %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func decode(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return body
}

func TestToken(t *testing.T) {
	n := newNode(t)
	c, secret := n.client(t, "read:b", "read:a")
	w := n.post(t, post{body: "grant_type=client_credentials&client_id=" + c.ID + "&client_secret=" + secret})

	body := decode(t, w)
	token, _ := body["access_token"].(string)
	delete(body, "access_token")
	want := map[string]any{"token_type": "bearer", "expires_in": 86400.0, "scope": "read:a read:b"}
	if diff := cmp.Diff(want, body); diff != "" || w.Code != http.StatusOK {
		t.Errorf("status %d, body (-want +got):\n%s", w.Code, diff)
	}
	wantHeader := http.Header{
		"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "Content-Type": {"application/json; charset=utf-8"},
	}
	if diff := cmp.Diff(wantHeader, w.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}

	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"alg":"RS256","kid":"` + n.storedKeys(t)[0].ID + `","typ":"JWT"}`; string(header) != want {
		t.Errorf("header of the token %s, want %s", header, want)
	}
	claims := payload(t, token)
	if jti, _ := claims["jti"].(string); len(jti) < 20 {
		t.Errorf("jti = %q", jti)
	}
	wantClaims := map[string]any{
		"iss": issuerURL, "aud": []any{apiURL}, "azp": c.ID,
		"iat": float64(start.Unix()), "exp": float64(start.Add(24 * time.Hour).Unix()),
		"gty": []any{"client_credentials"}, "scope": "read:a read:b", "scp": []any{"read:a", "read:b"}, "v": "2",
	}
	ignoreID := cmpopts.IgnoreMapEntries(func(k string, _ any) bool { return k == "jti" })
	if diff := cmp.Diff(wantClaims, claims, ignoreID); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if got := n.verify(t, token); got != "good" {
		t.Errorf("the token is %s, want good", got)
	}
}

// Requests as Kinde's clients send them, with their own headers left out that
// nobody looks at.
func TestTokenRequestsOfKindeClients(t *testing.T) {
	n := newNode(t)
	c, secret := n.client(t, AllScopes)
	id := c.ID
	form := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}
	for name, r := range map[string]struct {
		post
		audience []any
	}{
		"Python": {post{
			header: map[string]string{"Kinde-SDK": "Python-FastAPI/2.4.0/3.x/python"},
			body:   form("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "audience", "https://127.0.0.1:8080/api"),
		}, []any{"https://127.0.0.1:8080/api"}},
		"management-api-js, URL in init": {post{
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
			body:   "grant_type=client_credentials&scope=&client_id=" + id + "&client_secret=" + secret + "&audience=" + url.QueryEscape(apiURL),
		}, []any{apiURL}},
		"management-api-js, URL in the environment": {post{
			body: form("grant_type", "client_credentials", "scope", "", "client_id", id, "client_secret", secret, "audience", "https://http://127.0.0.1:8080/api"),
		}, []any{"https://http://127.0.0.1:8080/api"}},
		"Go": {post{
			header: basic(id, secret),
			body:   form("grant_type", "client_credentials", "audience", "https://127.0.0.1.kinde.com/api"),
		}, []any{"https://127.0.0.1.kinde.com/api"}},
		"Go, second attempt": {post{
			body: form("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "audience", "https://127.0.0.1.kinde.com/api"),
		}, []any{"https://127.0.0.1.kinde.com/api"}},
		"Java without audience": {post{
			header: basic(id, secret), body: "grant_type=client_credentials",
		}, []any{apiURL}},
		"Java with two audiences": {post{
			header: basic(id, secret),
			body:   form("grant_type", "client_credentials", "audience", "https://127.0.0.1:8080/api", "audience", apiURL),
		}, []any{"https://127.0.0.1:8080/api", apiURL}},
		"PHP and .NET": {post{
			body: form("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "audience", apiURL),
		}, []any{apiURL}},
		"Ruby, not encoded": {post{
			body: "grant_type=client_credentials&client_id=" + id + "&client_secret=" + secret + "&audience=http://127.0.0.1:8080/api&scope=read:a write:a",
		}, []any{apiURL}},
	} {
		t.Run(name, func(t *testing.T) {
			w := n.post(t, r.post)
			if w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			token := decode(t, w)["access_token"].(string)
			if diff := cmp.Diff(r.audience, payload(t, token)["aud"]); diff != "" {
				t.Errorf("aud (-want +got):\n%s", diff)
			}
			if got := n.verify(t, token); got != "good" {
				t.Errorf("the token is %s, want good", got)
			}
		})
	}
}

func TestTokenAnswers(t *testing.T) {
	n := newNode(t)
	const grant = "grant_type=client_credentials"
	for name, c := range map[string]struct {
		post
		status  int
		code    string // of the error; "" is none
		scope   string // of the token
		header  string // that the answer must have, as "Name: value"
		revoked bool
	}{
		"some scopes":              {post: post{body: grant + "&client_id=ID&client_secret=SECRET&scope=read:b+read:a+read:b"}, status: 200, scope: "read:b read:a"},
		"Basic":                    {post: post{header: basic("ID", "SECRET"), body: grant}, status: 200, scope: "read:a read:b"},
		"Basic, encoded":           {post: post{header: basic("%49D", "SECRE%54"), body: grant}, status: 200, scope: "read:a read:b"},
		"Basic and the same form":  {post: post{header: basic("ID", "SECRET"), body: grant + "&client_id=ID&client_secret=SECRET"}, status: 200, scope: "read:a read:b"},
		"Basic and client_id":      {post: post{header: basic("ID", "SECRET"), body: grant + "&client_id=ID"}, status: 200, scope: "read:a read:b"},
		"unknown parameters":       {post: post{body: grant + "&client_id=ID&client_secret=SECRET&x=1&y="}, status: 200, scope: "read:a read:b"},
		"unknown one twice":        {post: post{body: grant + "&client_id=ID&client_secret=SECRET&x=1&x=2"}, status: 200, scope: "read:a read:b"},
		"host in capitals":         {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience=HTTP://127.0.0.1:8080/api"}, status: 200, scope: "read:a read:b"},
		"empty audience":           {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience="}, status: 200, scope: "read:a read:b"},
		"another Authorization":    {post: post{header: map[string]string{"Authorization": "Bearer x"}, body: grant + "&client_id=ID&client_secret=SECRET"}, status: 200, scope: "read:a read:b"},
		"GET":                      {post: post{method: "GET"}, status: 405, code: "invalid_request", header: "Allow: POST"},
		"PUT":                      {post: post{method: "PUT", body: grant + "&client_id=ID&client_secret=SECRET"}, status: 405, code: "invalid_request"},
		"JSON":                     {post: post{header: map[string]string{"Content-Type": "application/json"}, body: `{"grant_type":"client_credentials"}`}, status: 400, code: "invalid_request"},
		"no content type":          {post: post{header: map[string]string{"Content-Type": ""}, body: grant + "&client_id=ID&client_secret=SECRET"}, status: 400, code: "invalid_request"},
		"body too large":           {post: post{body: grant + "&client_id=ID&client_secret=SECRET&x=" + strings.Repeat("x", maxBody)}, status: 400, code: "invalid_request"},
		"malformed body":           {post: post{body: grant + "&client_id=ID&client_secret=SECRET&x=%zz"}, status: 400, code: "invalid_request"},
		"empty body":               {post: post{}, status: 400, code: "invalid_request"},
		"empty grant type":         {post: post{body: "grant_type=&client_id=ID&client_secret=SECRET"}, status: 400, code: "invalid_request"},
		"another grant type":       {post: post{body: "grant_type=password&client_id=ID&client_secret=SECRET"}, status: 400, code: "unsupported_grant_type"},
		"scope twice":              {post: post{body: grant + "&client_id=ID&client_secret=SECRET&scope=read:a&scope=read:b"}, status: 400, code: "invalid_request"},
		"client_id twice":          {post: post{body: grant + "&client_id=ID&client_secret=SECRET&client_id=ID"}, status: 400, code: "invalid_request"},
		"grant_type twice":         {post: post{body: grant + "&client_id=ID&client_secret=SECRET&" + grant}, status: 400, code: "invalid_request"},
		"Basic and another id":     {post: post{header: basic("ID", "SECRET"), body: grant + "&client_id=other"}, status: 400, code: "invalid_request"},
		"Basic and another secret": {post: post{header: basic("ID", "SECRET"), body: grant + "&client_secret=other"}, status: 400, code: "invalid_request"},
		"no credentials":           {post: post{body: grant}, status: 401, code: "invalid_client", header: "Www-Authenticate: "},
		"no secret":                {post: post{body: grant + "&client_id=ID"}, status: 401, code: "invalid_client"},
		"wrong secret":             {post: post{body: grant + "&client_id=ID&client_secret=wrong"}, status: 401, code: "invalid_client", header: "Www-Authenticate: "},
		"wrong secret by Basic":    {post: post{header: basic("ID", "wrong"), body: grant}, status: 401, code: "invalid_client", header: `Www-Authenticate: Basic realm="allot"`},
		"malformed Basic":          {post: post{header: map[string]string{"Authorization": "Basic !"}, body: grant}, status: 401, code: "invalid_client", header: `Www-Authenticate: Basic realm="allot"`},
		"Basic without colon":      {post: post{header: map[string]string{"Authorization": "Basic eA=="}, body: grant}, status: 401, code: "invalid_client"},
		"unknown client":           {post: post{body: grant + "&client_id=0123456789abcdef0123456789abcdef&client_secret=SECRET"}, status: 401, code: "invalid_client"},
		"client id is no text":     {post: post{body: grant + "&client_id=%00%ff&client_secret=SECRET"}, status: 401, code: "invalid_client"},
		"revoked client":           {post: post{body: grant + "&client_id=ID&client_secret=SECRET"}, status: 401, code: "invalid_client", revoked: true},
		"credentials in the URL":   {post: post{body: grant, query: "client_id=ID&client_secret=SECRET"}, status: 401, code: "invalid_client"},
		"scope not granted":        {post: post{body: grant + "&client_id=ID&client_secret=SECRET&scope=read:a+write:a"}, status: 400, code: "invalid_scope"},
		"scope unknown":            {post: post{body: grant + "&client_id=ID&client_secret=SECRET&scope=%22quoted"}, status: 400, code: "invalid_scope"},
		"scope in capitals":        {post: post{body: grant + "&client_id=ID&client_secret=SECRET&scope=READ:A"}, status: 400, code: "invalid_scope"},
		"audience of another":      {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience=https://evil.example/api"}, status: 400, code: "unauthorized_client"},
		"audience of Host header":  {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience=http://evil.example/api"}, status: 400, code: "unauthorized_client"},
		"audience with a slash":    {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience=" + apiURL + "/"}, status: 400, code: "unauthorized_client"},
		"one audience of another":  {post: post{body: grant + "&client_id=ID&client_secret=SECRET&audience=" + apiURL + "&audience=x"}, status: 400, code: "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			client, secret := n.client(t, "read:a", "read:b")
			if c.revoked {
				if err := n.dir.RevokeClient(t.Context(), cli, client.ID); err != nil {
					t.Fatal(err)
				}
			}
			fill := strings.NewReplacer("%49D", "%"+hexByte(client.ID[0])+client.ID[1:], "SECRE%54", secret[:51]+"%"+hexByte(secret[51]), "ID", client.ID, "SECRET", secret)
			p := c.post
			p.body, p.query = fill.Replace(p.body), fill.Replace(p.query)
			p.header = map[string]string{}
			for k, v := range c.post.header {
				if encoded, ok := strings.CutPrefix(v, "Basic "); ok {
					if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil {
						v = "Basic " + base64.StdEncoding.EncodeToString([]byte(fill.Replace(string(raw))))
					}
				}
				p.header[k] = v
			}
			w := n.post(t, p)
			body := decode(t, w)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", ct)
			}
			if cc := w.Header().Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control %q", cc)
			}
			if k, v, ok := strings.Cut(c.header, ": "); ok && w.Header().Get(k) != v {
				t.Errorf("%s %q, want %q", k, w.Header().Get(k), v)
			}
			if strings.Contains(n.log.String(), secret) {
				t.Error("the secret is in the log")
			}
			if c.code != "" {
				line := n.log.last()
				for _, want := range []string{"token refused", "code=" + c.code, "cause="} {
					if !strings.Contains(line, want) {
						t.Errorf("the log says %q, not %q", line, want)
					}
				}
			}
			if c.code == "" {
				if body["scope"] != c.scope {
					t.Errorf("scope %q, want %q", body["scope"], c.scope)
				}
				return
			}
			if body["error"] != c.code || body["error_description"] == "" || len(body) != 2 {
				t.Errorf("body %s, want error %s", w.Body, c.code)
			}
			if strings.Contains(w.Body.String(), secret) || strings.Contains(w.Body.String(), `\"`) {
				t.Errorf("body %s has what it must not", w.Body)
			}
		})
	}
}

// Several SDKs throw the answer away: what the operator needs is in the log.
func TestRefusedTokenIsLogged(t *testing.T) {
	n := newNode(t)
	client, secret := n.client(t, "read:a")
	body := "grant_type=client_credentials&client_id=" + client.ID + "&client_secret=" + secret + "&audience=http%3A%2F%2Fother%3A1%2Fapi"
	if w := n.post(t, post{body: body}); w.Code != http.StatusBadRequest {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	for _, want := range []string{"code=unauthorized_client", "client=" + client.ID, "http://other:1/api", issuerURL + "/api", "--issuer"} {
		if line := n.log.last(); !strings.Contains(line, want) {
			t.Errorf("the log says %q, not %q", line, want)
		}
	}
	// What stands where an id belongs may be the secret.
	n.post(t, post{body: "grant_type=client_credentials&client_id=" + secret + "&client_secret=" + client.ID})
	if strings.Contains(n.log.String(), secret) {
		t.Error("a secret sent as client_id is in the log")
	}
}

// Kinde's TypeScript SDK refuses any other secret before it asks.
func TestSecretsAreWhatClientsTake(t *testing.T) {
	n := newNode(t)
	form := regexp.MustCompile(`^[a-zA-Z0-9]{52}$`)
	c, secret := n.client(t, "read:a")
	rotated, err := n.dir.RotateSecret(t.Context(), cli, c.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, rotated} {
		if !form.MatchString(s) {
			t.Errorf("a secret of %d characters that are not all letters and digits", len(s))
		}
	}
	if secret == rotated {
		t.Error("the same secret twice")
	}
	// Those of the version before are 64 hex digits, stored by the same hash.
	old := strings.Repeat("0123456789abcdef", 4)
	hash := sha256.Sum256([]byte(old))
	err = n.dir.updateClient(t.Context(), cli, record.ClientRotated, n.clock.now(), c.ID, func(c *record.Client) error {
		c.SecretHash = hash[:]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := n.post(t, post{body: "grant_type=client_credentials&client_id=" + c.ID + "&client_secret=" + old}); w.Code != http.StatusOK {
		t.Errorf("an old secret: status %d: %s", w.Code, w.Body)
	}
}

func hexByte(b byte) string {
	return string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15])
}

func TestTokenAfterTooManyFailures(t *testing.T) {
	n := newNode(t)
	c, secret := n.client(t, "read:a")
	try := func(address, id, secret string) *httptest.ResponseRecorder {
		return n.post(t, post{address: address, body: "grant_type=client_credentials&client_id=" + id + "&client_secret=" + secret})
	}
	for i := range failedAttempts {
		if w := try("192.0.2.1:1000", c.ID, "wrong"); w.Code != 401 {
			t.Fatalf("failure %d: status %d", i+1, w.Code)
		}
	}
	n.clock.advance(15500 * time.Millisecond)
	throttled := func() {
		t.Helper()
		w := try("192.0.2.1:2000", c.ID, "wrong")
		const message = "too many failed attempts: check the secret, and try again later"
		want := `{"error":"temporarily_unavailable","error_description":"` + message + `","errors":[{"code":"TOO_MANY_REQUESTS","message":"` + message + `"}]}`
		if w.Code != 429 || w.Body.String() != want {
			t.Errorf("wrong secret: %d %s\nwant 429 %s", w.Code, w.Body, want)
		}
		for name, want := range map[string]string{
			"Retry-After": "45", "RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "45",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
	}
	throttled()
	if w := try("192.0.2.1:2000", c.ID, secret); w.Code != 200 || w.Header().Get("RateLimit-Limit") != "" {
		t.Errorf("right secret: status %d, %v, want 200", w.Code, w.Header())
	}
	throttled() // the success has cleared nothing
	if w := try("192.0.2.2:1000", c.ID, "wrong"); w.Code != 401 {
		t.Errorf("from another address: status %d, want 401", w.Code)
	}
	other, _ := n.client(t, "read:a")
	if w := try("192.0.2.1:1000", other.ID, "wrong"); w.Code != 401 {
		t.Errorf("another client: status %d, want 401", w.Code)
	}
	n.clock.advance(45 * time.Second)
	if w := try("192.0.2.1:1000", c.ID, "wrong"); w.Code != 401 {
		t.Errorf("a minute later: status %d, want 401", w.Code)
	}
}

func TestTokenWithoutStore(t *testing.T) {
	n := newNode(t)
	c, secret := n.client(t, "read:a")
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	w := n.post(t, post{body: "grant_type=client_credentials&client_id=" + c.ID + "&client_secret=" + secret})
	want := `{"error":"server_error","error_description":"the server cannot answer this now"}`
	if w.Code != 500 || w.Body.String() != want {
		t.Errorf("%d %s\nwant 500 %s", w.Code, w.Body, want)
	}
	if !strings.Contains(n.log.String(), "level=ERROR") || strings.Contains(n.log.String(), secret) {
		t.Errorf("log: %s", n.log)
	}
}

func TestMint(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a", "read:b")
	mint := func(r Request) (map[string]any, string) {
		t.Helper()
		token, err := n.Mint(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		p, err := n.verifier.Verify(t.Context(), token.Value)
		if err != nil {
			t.Fatal(err)
		}
		kind := "client"
		if p.User {
			kind = "user " + p.Subject + " " + p.OrgCode
		}
		return payload(t, token.Value), kind
	}
	claims, kind := mint(Request{ClientID: c.ID, Scopes: []string{"read:b"}})
	if kind != "client" || claims["scope"] != "read:b" {
		t.Errorf("%s with scope %v", kind, claims["scope"])
	}
	claims, kind = mint(Request{ClientID: c.ID, User: "kp_1", OrgCode: "org_1"})
	if kind != "user kp_1 org_1" || claims["gty"] != nil {
		t.Errorf("%s with gty %v", kind, claims["gty"])
	}

	if err := n.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	good, _ := n.client(t, "read:a")
	for _, r := range []struct {
		Request
		code string
	}{
		{Request{ClientID: c.ID}, "invalid_client"},
		{Request{ClientID: "nobody"}, "invalid_client"},
		{Request{ClientID: good.ID, Scopes: []string{"read:b"}}, "invalid_scope"},
		{Request{ClientID: good.ID, Audiences: []string{"x"}}, "unauthorized_client"},
		{Request{ClientID: good.ID, OrgCode: "org_1"}, "invalid_request"},
	} {
		_, err := n.Mint(t.Context(), r.Request)
		if got, ok := errors.AsType[*Error](err); !ok || got.Code != r.code {
			t.Errorf("Mint(%+v) = %v, want %s", r.Request, err, r.code)
		}
	}
}

func TestDiscovery(t *testing.T) {
	n := newNode(t)
	w := httptest.NewRecorder()
	n.ServeDiscovery(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://evil.example/.well-known/openid-configuration", nil))
	want := `{"issuer":"http://127.0.0.1:8080","jwks_uri":"http://127.0.0.1:8080/.well-known/jwks",` +
		`"token_endpoint":"http://127.0.0.1:8080/oauth2/token","authorization_endpoint":"http://127.0.0.1:8080/oauth2/auth",` +
		`"subject_types_supported":["public"],"response_types_supported":["code"],` +
		`"id_token_signing_alg_values_supported":["RS256"],"grant_types_supported":["client_credentials"]}`
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%d %v\n%s\nwant\n%s", w.Code, w.Header(), w.Body, want)
	}
	for _, handler := range []http.HandlerFunc{n.ServeDiscovery, n.ServeJWKS} {
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestJWKS(t *testing.T) {
	n := newNode(t)
	w := httptest.NewRecorder()
	n.ServeJWKS(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/jwks", nil))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v in %s", err, w.Body)
	}
	key := set.Keys[0]
	var names []string
	for name := range key {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"alg", "e", "kid", "kty", "n", "use"}, names); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if key["alg"] != "RS256" || key["use"] != "sig" || key["kty"] != "RSA" || key["kid"] != n.storedKeys(t)[0].ID {
		t.Errorf("key %v", key)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", ct)
	}
}
