// Package door is the one way in for every request.
//
// It does for all routes what must never differ: request id, limits, credentials
// and scopes, reading the query and the body, errors, idempotency, encoding, the
// log. What is left to a handler is to read its parameters, call one use case and
// say which wire type answers.
//
// The key decision: the door knows no use case. It has the routes that the rooms
// behind it export ([Route]) and is handed the few things it needs of them: how
// an error of theirs is told ([Config].Explain) and how work is done in a
// transaction, once under a key ([Worker]). How an API speaks is a value
// ([Dialect]): who is let in, which status each kind of error has, whether pages
// may call it.
//
// A handler reads everything that a request gives before it asks for anything,
// and collects what is wrong on the way ([Query], [Body], [Faults]), so that a
// caller is told of all faults at once. One that changes something does not do
// it: it says what is to be done ([Change]), and the door has it done.
//
// Start reading at [New], then serve.go.
package door
