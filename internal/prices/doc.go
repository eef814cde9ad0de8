// Package prices says in words what a plan costs and what it has: how price lists write
// it, and how a customer reads it on the page of her own.
//
// The key decision: the words are made from the wire types that every client gets, not
// from the catalog. So a page cannot say more than the API does, and what it says can be
// held against an answer.
//
// Start reading at [List.Item].
package prices
