// Package wire turns what the domain has into what is sent, and names that are
// sent into what the domain knows.
//
// The key decision: a domain type is shown in one place, whatever route answers
// with it. The functions are pure: a value in, a type of package api out. Only
// [Lists], the answer of the main endpoint, is written as text, because it is
// asked for most; a test holds it to what encoding/json would write.
//
// Start reading at [Decision] or [Lists].
package wire
