package bench

import (
	"context"

	"github.com/allot-dev/allot/internal/bench/load"
)

// A server knows a token that it has issued until it is used, or until it has issued
// so many more that it keeps no more of them.
const (
	knownAtLeast = 800  // of those issued last
	knownAtMost  = 2000 // likewise
)

// foreign are n tokens that the server has to verify from their text, as if another
// had issued them.
func (s *served) foreign(ctx context.Context, n int) ([]string, error) {
	tokens, err := s.tokens(ctx, n+knownAtMost)
	if err != nil {
		return nil, err
	}
	return tokens[:n], nil
}

// own makes each request of a round one with a token that the server has issued just
// before, in before, and that was never used.
func (t *target) own(s *served, customers int) (w load.Workload, before func(context.Context) error) {
	var tokens []string
	before = func(ctx context.Context) (err error) {
		tokens, err = s.tokens(ctx, knownAtLeast)
		return err
	}
	return t.readAs(inTurn(customers), func(n uint64) string { return tokens[n%knownAtLeast] }), before
}
