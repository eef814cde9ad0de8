// Package admission decides which requests run when there are more than can, so that
// nobody starves: neither a polite client beside a greedy one, nor all of them beside
// callers without credentials.
//
// The key decision: there is no one queue. Each flow (a client, or the address of a
// stranger) has a line of its own and a few places that are always its own; what is left
// goes to the flow that has had the least of the server's time. How much may run is not
// configured: it follows how many goroutines wait for a processor, and how late what comes
// over the network is seen. Nobody waits longer than two seconds. A line that is longer than
// callers make it who wait for their answers, for longer than a burst lasts, is flooded: of it
// the newest goes first, and the others are refused early.
// Strangers have a [Gate] of their own, and a budget for each address.
//
// Start reading at [Control].
package admission
