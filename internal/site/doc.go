// Package site is what the world sees of a server without signing in: the page at /, the
// price list, and the description of the API with a way to try it.
//
// The key decision: the pages say what the server's own API says. The price list is made of
// the answers of GET /v1/pricing and its kin, and the description of the API is openapi.yaml
// itself, so neither can tell anything else. They have no state but the address, and work
// without a script.
//
// Start reading at [New].
package site
