package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A key that is in memory tells a token from a forged one without its issuer; whether it is let in
// the issuer says, and a key that it has no more counts for nothing.
func TestProveByWhatIsInMemory(t *testing.T) {
	clock := newClock()
	known := map[string]Key{"k1": {Public: rsaKeys()[0].Public(), Algorithm: jose.RS256}}
	away, until := errors.New("the store is away"), time.Time{}
	answer := error(nil)
	v, err := NewVerifier(Options{Now: clock.now, Issuers: []Issuer{{
		URL: ourURL, Audiences: []string{ourAPI},
		Known: func(kid string) (Key, bool) { k, ok := known[kid]; return k, ok },
		Key: func(_ context.Context, kid string) (Key, error) {
			k := known[kid]
			k.Until = until
			return k, answer
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	token := good(t, nil)
	answer = away
	proof, err := v.Prove(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Admit(t.Context(), proof); !errors.Is(err, away) || errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("while the store is away: %v", err)
	}
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, away) {
		t.Errorf("Verify while the store is away: %v", err)
	}
	if _, err := v.Prove(t.Context(), token[:len(token)-8]+"AAAAAAAA"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("a forged one while the store is away: %v", err)
	}
	answer = invalid("no signing key")
	if _, err := v.Admit(t.Context(), proof); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("of a key that is gone: %v", err)
	}
	answer, until = nil, clock.now().Add(time.Minute)
	if _, err := v.Admit(t.Context(), proof); err != nil {
		t.Error(err)
	}
	if _, is, _ := v.Recall(t.Context(), token); !is {
		t.Error("what was let in is not known")
	}
	clock.advance(time.Minute)
	if _, is, _ := v.Recall(t.Context(), token); is {
		t.Error("it counts for longer than its key")
	}
	delete(known, "k1")
	if _, err := v.Prove(t.Context(), token); !errors.Is(err, ErrKeyUnknown) {
		t.Errorf("of a key that is not in memory: %v", err)
	}
}
