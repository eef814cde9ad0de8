package server

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/store"
)

// CopyProgress is told how many rows of a table have been gone through; see
// [store.CopyOptions].
type CopyProgress = func(table string, rows int64, compared bool)

type (
	// Copied is what [Copy] answers with.
	Copied = store.Copied
	// CopiedTable is what it has to say of a table.
	CopiedTable = store.CopiedTable
	// TableSum is what a table on one side comes to.
	TableSum = store.TableSum
)

// What is known of servers on the source of a copy.
const (
	SourceAtRest  = store.SourceAtRest
	SourceServed  = store.SourceServed
	SourceUnknown = store.SourceUnknown
)

// Errors of [Copy], and of a server that is started on what it has made.
var (
	ErrCopyEmpty    = store.ErrCopyEmpty
	ErrCopyOccupied = store.ErrCopyOccupied
	ErrCopyDiverged = store.ErrCopyDiverged
	ErrCopyOther    = store.ErrCopyOther
	ErrCopyPartial  = store.ErrCopyPartial
)

// Copy makes the installation in one database the same as in another, both given
// by URL; see [store.Copy]. The key file is not in the database and stays what it
// is.
func Copy(ctx context.Context, from, to string, progress CopyProgress) (Copied, error) {
	return store.Copy(ctx, store.CopyOptions{From: from, To: to, Progress: progress})
}

// Migration is what [Migrate] found and left: versions of the schema. Found is 0
// if there was none, and Now more than Known if a newer program has migrated it.
// Placed are the tables that were spread over a cluster.
type Migration struct {
	Found, Now, Known int64
	Placed            []string
	// Finished says that the upgrade was finished by this run, and Adopted of how many
	// customers it adopted what the version before has left; see [service.Service.Adopt].
	// Servers are those that run on a PostgreSQL database then, of whatever version. All
	// are of a finish only, as Moving is.
	Finished bool
	Adopted  int
	Servers  int
	// Moving says that there are usage records to be moved, which servers do.
	Moving bool
}

// Migrate brings the schema of a place to this version, and makes it where there
// is none, unless a key file or a lock file says that there was one and the place does not say
// New. Servers may run on it, and several may migrate at once. Distribute has
// the tables spread over the nodes of a Citus cluster then. With finished, no server
// of the version before runs any more, and none can start from then on; a finish that was
// interrupted goes on. progress, unless nil, is told of how many customers facts are
// adopted.
func Migrate(ctx context.Context, place Place, distribute, finished bool, progress func(customers int)) (m Migration, err error) {
	place = place.withDefaults()
	st, err := store.Open(ctx, store.Options{URL: place.Database, Mode: store.Migrate, Left: []string{place.KeyFile}, New: place.New})
	if err != nil {
		return Migration{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	schema := st.Schema()
	m = Migration{Found: schema.Found, Now: schema.Now, Known: schema.Known}
	if distribute {
		if m.Placed, err = st.Distribute(ctx); err != nil {
			return m, err
		}
	}
	if finished {
		err = finish(ctx, st, &m, progress)
	}
	return m, err
}
