// Package portal has the customer's own page, and makes the links that open it.
//
// The key decision: a link carries what it says (which customer, until when, where
// to go back) under a seal that every node can check, because it is made with the
// key file that all of them have. No table of links is needed. That only one
// session opens a link is an answer kept under the link's name, as those to
// idempotency keys are: the first to open it is who is meant from then on.
//
// The page tells nothing by itself: each thing on it is put into words in view.go, so that
// a field which the API gets does not come before a customer's eyes with it.
//
// Start reading at [Links], then [Page].
package portal
