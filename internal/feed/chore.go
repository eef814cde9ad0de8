package feed

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// choreLease is after how long another node may take over from one that has
	// died; it is renewed well before.
	choreLease = 30 * time.Second
	choreBeat  = 10 * time.Second

	leaveTimeout = 2 * time.Second
)

// errLeaseLost ends a chore that another node may do now.
var errLeaseLost = errors.New("the lease is lost")

// Alone does a chore unless another node is at it, and reports whether it did.
// Its ctx ends when the lease is lost, as it is to a node whose clock is far ahead
// or when the store cannot be written for long; so two nodes may be at it for a
// moment, and it must bear that. A node that dies leaves the rest to the next call.
func (f *Feed) Alone(ctx context.Context, chore string, do func(context.Context) error) (did bool, err error) {
	name := "chore " + chore
	held, err := f.lease(ctx, name, choreLease)
	if err != nil || !held {
		return false, err
	}
	working, lost := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { f.renew(working, name, lost) })
	defer func() {
		lost(nil)
		renewing.Wait()
		ctx, cancel := leaving(ctx)
		defer cancel()
		_, _ = f.lease(ctx, name, 0) // if this fails it ends by itself
	}()
	err = safely(func() error { return do(working) })
	if cause := context.Cause(working); errors.Is(cause, errLeaseLost) {
		err = errors.Join(err, cause)
	}
	return true, err
}

// renew keeps a lease until ctx ends, or calls lost.
func (f *Feed) renew(ctx context.Context, name string, lost context.CancelCauseFunc) {
	beat := time.NewTicker(choreBeat)
	defer beat.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		began := time.Now()
		held, err := f.lease(ctx, name, choreLease)
		switch {
		case err == nil && held:
			last = began
		case err == nil, time.Since(last) >= choreLease:
			lost(errLeaseLost)
			return
		}
	}
}

// leaving is a context in which to give up what others wait for, also after ctx has ended, and
// no longer than the end of a server can wait where the store is silent.
func leaving(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
}

// lease takes or renews a lease for a time; none gives it up.
func (f *Feed) lease(ctx context.Context, name string, life time.Duration) (held bool, err error) {
	err = f.options.Store.Update(ctx, func(tx Tx) (err error) {
		now := f.options.Clock()
		held, err = tx.Lease(name, f.options.Holder, now, now.Add(life))
		return err
	})
	return held, err
}
