// Package oauth is our own token issuer: the clients and signing keys of an
// installation, the endpoint that gives tokens for client credentials
// (RFC 6749, section 4.4), the documents by which others find and verify them,
// and the look-ups by which package auth verifies them here.
//
// The key decision: any process may change clients and keys in the store, so
// what is true is in the store alone. Giving a token reads the client there
// each time; a wrong secret does so only now and then. Verifying one is too frequent
// for that; it uses a [Directory], a copy in memory. It is loaded when the change feed
// tells of a change, and compared with the store four times a second while the feed does
// not say that there is none; it answers nothing once neither has been possible for
// [MaxStale]. So a client revoked by any process is refused everywhere within a second,
// and a store that is away lets nobody in rather than somebody who was revoked.
//
// Private keys are stored encrypted ([KeyFile]); secrets of clients only as
// their hashes, which is enough for 256 random bits.
//
// Start reading at [Server.ServeToken], then [Directory.Refresh].
package oauth
