// Package outbox tells endpoints of what happens: webhooks.
//
// It follows the feed: each place that an enabled webhook wants becomes a delivery, a row
// of its own, and a sender works these off. The key decision is where order is kept: what
// waits for one webhook of one customer is a queue, of which only the head is ever sent.
// A customer's later events so wait for its earlier one, while other customers, and other
// webhooks, go on. When the head may be sent stands in the queue and nowhere else: however
// much waits behind a head that fails, it costs nothing.
//
// At least once is what is promised. What became of an attempt is stored after it; one that
// was not stored is made again, with the same id. Many are stored together, and many are read
// ahead of need, the first of a queue with what waits behind it: a later one is sent only once
// the one before it has succeeded, stored or not. So whatever dies, what is sent again begins
// with the first that is not stored, and a receiver has each for the first time in order.
//
// Where requests may go is decided where they are dialed, by the address: see [Guard].
//
// Start reading at [Outbox.Run]; send.go reads and stores, line.go sends, attempt.go is one
// request, verdict.go what it means, webhook.go what is asked for by the API.
package outbox
