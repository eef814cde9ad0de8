package oauth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

const (
	issuerURL = "http://127.0.0.1:8080"
	apiURL    = issuerURL + "/api"
	cli       = billing.Actor("cli")
)

var (
	start  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	scopes = []string{"read:a", "read:b", "write:a"}
)

// clock is a clock that tests move.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// last is the last line.
func (l *lines) last() string {
	all := strings.Split(strings.TrimSpace(l.String()), "\n")
	return all[len(all)-1]
}

// place is where an installation keeps its data. Several nodes can share it.
type place struct {
	clock *clock
	dir   string
}

func newPlace(t testing.TB) place {
	p := place{clock: &clock{}, dir: t.TempDir()}
	p.clock.nanos.Store(start.UnixNano())
	return p
}

// node is one process: all that it has is its own but for the files.
type node struct {
	*Server
	store    *store.Store
	dir      *Directory
	keys     *Keyring
	verifier *auth.Verifier
	clock    *clock
	log      *lines
	asked    atomic.Int64 // how often the verifier asked for a key
}

func (p place) node(t testing.TB) *node {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(p.dir, "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	file, err := OpenKeyFile(filepath.Join(p.dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{store: st, clock: p.clock, log: &lines{}}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	n.dir = NewDirectory(DirectoryOptions{Store: st.ForClients(), Scopes: scopes, Now: p.clock.now, Log: log})
	n.keys = NewKeyring(n.dir, file)
	if err := n.keys.Ensure(t.Context(), cli); err != nil {
		t.Fatal(err)
	}
	n.Server, err = NewServer(Options{Directory: n.dir, Keyring: n.keys, Issuer: issuerURL, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	issuer := n.Issuer()
	issuer.Key = func(ctx context.Context, kid string) (auth.Key, error) {
		n.asked.Add(1)
		return n.dir.key(ctx, kid)
	}
	n.verifier, err = auth.NewVerifier(auth.Options{Issuers: []auth.Issuer{issuer}, Now: p.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	n.dir.OnChange(n.verifier.Drop)
	n.OnToken(n.verifier.Issued)
	return n
}

func newNode(t testing.TB) *node { return newPlace(t).node(t) }

func (n *node) client(t testing.TB, scopes ...string) (record.Client, string) {
	t.Helper()
	c, secret, err := n.dir.CreateClient(t.Context(), cli, "test", scopes)
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

func (n *node) mint(t testing.TB, clientID string) string {
	t.Helper()
	token, err := n.Mint(t.Context(), Request{ClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	return token.Value
}

// verify is "good", "invalid" (the caller's fault) or "fault".
func (n *node) verify(t testing.TB, token string) string {
	t.Helper()
	_, err := n.verifier.Verify(t.Context(), token)
	switch {
	case err == nil:
		return "good"
	case errors.Is(err, auth.ErrInvalidCredentials):
		return "invalid"
	default:
		t.Logf("fault: %v", err)
		return "fault"
	}
}

func (n *node) storedKeys(t testing.TB) []record.SigningKey {
	t.Helper()
	var keys []record.SigningKey
	err := n.store.ForClients().View(t.Context(), func(r record.Reader) (err error) {
		keys, err = r.SigningKeys()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (n *node) changes(t testing.TB, scope billing.Scope) []billing.Change {
	t.Helper()
	var changes []billing.Change
	err := n.store.View(context.Background(), func(r service.Reader) (err error) {
		changes, err = r.Changes(scope, 0, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}
