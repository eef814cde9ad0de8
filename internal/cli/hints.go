package cli

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"syscall"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// hint says what to try. There is always something; the last resort is where to
// read about the command.
func (s *session) hint(err error) string {
	if e, ok := errors.AsType[*usageError](err); ok && e.hint != "" {
		return e.hint
	}
	if e, ok := errors.AsType[*hintedError](err); ok {
		return e.hint
	}
	if _, ok := errors.AsType[*server.ConfigError](err); ok {
		return "allot serve --help says what each setting means"
	}
	if hint, ok := hints[code(err)]; ok {
		return hint
	}
	if hint := causeHint(err); hint != "" {
		return hint
	}
	return s.command + " --help says what it does and takes"
}

// code is the first code of an error, "" if it has none.
func code(err error) string {
	if e, ok := errors.AsType[*codedError](err); ok {
		return e.code
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code()
	}
	code, _, _ := server.Refusal(err)
	return code
}

// hints are what to try by code, where the message leaves it open.
var hints = map[string]string{
	"CUSTOMER_EXISTS":      "allot customer list shows it; agreements go to the one that is there",
	"CUSTOMER_NOT_FOUND":   "allot customer list shows who there is; customers are named by id, org_code=CODE, user_id=ID or external_id=ID",
	"AGREEMENT_EXISTS":     "allot customer show CUSTOMER lists the agreements it has",
	"AGREEMENT_NOT_FOUND":  "allot customer show CUSTOMER lists its agreements",
	"AGREEMENT_ENDED":      "allot agreement create makes another; allot customer show CUSTOMER lists those there are",
	"AGREEMENT_NOT_ACTIVE": "allot customer show CUSTOMER lists its agreements and what they are",
	"PLAN_NOT_FOUND":       "plans are those of the catalog: allot apply puts one there, GET /v1/catalog lists them",
	"PLAN_NOT_PUBLISHED":   "set its status to published in the catalog file, then allot apply",
	"FEATURE_NOT_FOUND":    "features are those of the catalog: allot apply puts one there, GET /v1/catalog lists them",
	"FEATURE_NOT_METERED":  "only metered features are counted; allot check asks for one that is not",
	"OVERRIDE_NOT_FOUND":   "allot check CUSTOMER FEATURE shows which terms count",
	"ROUTE_NOT_FOUND":      "is --url or ALLOT_URL the address of an Allot server, without a path?",
	"CLIENT_NOT_FOUND":     "allot client list shows the clients there are",
	"CLIENT_REVOKED":       "a revoked client stays so; allot client create makes another",
	"unauthorized_client":  "start the server with --issuer and the URL that clients have, such as that in --url or ALLOT_URL: it is behind another name or port than it knows of",
	"invalid_client":       "allot client list shows the clients there are, and which are revoked; allot client create makes one",
	"SCOPE_INVALID":        "give scopes separated by spaces, such as --scope 'read:catalog read:customers', or --scope all",
	"SCOPE_REQUIRED":       "give scopes separated by spaces, such as --scope 'read:catalog read:customers', or --scope all",
	"OVERLAP_INVALID":      "say for how long the old secret stays good, such as --overlap 24h; without, it ends at once",
	"NAME_INVALID":         "give it a short name for people, such as --name 'My app'",
	"NAME_REQUIRED":        "give it a short name for people, such as --name 'My app'",
	"VERSION_INVALID":      "leave out --plan-version for the newest version; GET /v1/catalog lists them",
	"TO_VERSION_INVALID":   "leave out --to for the newest version; GET /v1/catalog lists them",
	"MAX_REQUIRED":         "say what the terms are: --max N, --unlimited, --at-least N, --add N or --deny",
	"VALUE_REQUIRED":       "say what it is set to: --value VALUE, or --deny",
	"UNITS_INVALID":        "give a positive number with at most six decimals, such as --units 2; without, it is 1",
	"VALUE_INVALID":        "give a number with at most six decimals, such as 1 or 0.25; a correction goes no lower than what was used",
	"METER_VALUE_INVALID":  "give a number with at most six decimals, such as 1 or 0.25; a correction goes no lower than what was used",
	"ID_REUSED":            "an id stands for one record: give another --id, or none",
	"FILE_REPLACED":        "move the file back that the server has open, or end the server; docs/damage.md says more",
	"WEBHOOK_SECRET_LOST":  "allot webhook rotate WEBHOOK prints a new secret, which the receiver is to be given",
	"CATALOG_INVALID":      "put the lines right; allot schema prints what a catalog file may hold, allot apply --dry-run tries it",

	"ADMINISTRATOR_NAME_INVALID": "give a short name to sign in as, such as ada",
	"ADMINISTRATOR_EXISTS":       "allot admin reset NAME makes a new link for who is there; allot admin list shows them",
	"ADMINISTRATOR_NOT_FOUND":    "allot admin list shows the administrators there are; allot admin create NAME makes one",
}

// copyHints are what to try when a copy cannot be made, or used.
var copyHints = []struct {
	err  error
	hint string
}{
	{server.ErrCopyEmpty, "is --from the database that the server runs on?"},
	{server.ErrCopyOccupied, "give --to a database of its own, or empty that one; an installation that is served is never copied over"},
	{server.ErrCopyDiverged, "empty the target, or give --to another database, and copy again"},
	{server.ErrCopyOther, "let one copy end, then run it again"},
	{server.ErrCopyPartial, "end the servers on the database that it is copied from, and run allot copy again"},
}

// causeHint says what to try by what went wrong underneath, "" if that is unknown.
func causeHint(err error) string {
	if _, ok := errors.AsType[*outputError](err); ok {
		return "write the output where there is room and this user may write; what the command was to do may be done already"
	}
	if _, ok := errors.AsType[*server.ClockGapError](err); ok {
		return "set the clock right; if it is right, after a long time in which nothing ran, start once with allot serve --accept-clock"
	}
	if _, ok := errors.AsType[*server.ClockApartError](err); ok {
		return "set the clock right that is wrong; if a server's clock jumped and is right now, say so by allot repair clock --accept"
	}
	if _, ok := errors.AsType[*server.ClockBehindError](err); ok {
		return "set the clock right; if it was wrong when that was written, end the servers and run allot repair clock"
	}
	if errors.Is(err, server.ErrServers) {
		return "end them all first: what they write meanwhile would be lost to the repair"
	}
	for _, copying := range copyHints {
		if errors.Is(err, copying.err) {
			return copying.hint
		}
	}
	switch {
	case errors.Is(err, server.ErrWrongKeyFile), errors.Is(err, server.ErrNoKeyFile):
		return "give the key file that belongs to this database with --key-file, or, if it is lost, make new keys: allot key rotate --lost-key-file"
	case errors.Is(err, context.Canceled):
		return "it was told to end: run the same command again"
	case errors.Is(err, syscall.EISDIR):
		return "that is a directory: name a file in it, such as --database sqlite:DIR/allot.db, or the directory by --data"
	case errors.Is(err, syscall.ENOTDIR):
		return "a part of the path is a file, and no directory: name another place with --data or --database"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "more files are open than may be: raise the limit, such as by ulimit -n 65536, or LimitNOFILE= of systemd"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "file systems take names of at most 255 bytes, and paths of about 4096: name a shorter one"
	case errors.Is(err, syscall.ELOOP):
		return "symbolic links lead to each other there: ls -l shows them; put them right, or name the place itself"
	case listening(err) && errors.Is(err, fs.ErrPermission):
		return "a port below 1024 takes a right, CAP_NET_BIND_SERVICE (setcap, or AmbientCapabilities= of systemd): give it, or take another port with --listen, or --metrics if it is that"
	case listening(err) && errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address: name one that it has with --listen, or --metrics if it is that; with no host, such as :8080, it is all of them"
	case errors.Is(err, syscall.EADDRINUSE):
		return "something listens at that address already; choose another one with --listen, or --metrics if it is that; port 0 takes a free one"
	}
	if hint := remoteHint(err); hint != "" {
		return hint
	}
	if hint, ok := troubleHints[server.TroubleOf(err)]; ok {
		return hint
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return "is the file there, and may this user read and write it?"
	}
	return ""
}

// listening reports whether an error is of an address that was to be listened on.
func listening(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "listen"
}

// troubleHints are what to try when a database cannot be opened.
var troubleHints = map[server.Trouble]string{
	server.TroubleServed:       "end the other server, or name another place with --data or --database",
	server.TroubleDenied:       "this user may not read and write there: give it the rights, or name another place with --data or --database",
	server.TroubleReadOnlyDisk: "the file system is read-only there: mount it to be written to, or name another place with --data or --database; what only reads, such as allot verify, goes there if there is no log beside the database",
	server.TroubleDisk:         "the disk or its file system has reported a fault: the system's log (dmesg) says which; keep a copy of the directory before anything else",
	server.TroubleFull:         "the disk is full: make room, or name another place with --data or --database",
	server.TroubleNoListener:   "nothing listens at the database's address: is the database running, and are host and port in its URL right?",
	server.TroubleNoHost:       "the database's host has no address: is its name in the URL right?",
	server.TroubleUnreachable:  "the database does not answer: are host and port in its URL right, and does a firewall let them through?",
	server.TroubleNoTLS:        "the database's server takes no TLS: switch it on there (ssl = on), or say in its URL that none is wanted, sslmode=disable, or that it may be without, sslmode=prefer; the network reads along then",
	server.TroubleCertificate:  "the certificate of the database's server is not taken: name who signed it with sslrootcert=FILE in its URL, and the host as the certificate does; sslmode=require asks for neither",
	server.TroubleLocked:       "another session holds the table or row for long: pg_stat_activity and pg_locks say which one; end it or wait, and run the same command again",
	server.TroubleCredentials:  "the database does not take these credentials: are user and password in its URL right, or PGPASSWORD and ~/.pgpass?",
	server.TroubleNoDatabase:   "the database's server runs and has no database of that name: create it, or is its name in the URL right?",
	server.TroubleNone:         "is it the right place, named by --data or --database? allot serve and allot client create make an installation where there is none",
	server.TroubleGone:         "is the volume mounted? A backup goes there by allot restore --new; serve, client create or migrate with --new begins with nothing",
	server.TroubleDamaged:      "stop and keep a copy of the directory; then allot restore a newer backup elsewhere, or go on without what is lost by allot serve --accept-damage, once, which keeps the log beside",
	server.TroubleCorrupt:      "stop and keep a copy of the directory; allot verify says what is still right, and allot restore puts a backup elsewhere: docs/damage.md says more",
	server.TroubleOccupied:     "name an empty place with --data or --database; what is there can be moved away while nothing runs",
	server.TroubleFormat:       "is it the right file, named by --data or --database?",
	server.TroublePooler:       "is there a pooler, such as pgbouncer, between this program and PostgreSQL? It must give out connections by session, and ignore_startup_parameters of pgbouncer must name what is set for a session; or go round it: transaction pooling is not supported (docs/postgresql.md)",
	server.TroubleReadOnly:     "name the primary, or all hosts: postgres://a.example.com,b.example.com/allot finds the one that can be written to",
	server.TroubleSchemaOlder:  "back it up, then run allot migrate, or start allot serve, which migrates; docs/postgresql.md says how several nodes are upgraded",
	server.TroubleSchemaNewer:  "run the allot that was used last, or a newer one: allot version says which this is; a database never goes back",
	server.TroubleBackupThere:  "name another file, such as one with the date, or move that one away",
	server.TroubleCrowded:      "the database takes no more connections: end others, raise its max_connections, or give fewer with ?pool_max_conns=N in its URL",
}

// noAllot is what to try if what answers does not do so as Allot would.
const noAllot = "what answers there is no Allot server, or something stands before it: is --url or ALLOT_URL the right address?"

// remoteHint says what to try if it is a server that was asked, "" if it was not.
func remoteHint(err error) string {
	if e, ok := errors.AsType[*client.Error](err); ok && len(e.Errors) == 0 {
		return noAllot
	}
	switch {
	case errors.Is(err, client.ErrUnauthorized):
		return "give the credentials of a client of this server: allot client create makes one"
	case errors.Is(err, client.ErrForbidden):
		return "the client lacks the scope; allot client create --scope makes one that has it"
	case errors.Is(err, client.ErrThrottled):
		return "wait, then try again"
	case errors.Is(err, client.ErrServer):
		return "the server's log says why, under the id of the request"
	}
	if _, ok := errors.AsType[*url.Error](err); !ok {
		return ""
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens there; is the server running, and is --url or ALLOT_URL its address?"
	}
	return "is the server running, and is --url or ALLOT_URL its address?"
}
