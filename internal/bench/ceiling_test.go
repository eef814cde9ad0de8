package bench

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConstantHandler(t *testing.T) {
	server := httptest.NewServer(constant([]byte(`{"a":1}`)))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/any", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || string(body) != `{"a":1}` || answer.ContentLength != 7 ||
			answer.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %s, %q, %v, %v", method, answer.Status, body, answer.Header, err)
		}
	}
}

// The handler's process must not outlive who started it, however that ends.
func TestCeilingEndsWithItsInput(t *testing.T) {
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Ceiling(t.Context(), in, 4, slog.New(slog.DiscardHandler)) }()
	if _, err := out.Write([]byte("body")); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := Ceiling(t.Context(), strings.NewReader("bod"), 4, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a body that is cut short is served")
	}
}

// The file beside the database is gone afterwards, and the database not touched.
func TestCommitsByHand(t *testing.T) {
	dir := t.TempDir()
	c, err := openCommits(t.Context(), "sqlite:"+filepath.Join(dir, "allot.db"))
	if err != nil {
		t.Fatal(err)
	}
	round, err := c.measure(t.Context(), time.Millisecond)
	if err != nil || round.Requests == 0 || round.PerSecond <= 0 {
		t.Errorf("%+v, %v", round, err)
	}
	var stored uint64
	if err := c.db.QueryRowContext(t.Context(), "select count(*) from allot_bench_commits").Scan(&stored); err != nil || stored != round.Requests {
		t.Errorf("%d rows are stored, %d were counted, %v", stored, round.Requests, err)
	}
	var mode, synchronous string
	if err := c.db.QueryRowContext(t.Context(), "select journal_mode, synchronous from pragma_journal_mode, pragma_synchronous").Scan(&mode, &synchronous); err != nil || mode != "wal" || synchronous != "2" {
		t.Errorf("journal_mode %s, synchronous %s, want wal and 2, which is FULL: %v", mode, synchronous, err)
	}
	if err := c.close(t.Context()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := openCommits(t.Context(), "mysql://x"); err == nil {
		t.Error("a database of another kind is taken")
	}
}
