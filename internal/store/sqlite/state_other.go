//go:build !unix

package sqlite

import (
	"errors"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// index is what it is elsewhere; here nothing is kept in memory of how usage stands.
type index struct{ before *index }

func openIndex(string) (*index, error) { return nil, errors.ErrUnsupported }

func (x *index) is(string) bool { return false }

func (x *index) close() error { return nil }

func (x *index) state() (s sqlstore.State, ok bool) { return s, false }

func (x *index) log() (s indexLog, ok bool) { return s, false }

func readIndex(string) (s indexLog, ok bool) { return s, false }
