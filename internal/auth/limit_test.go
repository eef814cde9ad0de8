package auth

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimiter(t *testing.T) {
	c := newClock()
	l := NewLimiter(4, time.Minute, c.now)
	a, b := &Principal{Issuer: "i", ClientID: "a"}, &Principal{Issuer: "i", ClientID: "b"}
	for _, step := range []struct {
		after time.Duration
		by    *Principal
		want  Quota
	}{
		{0, a, Quota{Allowed: true, Limit: 4, Remaining: 3, Reset: 15}},
		{0, a, Quota{Allowed: true, Limit: 4, Remaining: 2, Reset: 30}},
		{0, a, Quota{Allowed: true, Limit: 4, Remaining: 1, Reset: 45}},
		{0, a, Quota{Allowed: true, Limit: 4, Remaining: 0, Reset: 60}},
		{0, a, Quota{Limit: 4, Reset: 60, RetryAfter: 15}},
		{0, b, Quota{Allowed: true, Limit: 4, Remaining: 3, Reset: 15}},
		{14500 * time.Millisecond, a, Quota{Limit: 4, Reset: 46, RetryAfter: 1}},
		{500 * time.Millisecond, a, Quota{Allowed: true, Limit: 4, Remaining: 0, Reset: 60}},
		{time.Hour, a, Quota{Allowed: true, Limit: 4, Remaining: 3, Reset: 15}},
	} {
		c.advance(step.after)
		if diff := cmp.Diff(step.want, l.Take(step.by)); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", step.by.ClientID, c.now().Sub(start), diff)
		}
	}
}

func TestLimiterOfUsersWithoutClient(t *testing.T) {
	l := NewLimiter(1, time.Minute, newClock().now)
	take := func(p *Principal, want bool) {
		t.Helper()
		if q := l.Take(p); q.Allowed != want {
			t.Errorf("%+v: %+v, want Allowed = %v", p, q, want)
		}
	}
	take(&Principal{Issuer: "i", Subject: "u1"}, true)
	take(&Principal{Issuer: "i", Subject: "u2"}, true)
	take(&Principal{Issuer: "i", Subject: "u1"}, false)
	take(&Principal{Issuer: "i", ClientID: "a", Subject: "u1"}, true)
	take(&Principal{Issuer: "i", ClientID: "a", Subject: "u2"}, false)
}

func TestLimiterOff(t *testing.T) {
	l := NewLimiter(0, time.Minute, newClock().now)
	for range 100 {
		if diff := cmp.Diff(Quota{Allowed: true}, l.Take(&Principal{})); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestLimitersAreBounded(t *testing.T) {
	c := newClock()
	l := NewLimiter(1, time.Minute, c.now)
	for i := range 2 * limiterSize {
		id := fmt.Sprint(i)
		l.Take(&Principal{ClientID: id})
	}
	if n := l.buckets.len(); n > limiterSize {
		t.Errorf("%d buckets, want at most %d", n, limiterSize)
	}
}
