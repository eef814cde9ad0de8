// Package service runs the rules of package billing: it has the use cases.
//
// A use case reads facts in a transaction, asks billing what follows, and writes
// that. Those that only read are methods of [Service]. Those that change something
// are methods of [Work], a unit of work: one transaction, one instant, one actor.
// [Service.Do] gives one; [Service.Once] gives one whose answer is kept under an
// idempotency key; [Service.Count] gives one that records usage and may share its
// transaction with others that come at the same time.
//
// The key decision: what decides is read, or read again, under the lock. A change
// of what a customer holds locks the customer's row and opens the customer's book
// (book.go). A use of a feature locks the feature's usage (ledger.go): before that
// a use case only states, as a function of facts, what it wants locked, and it is
// asked again whenever the facts or the catalog have moved.
//
// A [Teller] tells of what time causes; no use case depends on it.
//
// What is needed of a database is said in [Store] and the small interfaces by noun
// beside it. Start reading at [Service], then [Work].
package service
