package outbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/outbox/record"
)

// plan is how often, and for how long, a format is tried.
type plan struct {
	// retries are the pauses after a failed attempt, the first after the first. After the
	// last of them the delivery has failed.
	retries []time.Duration
	// patience is after how long of nothing but failures a webhook is disabled.
	patience time.Duration
}

var plans = map[record.Format]plan{
	record.Standard: {
		retries: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
			20 * time.Hour, 24 * time.Hour,
		},
		patience: 5 * 24 * time.Hour,
	},
	record.Kinde: { // Kinde: its schedule
		retries: []time.Duration{
			5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour,
			12 * time.Hour, 12 * time.Hour,
		},
		patience: 72 * time.Hour,
	},
}

const (
	// spread is by how much of a pause it is made longer or shorter at random, so that what
	// failed together is not tried again together.
	spread = 0.2
	// maxWait is the longest that a receiver may ask us to wait.
	maxWait = 24 * time.Hour
)

// pause is how long to wait after a failed attempt, of which there were so many, by the
// format's plan and what the receiver asked for. It reports false after the last.
func (o *Outbox) pause(f record.Format, attempts int, asked time.Duration) (time.Duration, bool) {
	retries := plans[f].retries
	if attempts > len(retries) {
		return 0, false
	}
	planned := float64(retries[attempts-1]) * (1 - spread + 2*spread*o.options.Jitter())
	return max(time.Duration(planned), min(asked, maxWait)), true
}

// retryAfter is what an answer asks to wait (RFC 9110, section 10.2.3): seconds, or until a
// date; 0 if it asks for nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxWait/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
