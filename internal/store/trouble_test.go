package store_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/allot-dev/allot/internal/store"
)

// What keeps a database from being opened is told by what really went wrong.
func TestTroubleOf(t *testing.T) {
	served := "sqlite:" + filepath.Join(t.TempDir(), "served.db")
	st, err := store.Open(t.Context(), store.Options{URL: served, Mode: store.Serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })

	// A listener that never answers, and the address of one that has gone.
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	gone, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()

	tests := []struct {
		name, url string
		want      store.Trouble
	}{
		{"another server", served, store.TroubleServed},
		{"a directory", "sqlite:" + t.TempDir(), store.TroubleOther},
		{"nobody there", "postgres://u:p@" + gone.Addr().String() + "/x", store.TroubleNoListener},
		{"no answer", "postgres://u:p@" + silent.Addr().String() + "/x?connect_timeout=1", store.TroubleUnreachable},
	}
	if os.Geteuid() != 0 { // root may write anywhere
		dir := filepath.Join(t.TempDir(), "closed")
		if err := os.Mkdir(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		tests = append(tests, struct {
			name, url string
			want      store.Trouble
		}{"a closed directory", "sqlite:" + filepath.Join(dir, "x.db"), store.TroubleDenied})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st, err := store.Open(t.Context(), store.Options{URL: test.url, Mode: store.Serve})
			if err == nil {
				st.Close()
				t.Fatal("it is opened")
			}
			if got := store.TroubleOf(err); got != test.want {
				t.Errorf("%v: %d, want %d", err, got, test.want)
			}
		})
	}
	for code, want := range map[string]store.Trouble{
		"28P01": store.TroubleCredentials, "28000": store.TroubleCredentials, "3D000": store.TroubleNoDatabase,
		"42501": store.TroubleDenied, "53300": store.TroubleCrowded, "42601": store.TroubleOther, "55P03": store.TroubleLocked, "53100": store.TroubleFull,
		"08P01": store.TroublePooler, "42P05": store.TroublePooler, "26000": store.TroublePooler,
	} {
		if got := store.TroubleOf(fmt.Errorf("open: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("SQLSTATE %s: %d, want %d", code, got, want)
		}
	}
	for err, want := range map[error]store.Trouble{
		syscall.EROFS: store.TroubleReadOnlyDisk, syscall.EDQUOT: store.TroubleFull, syscall.EIO: store.TroubleDisk,
		syscall.EACCES: store.TroubleDenied, syscall.EPERM: store.TroubleDenied,
	} {
		if got := store.TroubleOf(&os.PathError{Op: "open", Path: "x.db", Err: err}); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	if got := store.TroubleOf(&net.DNSError{Name: "db.invalid", IsNotFound: true}); got != store.TroubleNoHost {
		t.Errorf("a host without an address: %d", got)
	}
}

// A server that takes no TLS, or shows a certificate that nobody has signed, is no matter of a
// firewall.
func TestTroubleOfTLS(t *testing.T) {
	shown := httptest.NewTLSServer(nil)
	t.Cleanup(shown.Close)
	for _, test := range []struct {
		answer byte
		mode   string
		want   store.Trouble
	}{{'N', "require", store.TroubleNoTLS}, {'N', "verify-full", store.TroubleNoTLS}, {'S', "verify-full", store.TroubleCertificate}} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.ReadFull(conn, make([]byte, 8)) // that TLS is wanted
				_, _ = conn.Write([]byte{test.answer})
				if test.answer == 'S' {
					_ = tls.Server(conn, &tls.Config{Certificates: shown.TLS.Certificates}).HandshakeContext(context.Background())
				}
				conn.Close()
			}
		}()
		st, err := store.Open(t.Context(), store.Options{URL: "postgres://u:p@" + l.Addr().String() + "/x?sslmode=" + test.mode})
		if err == nil {
			st.Close()
		}
		if got := store.TroubleOf(err); got != test.want {
			t.Errorf("%c, sslmode=%s: %v: %d, want %d", test.answer, test.mode, err, got, test.want)
		}
	}
}

// What SQLite says of a full disk, and of a place that it may not open files in, has a hint as well.
func TestTroubleOfSQLite(t *testing.T) {
	for _, test := range []struct {
		file, statement string
		want            store.Trouble
	}{
		{filepath.Join(t.TempDir(), "small.db"), "pragma max_page_count = 1; create table t (x)", store.TroubleFull},
		{filepath.Join(t.TempDir(), "nowhere", "x.db"), "create table t (x)", store.TroubleDenied},
		{filepath.Join(t.TempDir(), "x.db"), "nonsense", store.TroubleOther},
	} {
		db, err := sql.Open("sqlite", test.file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), test.statement)
		if got := store.TroubleOf(fmt.Errorf("open the database: %w", err)); err == nil || got != test.want {
			t.Errorf("%v is trouble %d, want %d", err, got, test.want)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
