package server

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/internal/pgtest"
)

// A server whose user may not write one of the tables is not ready, and says which; who needs
// that table is told so too, and it is no fault of ours.
func TestUserOfTheDatabaseLacksARight(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{})
	owner := cluster.URL("postgres")
	data := t.TempDir()
	r := start(t, Config{Place: Place{Data: data, Database: owner}})
	r.end(t)
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	execute := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	execute(`create role app login password 'x'; grant usage on schema public to app; grant all on all tables in schema public to app`)
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("app", "x")
	r = start(t, Config{Place: Place{Data: data, Database: u.String()}})
	_, token := r.token(t)
	ids := r.customers(t, token, 1)
	if status, body := r.get(t, "/readyz", ""); status != 200 {
		t.Errorf("ready with all rights: %d %s", status, body)
	}
	for _, table := range []string{"records", "holds"} {
		execute("revoke insert on " + table + " from app")
		if err := r.probe.try(t.Context()); err == nil || !strings.Contains(err.Error(), "INSERT on "+table) {
			t.Errorf("without the right to insert into %s the server is ready, or says %v", table, err)
		}
	}
	status, body, retry := r.ask(t, "POST", "/v1/consume", token, fmt.Sprintf(useOne, ids[0]))
	if status != 503 || !strings.Contains(body, "STORE_READ_ONLY") || retry == "" {
		t.Errorf("consume: %d %s", status, body)
	}
	r.end(t)
}
