package cli

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A hint follows what went wrong, not what it happened to.
func TestCauseHints(t *testing.T) {
	path := func(err error) error { return &fs.PathError{Op: "open", Path: "x", Err: err} }
	listen := func(err error) error { return &net.OpError{Op: "listen", Net: "tcp", Err: err} }
	for _, test := range []struct {
		err  error
		want string
	}{
		{context.Canceled, "run the same command again"},
		{path(syscall.ENOENT), "is the file there"},
		{path(syscall.EMFILE), "ulimit -n"},
		{path(syscall.ENFILE), "ulimit -n"},
		{path(syscall.ENAMETOOLONG), "a shorter one"},
		{path(syscall.ELOOP), "symbolic links lead to each other"},
		{path(syscall.EROFS), "the file system is read-only"},
		{path(syscall.ENOSPC), "the disk is full"},
		{path(syscall.EDQUOT), "the disk is full"},
		{path(syscall.EIO), "dmesg"},
		{path(syscall.EACCES), "this user may not read and write there"},
		{listen(syscall.EACCES), "CAP_NET_BIND_SERVICE"},
		{listen(syscall.EADDRNOTAVAIL), "has no such address"},
		{listen(syscall.EADDRINUSE), "something listens at that address already"},
		{&pgconn.PgError{Code: "55P03"}, "pg_stat_activity and pg_locks"},
		{&pgconn.PgError{Code: "08P01"}, "ignore_startup_parameters"},
	} {
		if got := causeHint(fmt.Errorf("serve: %w", test.err)); !strings.Contains(got, test.want) {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
