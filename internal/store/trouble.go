package store

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Trouble is what keeps a database from being opened, for whoever has to say what
// to do about it.
type Trouble uint8

// The troubles that are known apart.
const (
	TroubleOther        Trouble = iota
	TroubleServed               // another server has the file
	TroubleDenied               // this user may not read or write there
	TroubleFull                 // the disk is
	TroubleNoListener           // nothing listens at the address
	TroubleNoHost               // the host has no address
	TroubleUnreachable          // no answer from the address
	TroubleCredentials          // the database does not take the user and the password
	TroubleNoDatabase           // the server has no database of that name
	TroubleCrowded              // the server takes no more connections
	TroubleNone                 // there is no installation yet
	TroubleGone                 // there was a database, which is missing or empty
	TroubleDamaged              // the database has lost commits, or would
	TroubleFormat               // the file is no database
	TroubleOccupied             // there is a database already
	TroublePooler               // a pooler that gives out a connection for each transaction
	TroubleReadOnly             // the host cannot be written to
	TroubleSchemaOlder          // the database is to be migrated first
	TroubleSchemaNewer          // the database wants a newer program
	TroubleBackupThere          // a backup's name is taken
	TroubleNoTLS                // the server takes no TLS, which the URL asks for
	TroubleCertificate          // the server's certificate is not taken
	TroubleLocked               // another session holds what is wanted, for longer than is waited
	TroubleReadOnlyDisk         // the file system takes no writes
	TroubleDisk                 // the disk reports a fault
	TroubleCorrupt              // the database's file is damaged
)

// TroubleOf says what trouble an error of [Open] or [Copy] is.
func TroubleOf(err error) Trouble {
	if _, ok := errors.AsType[*sqlite.ServedError](err); ok {
		return TroubleServed
	}
	if _, ok := errors.AsType[*sqlite.GoneError](err); ok {
		return TroubleGone
	}
	if _, ok := errors.AsType[*sqlite.DamageError](err); ok {
		return TroubleDamaged
	}
	if _, ok := errors.AsType[*sqlite.OccupiedError](err); ok {
		return TroubleOccupied
	}
	if _, ok := errors.AsType[*sqlite.FormatError](err); ok {
		return TroubleFormat
	}
	if _, ok := errors.AsType[*sqlite.CorruptError](err); ok {
		return TroubleCorrupt
	}
	if _, ok := errors.AsType[*sqlite.BackupThereError](err); ok {
		return TroubleBackupThere
	}
	if e, ok := errors.AsType[*sqlstore.SchemaError](err); ok {
		if e.Older() {
			return TroubleSchemaOlder
		}
		return TroubleSchemaNewer
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "28000", "28P01":
			return TroubleCredentials
		case "3D000":
			return TroubleNoDatabase
		case "42501":
			return TroubleDenied
		case "55P03":
			return TroubleLocked
		case "53100":
			return TroubleFull
		case "53300":
			return TroubleCrowded
		case "08P01", "42P05", "26000": // a parameter that it does not pass on; statements of other sessions
			return TroublePooler
		}
		return TroubleOther
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return TroubleNoHost
	}
	if _, ok := errors.AsType[*postgres.MeaningError](err); ok {
		return TroublePooler
	}
	switch {
	case errors.Is(err, postgres.ErrReadOnly):
		return TroubleReadOnly
	case errors.Is(err, ErrNone):
		return TroubleNone
	case errors.Is(err, syscall.EROFS): // also where SQLite has a word for it
		return TroubleReadOnlyDisk
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), sqlite.IsFull(err):
		return TroubleFull
	case errors.Is(err, fs.ErrPermission), sqlite.IsDenied(err):
		return TroubleDenied
	case errors.Is(err, syscall.EIO), sqlite.IsFaulty(err):
		return TroubleDisk
	case errors.Is(err, syscall.ECONNREFUSED):
		return TroubleNoListener
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return TroubleCertificate
	}
	if postgres.RefusesTLS(err) {
		return TroubleNoTLS
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return TroubleUnreachable
	}
	return TroubleOther
}
