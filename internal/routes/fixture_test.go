package routes

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/portal"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
)

const (
	issuerURL  = "https://issuer.example"
	foreignURL = "https://foreign.example"
	audience   = "https://allot.example/api"
	clientID   = "client_one"

	acme  = "customer_01a202b2c50070008000000000000001" // on pro, with two add-ons
	idle  = "customer_01a202b2c50070008000000000000002" // on nothing
	quiet = "customer_01a202b2c50070008000000000000003" // on pro, suspended
	ada   = "customer_01a202b2c50070008000000000000004" // a user, on personal
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is the routes on a real store, at a time that only the test moves, with
// ids that are the same in each run.
type world struct {
	http.Handler
	billing *service.Service
	now     time.Time
	log     strings.Builder
	sign    jose.Signer
}

// newWorld makes a world without anything in it.
func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, newStore(t), 0)
}

// worldOn is a world on any store, with a rate limit a minute or none.
func worldOn(t testing.TB, st service.Store, rateLimit int, configure ...func(*Config)) *world {
	t.Helper()
	w := &world{now: noon}
	clock := func() time.Time { return w.now }
	w.billing = &service.Service{Store: st, Clock: clock, Random: seeded("ids")}

	seed := sha256.Sum256([]byte("key"))
	private := ed25519.NewKeyFromSeed(seed[:])
	var err error
	if w.sign, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "k1"}}, nil); err != nil {
		t.Fatal(err)
	}
	key := func(context.Context, string) (auth.Key, error) {
		return auth.Key{Public: private.Public(), Algorithm: jose.EdDSA}, nil
	}
	verifier, err := auth.NewVerifier(auth.Options{Now: clock, Issuers: []auth.Issuer{
		{URL: issuerURL, Audiences: []string{audience}, Key: key},
		{URL: foreignURL, Audiences: []string{audience}, Key: key},
	}})
	if err != nil {
		t.Fatal(err)
	}
	links := &portal.Links{Key: []byte("links"), URL: issuerURL, Now: clock, Random: seeded("links")}
	page := &portal.Page{Links: links, Billing: w.billing, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
	config := Config{
		Config: door.Config{
			Verifier: verifier, Limiter: auth.NewLimiter(rateLimit, time.Minute, clock),
			Issuer: issuerURL, Origins: []string{"https://app.example", "http://localhost:3000"},
			Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: withoutTimes})),
			Also: map[string]http.Handler{
				"GET /also": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, "another package's")
				}),
				"GET " + portal.Path + "{link}":  page,
				"POST " + portal.Path + "{link}": page,
			},
			Sealer: newSealer(t),
		},
		Billing: w.billing, PortalLink: links.New,
		Ready: func(ctx context.Context) (api.Readiness, error) {
			return api.Readiness(api.OK()), st.View(ctx, func(service.Reader) error { return nil })
		},
		Snapshots: newSnapshots(t, st, clock),
		Feed:      &service.EventFeed{Store: st, Clock: clock},
	}
	config.Webhooks = newOutbox(t, st, clock)
	for _, f := range configure {
		f(&config)
	}
	w.Handler = New(config)
	return w
}

// newOutbox sends nothing by itself. It may send to the own machine.
func newOutbox(t testing.TB, st service.Store, clock func() time.Time) *outbox.Outbox {
	t.Helper()
	guard, err := outbox.NewGuard(false, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	options := outbox.Options{Guard: guard, Clock: clock, Random: seeded("webhooks"), Sealer: newSealer(t).(outbox.Sealer)}
	switch st := st.(type) {
	case *store.Store:
		options.Store = st.ForWebhooks()
	case deadStore:
		options.Store = deadWebhooks(st)
	}
	return outbox.New(options)
}

// newSealer seals with a key of the test's own.
func newSealer(t testing.TB) door.Sealer {
	t.Helper()
	file, err := oauth.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// newSnapshots is a cache before a store. If it is one that tells of its commits
// the cache keeps what it reads, else it is off.
func newSnapshots(t testing.TB, st service.Store, clock func() time.Time) *snapshot.Cache {
	t.Helper()
	options := snapshot.Options{Store: st, Clock: clock}
	telling, ok := st.(*store.Store)
	if !ok {
		return snapshot.New(options)
	}
	options.Bytes = 1 << 20
	cache := snapshot.New(options)
	telling.OnCommit(cache.Heard)
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { feed.New(feed.Options{Store: telling.ForFeed()}).Watch(ctx, cache) })
	t.Cleanup(func() {
		stop()
		watching.Wait()
	})
	for _, lost := cache.Lost(); lost; _, lost = cache.Lost() {
		runtime.Gosched()
	}
	return cache
}

// databases give the URL of an empty database of the test's own, by its kind.
var databases = map[string]func(testing.TB) string{
	"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") },
	"postgres": pgtest.URL,
}

// newStore is an empty store of the test's own, on SQLite.
func newStore(t testing.TB) service.Store {
	t.Helper()
	return openStore(t, databases["sqlite"](t))
}

func openStore(t testing.TB, url string) service.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func withoutTimes(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" {
		return slog.Attr{}
	}
	return a
}

// token is one of a client with some scopes.
func (w *world) token(t testing.TB, scopes ...string) string {
	t.Helper()
	return w.tokenOf(t, map[string]any{"azp": clientID, "gty": []string{"client_credentials"}, "scope": strings.Join(scopes, " ")})
}

func (w *world) tokenOf(t testing.TB, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": issuerURL, "aud": []string{audience}, "exp": noon.AddDate(10, 0, 0).Unix()}
	for name, v := range claims {
		all[name] = v
	}
	token, err := jwt.Signed(w.sign).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// userToken is one of a user; org may be "".
func (w *world) userToken(t testing.TB, sub, org string) string {
	t.Helper()
	claims := map[string]any{"azp": "spa", "sub": sub}
	if org != "" {
		claims["org_code"] = org
	}
	return w.tokenOf(t, claims)
}

func allScopes() []string {
	var scopes []string
	for _, s := range api.Scopes {
		scopes = append(scopes, s.Name)
	}
	return scopes
}

// ask sends a request with a token of all scopes, and headers in pairs of name
// and value, and returns the answer.
func (w *world) ask(t testing.TB, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// answer is the decoded body of a request that must succeed.
func ask[T any](t testing.TB, w *world, method, target, body string) T {
	t.Helper()
	rec := w.ask(t, method, target, body)
	var out T
	if rec.Code >= 300 {
		t.Fatalf("%s %s: %d %s", method, target, rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return out
}

// apply makes the catalog what a spec states.
func (w *world) apply(t testing.TB, spec billing.CatalogSpec) {
	t.Helper()
	err := w.billing.Do(t.Context(), "cli", func(u *service.Work) error {
		_, err := u.ApplyCatalog(spec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settle makes the catalog of testdata and the four customers.
func (w *world) settle(t testing.TB) {
	t.Helper()
	file, err := os.ReadFile("testdata/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc := catalog.Parse(file)
	if len(doc.Faults) > 0 {
		t.Fatal(doc.Faults)
	}
	w.apply(t, doc.Spec)
	for _, body := range []string{
		`{"id":"` + acme + `","type":"organization","org_code":"org_acme","name":"Acme","email":"pay@acme.example","plan_code":"pro","metadata":{"tier":"gold"}}`,
		`{"id":"` + idle + `","type":"organization","org_code":"org_idle","plan_code":null}`,
		`{"id":"` + quiet + `","type":"organization","name":"Quiet","plan_code":"pro"}`,
		`{"id":"` + ada + `","type":"user","user_id":"kp_ada","plan_code":"personal","anchor_on":"2025-01-31 08:30:00.5+01"}`,
	} {
		ask[api.Customer](t, w, "POST", "/v1/customers", body)
	}
	ask[api.Agreement](t, w, "POST", "/v1/customers/"+acme+"/agreements", `{"plan_code":"more_seats","quantity":2}`)
	ask[api.Customer](t, w, "PATCH", "/v1/customers/"+quiet, `{"status":"suspended"}`)
	w.log.Reset()
}

// seeded are random bytes that are the same in each run, for any number of
// goroutines.
func seeded(seed string) io.Reader {
	return &shared{from: rand.NewChaCha8(sha256.Sum256([]byte(seed)))}
}

type shared struct {
	mu   sync.Mutex
	from io.Reader
}

func (s *shared) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Read(p)
}
