package server

import "github.com/allot-dev/allot/internal/store"

// Trouble is what keeps a database from being opened.
type Trouble = store.Trouble

// The troubles that are known apart; see [store.Trouble].
const (
	TroubleServed       = store.TroubleServed
	TroubleDenied       = store.TroubleDenied
	TroubleFull         = store.TroubleFull
	TroubleNoListener   = store.TroubleNoListener
	TroubleNoHost       = store.TroubleNoHost
	TroubleUnreachable  = store.TroubleUnreachable
	TroubleCredentials  = store.TroubleCredentials
	TroubleNoDatabase   = store.TroubleNoDatabase
	TroubleCrowded      = store.TroubleCrowded
	TroubleNone         = store.TroubleNone
	TroubleGone         = store.TroubleGone
	TroubleDamaged      = store.TroubleDamaged
	TroubleFormat       = store.TroubleFormat
	TroubleOccupied     = store.TroubleOccupied
	TroublePooler       = store.TroublePooler
	TroubleReadOnly     = store.TroubleReadOnly
	TroubleSchemaOlder  = store.TroubleSchemaOlder
	TroubleSchemaNewer  = store.TroubleSchemaNewer
	TroubleBackupThere  = store.TroubleBackupThere
	TroubleNoTLS        = store.TroubleNoTLS
	TroubleCertificate  = store.TroubleCertificate
	TroubleLocked       = store.TroubleLocked
	TroubleReadOnlyDisk = store.TroubleReadOnlyDisk
	TroubleDisk         = store.TroubleDisk
	TroubleCorrupt      = store.TroubleCorrupt
)

// URLError is a URL of a database that cannot be read; see [store.URLError].
type URLError = store.URLError

// TroubleOf says what trouble an error is that has to do with a database.
func TroubleOf(err error) Trouble { return store.TroubleOf(err) }
