package api

// Bounds of requests.
const (
	DefaultPageSize = 10
	MaxPageSize     = 500

	// MaxInteger is the largest integer that every JSON reader keeps exact,
	// 2^53-1; limits and max_value go up to it.
	MaxInteger = 1<<53 - 1

	MaxBodyBytes = 1 << 20

	// MaxIdempotencyKey is the longest HeaderIdempotencyKey, in characters of
	// printable ASCII.
	MaxIdempotencyKey = 255
)

// What `expand` names: of entitlements, and of organizations and users.
const (
	ExpandPlans   = "plans"
	ExpandBilling = "billing"
)

// Header names.
const (
	// HeaderRevision is the opaque state that an answer was computed from.
	HeaderRevision = "Allot-Revision"
	// HeaderMinRevision, in a request, is a HeaderRevision of an earlier answer:
	// the new answer is computed from that state or a later one.
	HeaderMinRevision = "Allot-Min-Revision"
	// HeaderStale, on an answer given while the database cannot be read, is for
	// how many seconds changes may have gone unheard. Other answers lack it.
	HeaderStale = "Allot-Stale"
	// HeaderRequestID names one request in the log.
	HeaderRequestID = "X-Request-Id"
	// HeaderIdempotencyKey, in a POST, names the work: done once, its first
	// answer is given again to whoever sends the key again.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderIdempotencyReplayed is "true" on an answer that was given before.
	HeaderIdempotencyReplayed = "Idempotency-Replayed"
)
