package server

import (
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/store"
)

// A command whose clock the database contradicts writes no secret and no key: the server would write
// nothing after its next start, or refuse tokens that are good. A client is revoked all the same,
// and nothing is stamped with a wrong time by that.
func TestCommandWithAWrongClock(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) string{
		"SQLite": func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string {
			return pgtest.URL(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			place := Place{Data: t.TempDir(), Database: database(t)}
			r := start(t, new(hands).config(place))
			made, _, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
			if err != nil {
				t.Fatal(err)
			}
			for off, wrong := range map[time.Duration]bool{
				0: false, time.Minute: false, -time.Minute: false,
				time.Hour: true, 72 * time.Hour: true, 365 * 24 * time.Hour: true, -time.Hour: true, -72 * time.Hour: true,
			} {
				i, err := openAt(t.Context(), place, store.Existing, func() time.Time { return time.Now().Add(off) })
				if err != nil {
					t.Fatal(err)
				}
				another, _, err := i.CreateClient(t.Context(), "another", []string{AllScopes})
				if (err != nil) != wrong {
					t.Errorf("%s off: a client is created: %v", off, err)
				}
				if _, err := i.RotateClient(t.Context(), made.ID, time.Hour); (err != nil) != wrong {
					t.Errorf("%s off: a client is rotated: %v", off, err)
				}
				if _, err := i.RotateKey(t.Context(), false); (err != nil) != wrong {
					t.Errorf("%s off: the key is rotated: %v", off, err)
				}
				if wrong {
					if another, _, err = r.CreateClient(t.Context(), "another", []string{AllScopes}); err != nil {
						t.Fatal(err)
					}
				}
				if err := i.RevokeClient(t.Context(), another.ID); err != nil {
					t.Errorf("%s off: %v", off, err)
				}
				clients, err := r.Clients(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range clients {
					if c.ID == another.ID && (c.RevokedOn.IsZero() || time.Since(c.RevokedOn).Abs() > DefaultMaxClockSkew) {
						t.Errorf("%s off: the client is revoked on %v", off, c.RevokedOn)
					}
				}
				if err := i.Close(); err != nil {
					t.Error(err)
				}
			}
			if place.Database == "" {
				return
			}
			i, err := openAt(t.Context(), place, store.Existing, func() time.Time { return time.Now().Add(time.Hour) })
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			if _, err := i.AcceptClock(t.Context()); !isApart(err) {
				t.Errorf("a clock is accepted that is not the database's: %v", err)
			}
		})
	}
}

func isApart(err error) bool {
	_, ok := errors.AsType[*ClockApartError](err)
	return ok
}
