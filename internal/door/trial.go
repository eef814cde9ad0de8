package door

import (
	"context"
	"time"

	"github.com/allot-dev/allot/api"
)

// Trial asks what a change would do: see [WithTrial].
type Trial struct {
	// Customer is the id of who is looked at.
	Customer string
	// At is when: zero for now, or later. It is not past.
	At time.Time
	// Entitled is set to what the customer would be entitled to then.
	Entitled api.EntitlementList
}

// trialKey is where a context has the trial that its requests are.
type trialKey struct{}

// WithTrial is a context whose requests change nothing: what they ask for is done in a
// transaction, looked at, and taken back. They are answered as if it had been done, refusals
// included, and no Idempotency-Key of theirs is kept or used up. Only requests from inside
// have a context: see [Inside].
func WithTrial(ctx context.Context, t *Trial) context.Context {
	return context.WithValue(ctx, trialKey{}, t)
}

// TrialOf is what [WithTrial] put in; nil if nothing.
func TrialOf(ctx context.Context) *Trial {
	t, _ := ctx.Value(trialKey{}).(*Trial)
	return t
}
