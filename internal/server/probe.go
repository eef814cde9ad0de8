package server

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

const (
	// probeEvery is how old what /readyz says of writing and signing may be.
	probeEvery = 5 * time.Second
	// probeWait is how long a request for it waits for something newer.
	probeWait = time.Second
	// probeTimeout bounds a try: a small write that takes longer is none.
	probeTimeout = 10 * time.Second
)

// probe tries what a server must be able to do and what nobody may be doing: to sign, and to write.
// It is tried while somebody asks, now and then, beside the requests that do.
type probe struct {
	try     func(context.Context) error
	working sync.WaitGroup

	mu     sync.Mutex
	begun  time.Time
	trying chan struct{} // closed at its end; nil while nothing is tried
	err    error
}

// check is how the last try ended.
func (p *probe) check(ctx context.Context) error {
	p.mu.Lock()
	if p.trying == nil && time.Since(p.begun) >= probeEvery {
		trying := make(chan struct{})
		p.begun, p.trying = time.Now(), trying
		p.working.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
			defer cancel()
			err := p.try(ctx)
			p.mu.Lock()
			p.err, p.trying = err, nil
			p.mu.Unlock()
			close(trying)
		})
	}
	trying := p.trying
	p.mu.Unlock()
	if trying != nil {
		timer := time.NewTimer(probeWait)
		defer timer.Stop()
		select {
		case <-trying:
		case <-timer.C: // what was true before
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// newProbe tries a signature and a small write.
func (s *Server) newProbe(keyring *oauth.Keyring) *probe {
	return &probe{try: func(ctx context.Context) error {
		if _, err := keyring.Sign(ctx, []byte("{}")); err != nil {
			if codeOf(err) != "" { // of the database
				return err
			}
			unreadable := billing.Unavailable.Errorf(api.CodeKeyUnreadable, "no token can be signed: the key file does not open the signing key; "+
				"start the server with the key file that belongs to the database, or if that is lost, make a new key: allot key rotate --lost-key-file")
			unreadable.Err = err
			return unreadable
		}
		err := s.mayWrite(ctx)
		if err == nil {
			err = s.place.store.Write(ctx, func(t *sqlstore.Tx) error { return t.PutProbe(s.holder(), time.Now()) })
		}
		if errors.Is(err, context.DeadlineExceeded) {
			slow := billing.Unavailable.Errorf(api.CodeStoreSlow, "a small write took more than %s: look at the database and its disk", probeTimeout)
			slow.Err = err
			return slow
		}
		return err
	}}
}

// mayWrite returns an error if the user of the database has not all rights on its tables: a
// small write tries only one of them.
func (s *Server) mayWrite(ctx context.Context) error {
	denied, err := s.place.store.Denied(ctx)
	if err != nil || len(denied) == 0 {
		return err
	}
	return billing.Unavailable.Errorf(api.CodeStoreReadOnly, "the user of the database lacks %s: grant it", strings.Join(denied, ", "))
}
