// Package feed is the order of changes: how committed changes get into one order,
// how nodes hear of them, and who follows.
//
// Each change is committed under a revision of its own scope (a customer, the
// catalog), so that writers of different customers share nothing. One node, the
// one that has the lease, gives what is committed its place in the feed
// afterwards: [Feed.Sequence]. Nodes tell each other when to look; that is a hint,
// and what they find by looking now and then is the truth.
//
// There are two kinds of those who follow:
//
//   - A [Mirror] keeps something in memory that changes make old: the cache of
//     facts, the directory of clients. Each node has its own. It begins at the
//     present end, knows how long ago all was heard, and begins again if it has
//     missed something: [Feed.Watch].
//   - A [Follower] does something because of a change, once for all nodes. Its
//     place is kept in the store, nothing is left out, and one node at a time does
//     it: [Feed.Follow].
//
// What is to be done now and then, and not because of a change, is a chore, which
// one node does as well: [Feed.Alone].
//
// Start reading at [New].
package feed
