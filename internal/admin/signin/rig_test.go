package signin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store"
)

const (
	cli      = "cli"
	password = "correct horse battery"
)

var here = Caller{Address: "192.0.2.1", Agent: "test/1"}

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

// world is an installation and the accounts of one of its nodes.
type world struct {
	*Accounts
	t     testing.TB
	clock *clock
	log   *lines
	store *store.Store
	allow Allow
}

func newWorld(t testing.TB, allow ...string) *world {
	return worldOn(t, "sqlite:"+filepath.Join(t.TempDir(), "allot.db"), allow...)
}

func worldOn(t testing.TB, database string, allow ...string) *world {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	w := &world{t: t, clock: &clock{}, log: &lines{}, store: st}
	w.clock.nanos.Store(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano())
	var faults []error
	if w.allow, faults = ParseAllow(allow); faults != nil {
		t.Fatal(faults)
	}
	w.Accounts = w.node()
	return w
}

// node are the accounts of another node.
func (w *world) node() *Accounts {
	return New(Options{Store: w.store.ForAdministrators(), Now: w.clock.now, Allow: w.allow, Key: []byte("key"), Log: slog.New(slog.NewTextHandler(w.log, nil))})
}

// made is an administrator who has chosen the password.
func (w *world) made(name string, role record.Role) {
	w.t.Helper()
	link, err := w.Create(w.t.Context(), cli, name, role)
	if err == nil {
		_, err = w.ChooseByLink(w.t.Context(), here, link.Token, password)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// in signs somebody in.
func (w *world) in(name string) Entry {
	w.t.Helper()
	entry, err := w.SignIn(w.t.Context(), here, name, password)
	if err != nil {
		w.t.Fatal(err)
	}
	return entry
}

// sees is "NAME ROLE" of whom a node sees by a cookie, "" if nobody; and the cookie from then on.
func (w *world) sees(a *Accounts, cookie string) (who, next string) {
	w.t.Helper()
	visit, err := a.Visit(w.t.Context(), cookie)
	if err != nil {
		w.t.Fatal(err)
	}
	if visit == nil {
		return "", ""
	}
	if visit.Cookie != "" {
		cookie = visit.Cookie
	}
	return fmt.Sprintf("%s %s", visit.Name, visit.Role), cookie
}

// wantSeen fails unless a cookie is somebody's, or "" nobody's.
func (w *world) wantSeen(cookie, want string) {
	w.t.Helper()
	if who, _ := w.sees(w.Accounts, cookie); who != want {
		w.t.Errorf("seen is %q, want %q", who, want)
	}
}

// codeOf is the code of a refusal, "" if it is none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*billing.Error](err); ok {
		return e.Code
	}
	return ""
}

func wantLinkError(t testing.TB, err error, want *LinkError) {
	t.Helper()
	if got, ok := errors.AsType[*LinkError](err); !ok || got != want {
		t.Errorf("%v, want %v", err, want)
	}
}

// browser is a browser at the pages: it keeps cookies, and does not follow redirects.
type browser struct {
	t       testing.TB
	url     string
	cookies map[string]*http.Cookie
}

// pagesOn serves the pages as the console does: behind what keeps forms of other sites out.
func pagesOn(w *world, pages *Pages) *browser {
	w.t.Helper()
	mux := http.NewServeMux()
	for pattern, handle := range pages.Routes() {
		mux.HandleFunc(pattern, handle)
	}
	server := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	w.t.Cleanup(func() {
		server.Close()
		if said := w.log.String(); strings.Contains(said, "level=ERROR") {
			w.t.Errorf("the log has a fault: %s", said)
		}
	})
	if pages.URL == "" {
		pages.URL = server.URL
	}
	return &browser{w.t, server.URL, map[string]*http.Cookie{}}
}

func (w *world) pages() *Pages {
	return &Pages{Accounts: w.Accounts, Log: slog.New(slog.NewTextHandler(w.log, nil))}
}

// another is a browser of the same pages without any cookie.
func (b *browser) another() *browser { return &browser{b.t, b.url, map[string]*http.Cookie{}} }

type answer struct {
	*http.Response
	text string
}

func (b *browser) get(path string) answer { return b.send(http.MethodGet, path, nil) }

func (b *browser) post(path string, form url.Values) answer {
	return b.send(http.MethodPost, path, form)
}

func (b *browser) send(method, path string, form url.Values) answer {
	b.t.Helper()
	to := path
	if !strings.HasPrefix(path, "http") {
		to = b.url + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return answer{resp, string(text)}
}

// wants fails unless the answer has a status, and a redirect leads to a place unless that is "".
func (a answer) wants(t testing.TB, status int, to string) answer {
	t.Helper()
	if a.StatusCode != status || to != "" && a.Header.Get("Location") != to {
		t.Fatalf("%d to %q, want %d to %q: %s", a.StatusCode, a.Header.Get("Location"), status, to, a.text)
	}
	return a
}

func (a answer) says(t testing.TB, texts ...string) answer {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			t.Errorf("it does not say %q: %s", text, a.text)
		}
	}
	return a
}
