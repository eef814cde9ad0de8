// Package load drives a server over HTTP/1.1 and says how fast it answers, at what
// cost, and how far that can be trusted.
//
// The key decision is that the client must not be what is measured. On a machine
// of few cores it shares them with the server, and net/http's client costs several
// times what a plain handler does: with it, a server twice as slow would look a
// tenth slower. So a connection here is a socket, a request is bytes that are
// ready to send, and of an answer only the status and the length are read each
// time; one in many is looked at whole. Every answer is checked, and the first
// that is wrong ends the measurement: a rate with errors in it is no rate.
//
// A number by itself says little on a machine that others use too. [Compare] takes
// the sides of a comparison in turns, A B A B, and a [Ratio] is the median of the
// ratios within each round. The processor time of the server ([CPUTime]) is the
// steadier judge than requests per second, of which a part is always the client.
//
// Start reading at [Load.Run], then [Compare]. [Report] is what is recorded.
package load
