// Package auth says who calls: it turns a bearer token into a [Principal] and
// answers whether that principal may do what it asks, and how often.
//
// The key decision: a token's signature is remembered, its standing is not. A
// [Verifier] keeps the claims of tokens it has verified, never past their end,
// so that a token is verified once and not on each request; but whether its
// client is still allowed in is asked of the issuer ([Issuer].Check) every
// time. A revocation therefore takes effect when the issuer knows of it, and
// not when a cache entry happens to go. The cache is keyed by the tokens
// themselves and bounded in bytes; a token costs its digest nowhere. Tokens that were
// just issued have a part of it to themselves ([Verifier.Issued]).
//
// Algorithms belong to keys, not to tokens: a [Key] names the only algorithm it
// verifies, out of RS256, PS256, ES256 and EdDSA. "none" and everything
// symmetric is refused before a key is looked up.
//
// The package knows nothing of HTTP routes or of storage. Package oauth
// provides our own issuer; [RemoteIssuers] those of others. Start reading at
// [Verifier.Verify].
package auth
