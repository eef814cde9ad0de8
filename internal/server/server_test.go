package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/snapshot"
)

func TestMain(m *testing.M) {
	if code, ok := overloadMain(); ok {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// A running server with the means to end it.
type running struct {
	*Server
	stop context.CancelFunc
	log  *watchedLog
	http *http.Client
}

// start starts a server on a free port unless told otherwise. The test ends with
// the server's end, which must be orderly.
func start(t testing.TB, cfg Config) *running {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	log := &watchedLog{changed: make(chan struct{})}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	ctx, stop := context.WithCancel(context.Background())
	s, err := Start(ctx, cfg)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	r := &running{s, stop, log, &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		stop()
		if err := s.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return r
}

func (r *running) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// token makes a client and a token for it.
func (r *running) token(t testing.TB) (clientID, token string) {
	t.Helper()
	c, _, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID, tok.AccessToken
}

func TestServerAnswers(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/.well-known/jwks": 200, "/.well-known/jwks.json": 200,
		"/.well-known/openid-configuration": 200, "/openapi.yaml": 200, "/v1/catalog": 200, "//v1//catalog": 200,
		"/oauth2/token": 405, "/nowhere": 404,
	} {
		if status, body := r.get(t, path, token); status != want {
			t.Errorf("GET %s: %d, want %d\n%s", path, status, want, body)
		}
	}
	if status, _ := r.get(t, "/v1/catalog", ""); status != http.StatusForbidden {
		t.Errorf("without a token: %d, want 403", status)
	}
	if !strings.Contains(r.log.String(), "msg=listening address="+r.Addr().String()) {
		t.Errorf("the log does not tell the address:\n%s", r.log)
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the log has a token")
	}
}

func TestRevokedWhileServing(t *testing.T) {
	r := start(t, Config{})
	id, token := r.token(t)
	if status, _ := r.get(t, "/v1/catalog", token); status != http.StatusOK {
		t.Fatalf("status %d before", status)
	}
	if err := r.RevokeClient(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if status, _ := r.get(t, "/v1/catalog", token); status != http.StatusForbidden {
		t.Errorf("status %d after the client was revoked, want 403", status)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Now()
	r := start(t, Config{RateLimit: 2, Clock: func() time.Time { return now }})
	_, token := r.token(t)
	for _, want := range []int{200, 200, 429} {
		if status, _ := r.get(t, "/v1/catalog", token); status != want {
			t.Errorf("status %d, want %d", status, want)
		}
	}
}

// A request that is under way when the server is told to end is answered; others
// are not taken.
func TestDrain(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)

	body, feed := io.Pipe()
	reading := make(chan struct{}) // closed when the handler asks for the body
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(reading) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.URL()+"/v1/catalog", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Expect", "100-continue")
	r.http.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	answered := make(chan int, 1)
	go func() {
		resp, err := r.http.Do(req)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-reading

	if _, err := r.ready(t.Context()); err != nil {
		t.Errorf("not ready while serving: %v", err)
	}
	r.stop()
	r.log.await(t, "msg=draining")
	if _, err := r.ready(t.Context()); !errors.Is(err, errDraining) {
		t.Errorf("ready while draining: %v", err)
	}
	if _, err := io.WriteString(feed, "currency: usd\n"); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request under way was answered with %d, want 200", status)
	}
	if err := r.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a server that has ended was reached: %v", err)
	}
}

func TestReady(t *testing.T) {
	place, err := Create(t.Context(), Place{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{place: place, snapshots: snapshot.New(snapshot.Options{Store: place.store, Bytes: 1 << 20})}
	s.probe = &probe{try: func(context.Context) error { return nil }}
	expect := func(when, code string) {
		t.Helper()
		got, err := s.ready(t.Context())
		if got.Code != code || (err == nil) != (code != "") {
			t.Errorf("%s: %+v, %v; want %q", when, got, err, code)
		}
	}
	expect("before the feed was read", api.CodeFeedLost)
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { feed.New(feed.Options{Store: place.store.ForFeed()}).Watch(ctx, s.snapshots) })
	for _, lost := s.snapshots.Lost(); lost; _, lost = s.snapshots.Lost() {
		runtime.Gosched()
	}
	expect("now", api.CodeOK)
	stop()
	watching.Wait()
	if err := place.Close(); err != nil {
		t.Fatal(err)
	}
	expect("without database", "")
	s.serveStale = time.Hour
	expect("without database, serving stale", api.CodeServingStale)
}

func TestOneServerPerPlace(t *testing.T) {
	r := start(t, Config{Place: Place{Data: t.TempDir()}})
	place := Place{Data: filepath.Dir(r.keyFile)}
	err := Run(t.Context(), Config{Place: place, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "another allot serves") {
		t.Fatalf("a second server on one place: %v", err)
	}
	// A command may run beside it.
	i, err := Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Clients(t.Context()); err != nil {
		t.Error(err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Place: place}) // the place is free again
}

func TestStartLeavesNothingOpen(t *testing.T) {
	place := Place{Data: t.TempDir()}
	r := start(t, Config{})
	err := Run(t.Context(), Config{Place: place, Listen: r.Addr().String()})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("listening on a port that is taken: %v", err)
	}
	start(t, Config{Place: place})
}

func TestWrongKeyFile(t *testing.T) {
	place := Place{Data: t.TempDir()}
	r := start(t, Config{Place: place})
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	place.KeyFile = filepath.Join(t.TempDir(), "deep", "other.key")
	if err := Run(t.Context(), Config{Place: place, Listen: "127.0.0.1:0"}); !errors.Is(err, ErrNoKeyFile) {
		t.Errorf("started without the key file: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(place.KeyFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made for a key file: %v", err)
	}
	place.KeyFile = filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(place.KeyFile, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Config{Place: place, Listen: "127.0.0.1:0"}); !errors.Is(err, ErrWrongKeyFile) {
		t.Errorf("started with another key file: %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	r := start(t, Config{TLSCert: cert, TLSKey: key})
	if !strings.HasPrefix(r.URL(), "https://") {
		t.Errorf("the issuer is %s, want https", r.URL())
	}
	r.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	_, token := r.token(t)
	if status, _ := r.get(t, "/v1/catalog", token); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	old := &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if conn, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", r.Addr().String()); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

// certificate makes a self-signed certificate for 127.0.0.1, as PEM files.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if err := errors.Join(os.WriteFile(cert, certPEM, 0o600), os.WriteFile(key, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return cert, key, roots
}

func TestKeyRotationKeepsTokens(t *testing.T) {
	r := start(t, Config{})
	id, token := r.token(t)
	kid, err := r.RotateKey(t.Context(), false)
	if err != nil || kid == "" {
		t.Fatalf("%q, %v", kid, err)
	}
	newer, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: id})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"old": token, "new": newer.AccessToken} {
		if status, body := r.get(t, "/v1/catalog", token); status != http.StatusOK {
			t.Errorf("the %s token: %d %s", name, status, body)
		}
	}
	if _, body := r.get(t, "/.well-known/jwks", ""); strings.Count(body, `"kid"`) != 2 || !strings.Contains(body, kid) {
		t.Errorf("want the old key and %s:\n%s", kid, body)
	}
}

// Records older than the retention become one for each day, counted from the
// customer's anchor, and its totals and counters stay; younger ones stay as they
// are.
func TestUsageRetention(t *testing.T) {
	now := time.Date(2027, 3, 10, 0, 0, 0, 0, time.UTC)
	place := Place{Data: t.TempDir()}
	clock := func() time.Time { return now }
	r := start(t, Config{Place: place, Clock: clock})
	_, token := r.token(t)
	allot, err := client.New(r.URL(), client.WithToken(token), client.WithHTTPClient(r.http))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := allot.Catalog.Apply(t.Context(), ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	customer, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "org_1", AnchorOn: api.NewTime(now.AddDate(0, -1, -3).Add(30 * time.Second)),
	})
	if err != nil {
		t.Fatal(err)
	}
	report := api.UsageReport{CustomerID: customer.ID, FeatureCode: "api_calls", Value: "0.1", Timestamp: api.NewTime(now)}
	young := report
	young.Timestamp = api.NewTime(now.Add(time.Minute))
	results, err := allot.Usage.Record(t.Context(), []api.UsageReport{report, report, report, young})
	if err != nil || len(results) != 4 || results[3].Status != api.UsageRecorded {
		t.Fatalf("%+v, %v", results, err)
	}
	r.http.CloseIdleConnections()
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}

	now = now.Add(MinUsageRetention + 31*time.Second)
	r = start(t, Config{Place: place, Clock: clock, UsageRetention: MinUsageRetention})
	r.log.await(t, `msg="usage records folded" records=3`)
	_, token = r.token(t)
	allot, err = client.New(r.URL(), client.WithToken(token), client.WithHTTPClient(r.http))
	if err != nil {
		t.Fatal(err)
	}
	usage, err := allot.Usage.List(t.Context(), client.UsageParams{CustomerID: customer.ID})
	if err != nil {
		t.Fatal(err)
	}
	if len(usage.Windows) != 1 || usage.Windows[0].Used != "0.4" {
		t.Errorf("windows %+v, want one with 0.4", usage.Windows)
	}
	if len(usage.Records) != 2 || usage.Records[0].Type != api.UsageFolded || usage.Records[0].Change != "0.3" || usage.Records[1].Type != api.UsageDelta {
		t.Errorf("records %+v, want 0.3 folded and a delta", usage.Records)
	}
	found, err := r.place.Verify(t.Context(), VerifyOptions{Clock: clock})
	if err != nil || len(found.Drifts) > 0 || found.Customers != 1 || found.Counters == 0 {
		t.Errorf("verify: %+v, %v", found, err)
	}
}

// Holds and answers that are long over go, also where all usage is kept.
func TestOldHoldsAndAnswersGo(t *testing.T) {
	now := time.Date(2027, 3, 10, 0, 0, 0, 0, time.UTC)
	place := Place{Data: t.TempDir()}
	clock := func() time.Time { return now }
	r := start(t, Config{Place: place, Clock: clock})
	_, token := r.token(t)
	allot, err := client.New(r.URL(), client.WithToken(token), client.WithHTTPClient(r.http))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := allot.Catalog.Apply(t.Context(), ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	customer, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "org_1"})
	if err != nil {
		t.Fatal(err)
	}
	hold, err := allot.Holds.Create(t.Context(), client.HoldParams{
		CustomerID: customer.ID, FeatureCode: "api_calls", Units: "1", ExpiresIn: time.Minute,
	})
	if err != nil || hold.ID == "" {
		t.Fatalf("%+v, %v", hold, err)
	}
	r.http.CloseIdleConnections()
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}

	now = now.Add(holdRetention + time.Minute + time.Second)
	r = start(t, Config{Place: place, Clock: clock})
	r.log.await(t, `msg="old answers removed"`)
	if !strings.Contains(r.log.String(), `msg="old holds removed" records=1`) {
		t.Errorf("the hold is not removed:\n%s", r.log)
	}
}

// watchedLog is a log that can be waited on.
type watchedLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed, and replaced, with each write
}

func (l *watchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

func (l *watchedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns once the log has the text.
func (l *watchedLog) await(t *testing.T, text string) {
	t.Helper()
	for {
		l.mu.Lock()
		found, changed := strings.Contains(l.text.String(), text), l.changed
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("the log never has %q:\n%s", text, l)
		}
	}
}
