// Package snapshot keeps the facts of customers in memory, so that what they are
// entitled to is answered without asking the store.
//
// The key decision: facts are kept, not answers. Answers follow from facts, the
// catalog and an instant, so nothing that is kept grows old by the passing of
// time; it grows old by a change, and every change is heard of. A change made on
// this node is heard from the store itself before the writer has its answer
// ([Cache.Heard]); one made elsewhere by following the change feed ([Cache.Follow]).
// While the feed is not read for [MaxLag] nothing is answered from memory.
//
// What is heard is a revision, and revisions are what is compared: facts are
// kept, handed to those who wait for them, or taken from a replica only if they
// are of the revision last heard of that customer, or a later one.
//
// Start reading at [Cache.Get]; feed.go is how changes are heard of, replica.go when a
// replica may be asked. How facts are packed is in package packed.
package snapshot
