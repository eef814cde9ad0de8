package bench

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
