// Package server puts the parts of Allot together: it is the only place that
// knows all of them. The rest of Allot is handed what it needs; here it is
// decided what that is.
//
// The key decision: a server runs as long as its context. [Start] returns once
// the port answers, or with every fault of the configuration at once; when the
// context ends the server drains, and [Server.Wait] returns when nothing of it
// is left. There is no other way to stop it, so there is one order of doing so.
//
// An [Installation] is the same place without a server: what the commands that
// work on the database use, also while a server runs there.
//
// Start reading at [Config] and [Start].
package server
