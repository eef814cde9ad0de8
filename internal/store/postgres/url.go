package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// settings are what a session runs with unless the URL says otherwise. Times are
// in milliseconds.
//
// A transaction here never waits for anything but the database, so one that is
// idle belongs to a node that hangs or is cut off: its locks go before those who
// wait for them give up. A statement that takes longer than half a minute is one
// nobody waits for any more.
//
// Every statement on what can grow looks up an index, so that no statistics are to
// talk a server out of it: a table that was empty a moment ago would be read whole
// until it is heard that it has grown. Where that is the one way, it costs what it
// did, but looks dear enough to be compiled, which takes longer than to run it.
var settings = map[string]string{
	"application_name":                    "allot",
	"enable_seqscan":                      "off",
	"idle_in_transaction_session_timeout": "10000",
	"jit":                                 "off",
	"lock_timeout":                        "15000",
	"statement_timeout":                   "30000",
}

// meaning is what decides what bytes and times mean. It is so in every session,
// whatever the role or the database was altered to, and the URL cannot say otherwise.
var meaning = map[string]string{
	"bytea_output":                "hex",
	"client_encoding":             "UTF8",
	"DateStyle":                   "ISO, MDY",
	"IntervalStyle":               "postgres",
	"standard_conforming_strings": "on",
	"TimeZone":                    "UTC",
}

const (
	// connectTimeout bounds how long connecting to one host takes, unless the URL
	// has connect_timeout.
	connectTimeout = 5 * time.Second
	// maxConns bounds the connections of a node, unless the URL has
	// pool_max_conns: with the two for hints, three nodes fit into the 100 that
	// PostgreSQL takes by default.
	maxConns = 28
	minConns = 16
)

// poolParameter is how many connections a node has, those for hints apart. Half
// of them write.
const poolParameter = "pool_max_conns"

// CheckURL returns an error that says what is wrong with a URL, without
// connecting. A URL is what libpq takes, among it sslmode, sslrootcert, several
// hosts, search_path (one schema to put everything into) and any setting of a
// session; and pool_max_conns, how many connections to make, which is 4 for each
// processor, at least 16 and at most 28, by default.
func CheckURL(url string) error {
	_, _, err := parse(url)
	return err
}

// parse is what connections are made with, and how many.
func parse(text string) (*pgx.ConnConfig, int, error) {
	config, err := pgx.ParseConfig(text)
	if err != nil || unescaped(config) {
		return nil, 0, unreadable(err)
	}
	for name := range config.RuntimeParams {
		for set, value := range meaning {
			if strings.EqualFold(name, set) {
				return nil, 0, fmt.Errorf("%s cannot be set: it is %s", set, value)
			}
		}
	}
	maps.Copy(config.RuntimeParams, meaning)
	conns := min(max(4*runtime.GOMAXPROCS(0), minConns), maxConns)
	if n, ok := config.RuntimeParams[poolParameter]; ok {
		if conns, err = strconv.Atoi(n); err != nil || conns < 2 {
			return nil, 0, fmt.Errorf("%s must be a number of at least 2", poolParameter)
		}
		delete(config.RuntimeParams, poolParameter)
	}
	for name, value := range settings {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// A host that has gone without a word is noticed within half a minute.
	config.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4,
	}}).DialContext
	return config, conns, nil
}

// unescaped reports whether what was read as a host or a database has an @ in it: it
// is a part of a password, which had a slash in it.
func unescaped(config *pgx.ConnConfig) bool {
	return strings.Contains(config.Database, "@") || strings.Contains(config.Host, "@")
}

// unreadable says what is wrong with a URL and shows nothing of it but the name of
// a file: it may hold a password, and where one has a character that should have
// been escaped, no part of the URL is surely something else.
func unreadable(err error) error {
	if missing, ok := errors.AsType[*fs.PathError](err); ok {
		return missing
	}
	return errors.New("it cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE, " +
		"with special characters escaped (in a password %2F is /, %40 is @) and parameters that PostgreSQL's libpq knows")
}

// ErrReadOnly is a host that cannot be written to.
var ErrReadOnly = errors.New("the database cannot be written to: is it a standby, or is default_transaction_read_only on?")

// writable refuses a host that cannot write: the old primary after a failover,
// or the standby before it.
func writable(config *pgx.ConnConfig) {
	if config.ValidateConnect != nil {
		return
	}
	config.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn); err != nil {
			return errors.Join(ErrReadOnly, ctx.Err())
		}
		return nil
	}
}

// RefusesTLS reports whether a server takes no TLS, and the URL asks for it. The driver has no
// word for it but this text, which a test holds it to.
func RefusesTLS(err error) bool {
	_, ok := errors.AsType[*pgconn.ConnectError](err)
	return ok && strings.Contains(err.Error(), "server refused TLS connection")
}

// MeaningError is a session in which bytes or times would mean something else.
type MeaningError struct{ setting, is, want string }

func (e *MeaningError) Error() string {
	return fmt.Sprintf("%s of the session is %q and not %s: does a pooler between here and the database ignore it?", e.setting, e.is, e.want)
}

// checkSession refuses a session that is not as it was asked for, or that would find
// tables elsewhere than those before it did: namespace is where that is, "" before it
// is known.
func checkSession(ctx context.Context, conn *pgx.Conn, namespace string) error {
	for _, setting := range []string{"client_encoding", "DateStyle", "standard_conforming_strings", "TimeZone"} { // what the server tells
		if is := conn.PgConn().ParameterStatus(setting); is != meaning[setting] {
			return &MeaningError{setting, is, meaning[setting]}
		}
	}
	if namespace == "" {
		return nil
	}
	var is string
	if err := conn.QueryRow(ctx, `select coalesce(current_schema(), '')`).Scan(&is); err != nil {
		return err
	}
	if is != namespace {
		return &MeaningError{"the first schema of search_path", is, namespace}
	}
	return nil
}
