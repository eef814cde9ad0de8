package door

import (
	"time"

	"github.com/allot-dev/allot/api"
)

// A state that the caller has seen and this node has not is waited for this
// often, this long each time.
const (
	freshTries = 20
	freshPause = 50 * time.Millisecond
)

func errRevision(message string) error {
	return Fault(api.InvalidCode("allot_min_revision"), "%s", message)
}

// readLeast reads the state that the caller wants to see at least.
func (c *Call) readLeast() error {
	values := c.Header[api.HeaderMinRevision]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return nil
	}
	if len(values) > 1 {
		return errRevision("Allot-Min-Revision must be given once")
	}
	if err := c.door.Revision(values[0]); err != nil {
		return errRevision("Allot-Min-Revision must be an Allot-Revision that an earlier answer carried")
	}
	c.Least = values[0]
	return nil
}

// Revision says how new a state of the use cases is: one covers another if it has
// everything that that one has.
type Revision[R any] interface{ Covers(R) bool }

// Fresh reads until what is read is as new as the caller asked for. It takes its
// time over that: the change may have been made on another node, and this one is
// about to hear of it.
func Fresh[T any, R Revision[R]](c *Call, least R, read func() (T, R, error)) (T, R, error) {
	for try := 0; ; try++ {
		v, rev, err := read()
		if err != nil || c.Least == "" || rev.Covers(least) {
			return v, rev, err
		}
		if try == freshTries {
			return v, rev, errRevision("no state as new as Allot-Min-Revision was seen within a second; it must be the Allot-Revision of an answer about the same customer")
		}
		select {
		case <-time.After(freshPause):
		case <-c.Context().Done():
			return v, rev, c.Context().Err()
		}
	}
}
