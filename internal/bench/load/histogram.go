package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width grows with the duration: 64
// for each power of two of nanoseconds, so that what is read from it is at most
// 1.6 % too high. Its size does not depend on what it has seen.
type Histogram struct {
	buckets [buckets]uint64
	count   uint64
	longest time.Duration
}

const (
	steps   = 64
	shift   = 6 // steps is 1 << shift
	buckets = (64 - shift) * steps
)

// Record counts a duration; one below zero counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucket(uint64(d))]++
	h.count++
	h.longest = max(h.longest, d)
}

// bucket is where a duration is counted: those below steps have one each, and of
// a longer one the highest bit and the shift bits behind it tell.
func bucket(ns uint64) int {
	if ns < steps {
		return int(ns)
	}
	scale := bits.Len64(ns) - 1 - shift
	return scale*steps + int(ns>>scale)
}

// upper is the longest duration that is counted in a bucket.
func upper(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i)
	}
	scale := i/steps - 1
	return time.Duration((uint64(i%steps+steps)+1)<<scale - 1)
}

// Merge adds what another has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	h.count += other.count
	h.longest = max(h.longest, other.longest)
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Max is the longest one, exactly.
func (h *Histogram) Max() time.Duration { return h.longest }

// Quantile is the duration that a part q of all, from 0 to 1, do not exceed; 0 if
// there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(1, uint64(q*float64(h.count)+0.5))
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return min(upper(i), h.longest)
		}
	}
	return h.longest
}
