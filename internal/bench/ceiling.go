package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
)

// Ceiling serves, on a free port of this machine, a handler that always answers
// with the same body, which is as much as net/http can do: it looks at nothing of
// a GET, and reads the body of a POST. The answer's body are the first length
// bytes of in; when in ends, or ctx, it stops. Where it listens is logged.
func Ceiling(ctx context.Context, in io.Reader, length int, log *slog.Logger) error {
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return fmt.Errorf("the body to answer with, %d bytes on standard input: %w", length, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// Without the timeouts that a server needs: they cost, and this is the ceiling.
	server := &http.Server{Handler: constant(body)} //nolint:gosec // it is for this machine alone
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		_, _ = io.Copy(io.Discard, in) // however it ends, who started this is gone
		end()
	}()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	log.Info("listening", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// constant answers with the headers that Allot's answers have.
func constant(body []byte) http.Handler {
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return // the client has gone
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
}
