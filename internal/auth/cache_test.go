package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestCacheVerifiesOnce(t *testing.T) {
	r := newRig(t, 0)
	token := good(t, nil)
	for range 3 {
		if _, err := r.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("key asked for %d times, want 1", n)
	}
	r.Drop()
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if n := r.asked.Load(); n != 2 {
		t.Errorf("key asked for %d times after Drop, want 2", n)
	}
}

func TestCacheNeverPastExp(t *testing.T) {
	r := newRig(t, 0)
	token := good(t, nil)
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(time.Hour - 1)
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Errorf("a nanosecond before exp: %v", err)
	}
	r.clock.advance(1)
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("at exp: err = %v, want ErrInvalidCredentials", err)
	}
}

func TestCacheNotPastUntilOfKey(t *testing.T) {
	c := newClock()
	var gone atomic.Bool
	v, err := NewVerifier(Options{Now: c.now, Issuers: []Issuer{{
		URL: ourURL, Audiences: []string{ourAPI},
		Key: func(context.Context, string) (Key, error) {
			if gone.Load() {
				return Key{}, invalid("key is gone")
			}
			return Key{Public: rsaKeys()[0].Public(), Algorithm: jose.RS256, Until: start.Add(time.Minute)}, nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	token := good(t, nil)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	gone.Store(true)
	c.advance(time.Minute)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("err = %v, want ErrInvalidCredentials", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	const size = 16 << 10
	r := newRig(t, size)
	used := good(t, nil)
	for i := range 100 {
		for _, token := range []string{good(t, object{"jti": fmt.Sprint("no", i)}), used} {
			if _, err := r.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		r.cache.CleanUp() // what is to go goes soon, but not at once
		if n := r.cache.WeightedSize(); n > size {
			t.Fatalf("%d bytes after %d tokens, want at most %d", n, i+1, size)
		}
	}
	if n := r.asked.Load(); n != 101 {
		t.Errorf("key asked for %d times, want 101: the token in use was forgotten", n)
	}
}

// The bound is one of memory, so the weight of a token must not be far below what
// it takes.
func TestWeightOfATokenIsWhatItTakes(t *testing.T) {
	const tokens = 2000
	r := newRig(t, 0)
	issued := make([]string, tokens)
	for i := range issued {
		issued[i] = good(t, object{"jti": fmt.Sprint("no", i)})
	}
	before := heap()
	var weighed int
	for _, token := range issued {
		token = strings.Clone(token)
		if _, err := r.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		weighed += int(weight(token, nil))
	}
	taken := int(heap() - before)
	runtime.KeepAlive(r)
	t.Logf("%d bytes a token, weighed as %d", taken/tokens, weighed/tokens)
	if taken > weighed*6/5 {
		t.Errorf("%d tokens take %d bytes, weighed as %d", tokens, taken, weighed)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRevocationIsSeenThroughTheCache(t *testing.T) {
	r := newRig(t, 0)
	token := good(t, nil)
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	r.check = func(id string) error { return invalid("client %s is revoked", id) }
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("err = %v, want ErrInvalidCredentials", err)
	}
	r.check = func(string) error { return errors.New("store is away") }
	if _, err := r.Verify(t.Context(), token); err == nil || errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("err = %v, want one that is not the caller's fault", err)
	}
}

// A token found good before Drop must not count as found good after it.
func TestDropDuringVerification(t *testing.T) {
	r := newRig(t, 0)
	token := good(t, nil)
	r.check = func(string) error { r.Drop(); return nil }
	for want := range int64(3) {
		if n := r.asked.Load(); n != want {
			t.Errorf("key asked for %d times, want %d", n, want)
		}
		if _, err := r.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyConcurrently(t *testing.T) {
	r := newRig(t, 4<<10)
	var tokens []string
	for i := range 8 {
		tokens = append(tokens, good(t, object{"azp": fmt.Sprint("client", i)}))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				n := (g + i) % len(tokens)
				p, err := r.Verify(t.Context(), tokens[n])
				if err != nil || p.ClientID != fmt.Sprint("client", n) {
					t.Errorf("token of client%d: %q, %v", n, p.ClientID, err)
					return
				}
				if i%50 == 0 {
					r.Drop()
				}
			}
		})
	}
	wg.Wait()
}
