package door

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
)

// closing is a body that notes how often it is closed.
type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error {
	c.closed++
	return nil
}

// The body of a request is closed, as it has to be, whether it was read or not.
func TestInsideClosesTheBody(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"read":     func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) },
		"left":     func(http.ResponseWriter, *http.Request) {},
		"panicked": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		body := &closing{Reader: strings.NewReader("body")}
		func() {
			defer func() { _ = recover() }()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://allot/who", body)
			if resp, err := Inside(handle).RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		}()
		if body.closed != 1 {
			t.Errorf("%s: closed %d times", name, body.closed)
		}
	}
}

// A request from inside is its principal's, with that one's scopes; one that comes over a
// network is nobody's without a token, whatever it says.
func TestInside(t *testing.T) {
	own := &Dialect{Admission: Clients, Invalid: http.StatusBadRequest}
	var log bytes.Buffer
	handler := New(Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, []Route{
		{Method: "POST", Pattern: "/who", Scope: "write:it", Dialect: own, Handle: Reads(func(c *Call) (Answer, error) {
			text, err := io.ReadAll(c.Body)
			return Answer{Status: http.StatusCreated, Revision: "7.1", Body: c.door.actor(c.By) + " " + string(text)}, err
		})},
	})
	caller := &http.Client{Transport: Inside(handler)}
	ask := func(by *auth.Principal) (int, string, http.Header) {
		ctx := t.Context()
		if by != nil {
			ctx = WithPrincipal(ctx, by)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://allot/who", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := caller.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(text)), resp.Header
	}
	status, text, header := ask(auth.NewAdministrator("ada", []string{"write:it"}))
	if status != http.StatusCreated || text != `"admin:ada body"` || header.Get(api.HeaderRevision) != "7.1" || header.Get(api.HeaderRequestID) == "" {
		t.Errorf("%d %s %v", status, text, header)
	}
	if !strings.Contains(log.String(), "client=admin:ada") {
		t.Errorf("the log is %s", &log)
	}
	if status, text, _ := ask(auth.NewAdministrator("bob", []string{"read:it"})); status != http.StatusForbidden || !strings.Contains(text, api.CodeScopeMissing) {
		t.Errorf("without the scope: %d %s", status, text)
	}
	if status, text, _ := ask(nil); status != http.StatusForbidden || !strings.Contains(text, api.CodeInvalidCredentials) {
		t.Errorf("of nobody: %d %s", status, text)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/who", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("over a network: %d", resp.StatusCode)
	}
}
