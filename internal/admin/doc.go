// Package admin is the console: what operators, support and whoever writes the price list
// see of Allot.
//
// The key decision: the console is a client of Allot's own API, in the same process. It
// calls the server's handler with the Go SDK as the administrator who is signed in, so that
// what it shows is what the API answers, what it changes is checked, previewed and written
// down as any change is, and a role is nothing but a set of scopes. It has no query of its
// own. What the API does not have comes by the small interfaces of [Options].
//
// A screen is a function of a [call] in [screens] and a file in the folder screens. It says
// what there is to see; the frame, the errors and who is let in are the same for all. State
// stands in the address. Each change shows its effect before it is made.
//
// Start reading at [New], then serve.go.
package admin
