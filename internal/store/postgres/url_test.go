package postgres

import (
	"database/sql"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
)

func TestURLErrorsHideSecrets(t *testing.T) {
	for _, url := range []string{
		"postgres://user:s3cret@host:port/db",
		"postgres://user:s3cret/more@host/db",
		"postgres://user:s3cret%@host/db",
		"postgres://user:s3cret@host/db?sslmode=s3cret",
		"postgres://user@host/db?password=s3cret%",
		"postgres://user:s3cret@host/db?pool_max_conns=s3cret",
		"postgres://user:s3cret@host/db?pool_max_conns=1",
		"postgres://user:s3cret@host/db?connect_timeout=s3cret",
		"postgres://user:s3cret@host/db?target_session_attrs=s3cret",
		"postgres://user:s3cret@host/db?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
	} {
		err := CheckURL(url)
		if err == nil {
			t.Errorf("%s passes", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	// Nor do those of connecting.
	for _, url := range []string{
		"postgres://user:s3cret@127.0.0.1:1/db?sslmode=disable",
		"postgres://user:s3cret@host.invalid/db",
	} {
		db, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			db.Close()
			t.Errorf("%s is opened", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestURLSettings(t *testing.T) {
	config, conns, err := parse("postgres://u@h/d")
	if want := min(max(4*runtime.GOMAXPROCS(0), 16), 28); err != nil || conns != want {
		t.Errorf("%d connections, %v; want %d", conns, err, want)
	}
	if config.ConnectTimeout != 5*time.Second || config.RuntimeParams["application_name"] != "allot" {
		t.Errorf("connect timeout %v, parameters %v", config.ConnectTimeout, config.RuntimeParams)
	}
	config, conns, err = parse("postgresql://u@one,two:5433/d?pool_max_conns=7&connect_timeout=2&application_name=x&statement_timeout=0")
	if err != nil || conns != 7 {
		t.Errorf("%d connections, %v; want 7", conns, err)
	}
	if config.ConnectTimeout != 2*time.Second || config.RuntimeParams["application_name"] != "x" ||
		config.RuntimeParams["statement_timeout"] != "0" || config.RuntimeParams["lock_timeout"] != "15000" {
		t.Errorf("connect timeout %v, parameters %v", config.ConnectTimeout, config.RuntimeParams)
	}
	if _, ok := config.RuntimeParams["pool_max_conns"]; ok {
		t.Error("the server is told of pool_max_conns")
	}
}

// What sessions and transactions run with, as the server sees it.
func TestSessions(t *testing.T) {
	db := mustOpen(t, Options{URL: pgtest.URL(t)})
	b := db.Backend()
	for _, test := range []struct {
		pool     *sql.DB
		options  sql.TxOptions
		expected map[string]string
	}{
		{b.Reader, b.View, map[string]string{"transaction_isolation": "repeatable read", "transaction_read_only": "on"}},
		{b.Writer, b.Update, map[string]string{"transaction_isolation": "read committed", "transaction_read_only": "off"}},
	} {
		test.expected["application_name"] = "allot"
		test.expected["statement_timeout"] = "30s"
		test.expected["lock_timeout"] = "15s"
		test.expected["idle_in_transaction_session_timeout"] = "10s"
		tx, err := test.pool.BeginTx(t.Context(), &test.options)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range test.expected {
			var got string
			if err := tx.QueryRowContext(t.Context(), "show "+name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", name, got, err, want)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}
