// Package native has the routes that are Allot's own: the API under /v1, and the
// few about the server itself.
//
// The key decision: a route says what is, with statuses that mean what HTTP says
// they mean, and takes what it is given once for all routes: a customer by its id
// or by its codes, an amount as text or as a number, a list in pages.
//
// Start reading at [Routes].
package native
