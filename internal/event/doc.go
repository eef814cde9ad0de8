// Package event has what the feed tells of beside the changes of facts, and the rules
// by which it follows from them: pure functions of facts and instants.
//
// The key decision is that an event is a report. It is made from what the rules of
// package billing say anyway, has no revision, locks nothing, and no answer depends on
// its having been written.
//
// Start reading at [Event], then [Moment], which has the rules of time.
package event
