package auth

import (
	"fmt"
	"testing"
	"time"
)

func TestFailures(t *testing.T) {
	c := newClock()
	f := NewFailures(FailureLimits{Pair: 3, Address: 6, Window: time.Minute}, c.now)
	blocked := func(address, id string, want time.Duration, limit int) {
		t.Helper()
		if got := f.Blocked(address, id); got.Wait != want || want > 0 && got.Limit != limit {
			t.Errorf("%s from %s at %s: blocked for %s after %d, want %s after %d", id, address, c.now().Sub(start), got.Wait, got.Limit, want, limit)
		}
	}
	for range 3 {
		blocked("1.1.1.1", "a", 0, 0)
		f.Add("1.1.1.1", "a")
		c.advance(10 * time.Second)
	}
	blocked("1.1.1.1", "a", 30*time.Second, 3)
	blocked("::ffff:1.1.1.1", "a", 30*time.Second, 3) // the same address
	for range 9 {
		f.Add("1.1.1.1", "a") // not counted
	}
	blocked("1.1.1.1", "b", 0, 0)
	blocked("2.2.2.2", "a", 0, 0)
	for _, id := range []string{"b", "c", "d"} {
		f.Add("1.1.1.1", id)
	}
	blocked("1.1.1.1", "e", 30*time.Second, 6) // none of its own
	blocked("2.2.2.2", "e", 0, 0)
	c.advance(30 * time.Second)
	blocked("1.1.1.1", "a", 0, 0)
	f.Add("1.1.1.1", "a")
	blocked("1.1.1.1", "a", 0, 0)

	for i := range 3 {
		f.Add(fmt.Sprintf("2001:db8:0:1::%d", i), "a")
	}
	blocked("2001:db8:0:1:ffff::", "a", time.Minute, 3)
	blocked("2001:db8:0:2::", "a", 0, 0)
}

// Whoever is blocked stays so, however many others fail, from here or elsewhere.
func TestFloodOfFailuresForgetsNoBlock(t *testing.T) {
	const flood = 10_100
	for name, address := range map[string]func(i int) string{
		"one address":     func(int) string { return "1.1.1.1" },
		"another address": func(int) string { return "2.2.2.2" },
		"many addresses":  func(i int) string { return fmt.Sprintf("10.0.%d.%d", i>>8, i&255) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			f := NewFailures(FailureLimits{Pair: 10, Address: 100, Window: time.Minute}, c.now)
			for range 10 {
				f.Add("1.1.1.1", "victim")
			}
			for i := range 3 * flood {
				f.Add(address(i), fmt.Sprint(i))
			}
			if got := f.Blocked("1.1.1.1", "victim"); got.Wait != time.Minute {
				t.Errorf("blocked for %s, want a minute", got.Wait)
			}
		})
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := NewFailures(FailureLimits{Pair: 2, Address: 2, Window: time.Minute}, newClock().now)
	for i := range 3 * failuresSize {
		for range 1 + i%2 {
			f.Add(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprint(i))
		}
	}
	for name, n := range map[string]int{
		"pairs": f.pairs.counted.len(), "blocked pairs": f.pairs.blocked.len(),
		"addresses": f.addresses.counted.len(), "blocked addresses": f.addresses.blocked.len(),
	} {
		if n > failuresSize || n == 0 {
			t.Errorf("%d %s, want at most %d", n, name, failuresSize)
		}
	}
}
