// Package signin is who is signed in to the console: administrators, the one-time links
// that let them in, their passwords, their sessions, their roles, and sign-in by an
// OpenID provider.
//
// The key decision: who may do what is read from the store with each request. A session
// has no rights of its own; it names an administrator, whose row says whether they may
// still come in and with which role. So a disabled administrator, a reset, another role
// count on every node with the next request, whoever made the change. The console is for
// few people; a read for each of their requests costs nothing.
//
// Of what lets anybody in (links, cookies) the store has the SHA-256, which is enough for
// 130 random bits; of passwords the argon2id hash. Administrators with an "@" in their
// name are those of the provider and have no password; no other name may have one. So
// nobody becomes somebody else by choosing an address.
//
// Start reading at [Accounts], then pages.go for what browsers see.
package signin
