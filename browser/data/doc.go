// Package data fills an empty server for the tests and the pictures of the console:
// with a made-up company and its customers, and with texts that are hostile wherever
// somebody outside may bring one.
//
// Key decision: all of it comes in through the API, as a customer's own program
// would bring it, while a clock is moved from day to day. So what the console shows
// happened, change by change, and nothing was written into a table.
//
// Start reading at [Demo] and [Hostile].
package data
