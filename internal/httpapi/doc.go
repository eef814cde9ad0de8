// Package httpapi is Allot as HTTP shows it: Kinde's billing routes under
// /api/v1, those for users under /account_api/v1, Allot's own under /v1, and the
// few about the server itself.
//
// The key decision: a request passes through one door. [Routes] is the only
// table of what is served, with the scope and the dialect of each route; one
// adapter (adapter.go) does for all of them what must never differ: request id,
// limits, credentials, scope, errors, encoding, log. What is left to a handler
// is to read its parameters, call one use case of [billing.Service] and say
// which wire type answers.
//
// A handler that changes something does not do it: it says what is to be done
// once a [billing.Unit] is there (change.go), and the adapter does that in one
// transaction, or, under an Idempotency-Key, once and for all.
//
// A handler reads everything a request gives before it asks for anything, and
// collects what is wrong on the way (query.go, body.go, faults.go), so that a
// caller is told of all faults at once. Errors carry a kind; the status it has
// in each dialect is one table (refusal.go).
//
// What is peculiar because Kinde's API and its clients want it so is marked
// "Kinde:" where it is written. docs/compat.md lists the marks, and a test keeps
// the two equal.
//
// Start reading at [Routes].
package httpapi
