package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// give is a good token that was issued.
func (r *rig) give(t testing.TB, changes object) string {
	t.Helper()
	token := good(t, changes)
	r.Issued(t.Context(), token)
	return token
}

func TestIssuedTokenIsNotVerifiedAgain(t *testing.T) {
	r := newRig(t, 0)
	token := r.give(t, nil)
	for range 3 {
		p, err := r.Verify(t.Context(), token)
		if err != nil || p.ClientID != "client1" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("key asked for %d times, want 1, when it was issued", n)
	}
}

// What is known of a token is that it was good: not that it is.
func TestIssuedTokenIsJudgedWhenItIsUsed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *rig)
	}{
		{"ended", func(r *rig) { r.clock.advance(time.Hour) }},
		{"revoked", func(r *rig) { r.check = func(id string) error { return invalid("client %s is revoked", id) } }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 0)
			token := r.give(t, nil)
			c.change(r)
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("err = %v, want ErrInvalidCredentials", err)
			}
		})
	}
}

func TestDropForgetsIssuedTokens(t *testing.T) {
	r := newRig(t, 0)
	before := r.give(t, nil)
	r.Drop()
	if n := r.issued.tokens.len(); n != 0 {
		t.Errorf("%d tokens are kept after Drop, want none", n)
	}
	if _, err := r.Verify(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if n := r.asked.Load(); n != 2 {
		t.Errorf("key asked for %d times, want 2: Drop was between", n)
	}
	// One that was put after a Drop that came while it was verified.
	late := r.give(t, object{"jti": "late"})
	r.drops.Add(1)
	if _, err := r.Verify(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if n := r.asked.Load(); n != 4 {
		t.Errorf("key asked for %d times, want 4: what was verified before Drop counts after it", n)
	}
}

// Whoever says that it was issued is not believed.
func TestIssuedTokenMustBeGood(t *testing.T) {
	r := newRig(t, 0)
	token, other := good(t, nil), good(t, object{"azp": "client2"})
	forged := other[:strings.LastIndexByte(other, '.')] + token[strings.LastIndexByte(token, '.'):]
	long := strings.Repeat("a", MaxTokenBytes+1)
	for _, bad := range []string{"", long, forged, good(t, object{"aud": "elsewhere"}), good(t, object{"exp": start.Unix()})} {
		r.Issued(t.Context(), bad)
		if n := r.issued.tokens.len(); n != 0 {
			t.Fatalf("%.50q is kept, though it is not good", bad)
		}
		if _, err := r.Verify(t.Context(), bad); !errors.Is(err, ErrInvalidCredentials) {
			t.Errorf("%.50q: err = %v, want ErrInvalidCredentials", bad, err)
		}
	}
	// The one whose signature it is does not let it in either.
	r.Issued(t.Context(), token)
	if _, err := r.Verify(t.Context(), forged); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("forged: err = %v, want ErrInvalidCredentials", err)
	}
}

// Tokens that nobody uses push out each other and nothing else.
func TestFloodOfIssuedTokens(t *testing.T) {
	const size = 100 << 10
	r := newRig(t, size)
	var used []string
	for i := range 20 {
		used = append(used, good(t, object{"azp": fmt.Sprint("client", i)}))
	}
	use := func(tokens []string) {
		t.Helper()
		for _, token := range tokens {
			if _, err := r.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
	}
	use(used)
	r.cache.CleanUp()
	inUse := r.cache.WeightedSize()

	var flood []string
	for i := range 200 {
		flood = append(flood, r.give(t, object{"jti": fmt.Sprint("no", i)}))
		kept := 0
		for _, generation := range []map[string]*verified{r.issued.tokens.young, r.issued.tokens.old} {
			for token, v := range generation {
				kept += int(weight(token, v))
			}
		}
		if limit := size/5 + int(weight(flood[i], nil)); kept > limit {
			t.Fatalf("%d bytes after %d tokens, want at most %d", kept, i+1, limit)
		}
	}
	r.cache.CleanUp()
	if n := r.cache.WeightedSize(); n != inUse {
		t.Errorf("tokens in use weigh %d after the flood, want %d as before", n, inUse)
	}
	before := r.asked.Load()
	use(used)
	if n := r.asked.Load() - before; n != 0 {
		t.Errorf("%d tokens in use were verified again after the flood, want none", n)
	}
	newest := size / 5 / 2 / int(weight(flood[0], nil))
	use(flood[len(flood)-newest:])
	if n := r.asked.Load() - before; n != 0 {
		t.Errorf("%d of the %d tokens issued last were verified again, want none", n, newest)
	}
	use(flood[:1])
	if n := r.asked.Load() - before; n != 1 {
		t.Errorf("the token issued first was verified %d times more, want once: it is forgotten", n)
	}
}
