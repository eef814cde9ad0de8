package httpapi

import (
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/snapshot"
)

// A state that the caller has seen and this node has not is waited for this
// often, this long each time.
const (
	freshTries = 20
	freshPause = 50 * time.Millisecond
)

func errRevision(message string) error {
	return invalid(api.InvalidCode("allot_min_revision"), "%s", message)
}

// readLeast reads the state that the caller wants to see at least.
func (c *call) readLeast() error {
	values := c.Header.Values(api.HeaderMinRevision)
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil
	}
	if len(values) > 1 {
		return errRevision("Allot-Min-Revision must be given once")
	}
	rev, err := billing.ParseRevision(values[0])
	if err != nil {
		return errRevision("Allot-Min-Revision must be an Allot-Revision that an earlier answer carried")
	}
	c.least = &rev
	return nil
}

// fresh reads until what is read is as new as the caller asked for. It takes its
// time over that: the change may have been made on another node, and this one is
// about to hear of it.
func (c *call) fresh(read func() (billing.Revision, error)) (billing.Revision, error) {
	for try := 0; ; try++ {
		rev, err := read()
		if err != nil || c.least == nil || rev.Covers(*c.least) {
			return rev, err
		}
		if try == freshTries {
			return rev, errRevision("no state as new as Allot-Min-Revision was seen within a second; it must be the Allot-Revision of an answer about the same customer")
		}
		select {
		case <-time.After(freshPause):
		case <-c.Context().Done():
			return rev, c.Context().Err()
		}
	}
}

// snapshot reads a customer as fresh as the caller wants it, and the instant that
// it is then.
func (a *adapter) snapshot(c *call, id billing.CustomerID) (*billing.Snapshot, time.Time, error) {
	var least billing.Revision
	if c.least != nil {
		least = *c.least
	}
	var read snapshot.Reading
	_, err := c.fresh(func() (rev billing.Revision, err error) {
		if read, err = a.Snapshots.Get(c.Context(), id, least); err != nil {
			return rev, err
		}
		return read.Snapshot.Revision(), nil
	})
	c.stale = read.Stale
	return read.Snapshot, read.Now, err
}
