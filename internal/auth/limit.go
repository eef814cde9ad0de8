package auth

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterSize is how many principals or callers a limiter keeps count of. One
// that was not seen lately is forgotten and starts anew.
const limiterSize = 10_000

// Limiter limits how often each principal may call: limit requests at once,
// refilled evenly over a window. It is safe for concurrent use.
type Limiter struct {
	limit  int
	window time.Duration
	now    func() time.Time

	mu      sync.Mutex
	buckets recent[principalKey, *rate.Limiter]
}

// principalKey has a subject only if there is no client: the users of an issuer
// that does not name clients do not share one limit.
type principalKey struct{ issuer, clientID, subject string }

// NewLimiter makes a limiter of limit requests per window. A limit of 0 is none.
func NewLimiter(limit int, window time.Duration, now func() time.Time) *Limiter {
	return &Limiter{
		limit: limit, window: window, now: now,
		buckets: newRecent[principalKey, *rate.Limiter](limiterSize),
	}
}

// Quota is what a principal has left, for the headers RateLimit-Limit,
// RateLimit-Remaining, RateLimit-Reset and Retry-After.
type Quota struct {
	Allowed   bool
	Limit     int // 0 if there is no limit, and then no headers
	Remaining int
	// Reset is in how many seconds Remaining will be Limit, if nothing is asked.
	Reset int
	// RetryAfter is in how many seconds a request will be allowed; 0 if this one is.
	RetryAfter int
}

// Take counts one request of a principal.
func (l *Limiter) Take(p *Principal) Quota {
	if l.limit == 0 {
		return Quota{Allowed: true}
	}
	now := l.now()
	perSecond := float64(l.limit) / l.window.Seconds()
	key := principalKey{issuer: p.Issuer, clientID: p.ClientID}
	if p.ClientID == "" {
		key.subject = p.Subject
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.buckets.get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(perSecond), l.limit)
		l.buckets.put(key, bucket)
	}
	q := Quota{Allowed: bucket.AllowN(now, 1), Limit: l.limit}
	tokens := bucket.TokensAt(now)
	q.Remaining = int(max(0, tokens))
	q.Reset = ceilSeconds((float64(l.limit) - tokens) / perSecond)
	if !q.Allowed {
		q.RetryAfter = max(1, ceilSeconds((1-tokens)/perSecond))
	}
	return q
}

// ceilSeconds rounds up, but not for the error of a float.
func ceilSeconds(s float64) int { return int(math.Ceil(s - 1e-6)) }
