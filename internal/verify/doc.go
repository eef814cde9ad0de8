// Package verify goes through all that an installation has stored, and names what does
// not follow from what is stored elsewhere.
//
// The key decision is that each check has another place to hold a row against: rows against
// the change log, counters against the records, the log against the feed, the feed against
// its hashes, directories against whose they are. Nothing is held against itself. What is of
// one customer is read in one state, so that a server may go on beside it, and what is placed
// in the feed never changes.
//
// The rules for customers, their usage and the catalog are in package service, which has
// the names of it all; those for the feed, credentials, directories and webhooks are here.
//
// Start reading at [Run].
package verify
