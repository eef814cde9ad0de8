// Package bench measures Allot, and puts beside each figure the most that could
// be had: a constant net/http handler with the same answer for what is asked over
// HTTP, a bare commit to the same disk for what must be durable.
//
// The key decision is that what is compared runs side by side, in turns, each in a
// process of its own ([Run] starts this program again: as "allot serve", and as the
// handler, [Ceiling]). The handler runs twice, and how far the two differ says how
// far the other ratios can be trusted.
//
// Measurements need customers. [Seed] makes them by number, so that a driver knows
// the ids of five million without having read one; see population.go. It leaves a
// database alone that has others.
//
// Start reading at the table of scenarios in scenario.go; what drives them is
// package load below. docs/benchmarks.md is the page for readers of the figures.
package bench
