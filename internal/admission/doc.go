// Package admission decides which requests run when there are more than can, so that
// nobody starves: neither a polite client beside a greedy one, nor all of them beside
// callers without credentials.
//
// The key decision: there is no one queue. Each flow (a client, or the address of a
// stranger) has a line of its own and a few places that are always its own; what is left
// goes round the lines. How much may run is not configured: it follows how many
// goroutines wait for a processor. How long a line may be is not configured either: it is
// bounded by how long its oldest has waited. Strangers have a [Gate] of their own, and a
// [Budget] for each address.
//
// Start reading at [Control].
package admission
