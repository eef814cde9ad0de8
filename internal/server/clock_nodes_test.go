package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/clock"
	"github.com/allot-dev/allot/internal/pgtest"
)

// On one database a node that lags and one that leaps write nothing, and say by how much they are
// off; one that is right writes on, also beside them. Set right, they write again.
func TestClocksOfNodes(t *testing.T) {
	url := pgtest.URL(t)
	data := t.TempDir() // and so one key file
	var right, lagging, leaping hands
	a := start(t, right.config(Place{Data: data, Database: url}))
	c, token := a.client(t)
	if code := write(t, c); code != "" {
		t.Fatal(code)
	}
	lagging.set.Store(int64(-20 * time.Minute))
	leaping.set.Store(int64(20 * time.Minute))
	for _, node := range []struct {
		hands      *hands
		code, says string
	}{{&lagging, clock.CodeBehind, "behind"}, {&leaping, clock.CodeJumped, "20m0s ahead of the database's"}} {
		cfg := node.hands.config(Place{Data: data, Database: url})
		cfg.Issuer = a.URL()
		b := start(t, cfg)
		post := func() (int, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.Addr().String()+"/v1/customers", strings.NewReader(`{"type":"organization"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := b.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			return resp.StatusCode, resp.Header.Get("Retry-After")
		}
		var err error
		for _, check := range b.checks {
			err = errors.Join(err, check(t.Context()))
		}
		if codeOf(err) != node.code || !strings.Contains(err.Error(), node.says) {
			t.Errorf("%s: %v", node.says, err)
		}
		if status, retry := post(); status != 503 || retry != "1" {
			t.Errorf("%s: a write is %d, Retry-After %q", node.says, status, retry)
		}
		if code := write(t, c); code != "" {
			t.Errorf("beside a node that is %s: %s", node.says, code)
		}
		node.hands.set.Store(0)
		// Its elapsed time has not moved: for the node that is a jump, to the right time.
		b.end(t)
		b = start(t, cfg)
		if status, _ := post(); status != 400 && status != 201 {
			t.Errorf("set right: %d", status)
		}
		b.end(t)
	}
	if code := write(t, c); code != "" {
		t.Error(code)
	}
}
