// Package creditmodel is a naive model of the credit rules, for one customer. It is the
// oracle that the engine is compared with, so it is written from the words of the rules
// and never from the engine's code.
//
// It keeps facts and a log in memory and nothing else: no balance, no counter. Every
// answer is recomputed from all of them by the text of the rules; nothing is fast. A
// number in a comment ("rule 7") is that of the rule in the credits document that a
// function states. READING marks where the words leave a choice and says which one
// was taken.
//
// Only four things are decided once and then kept in the log, as the rules ask: what a
// record drew from, what a hold pinned, what a correction gave back, and what paid a
// claw-back. Of the allowance of a record's own window nothing is kept; it is the rest.
//
// To ask about another time a copy of the model is made that knows only what was known
// then (knownAt) or what counts by then (countedBy), and is asked with that time as now.
//
// Start with model.go (the facts and the log) and source.go (what can be drawn from, in
// which order, and how much is left). Then use.go (check and consume), hold.go, late.go,
// correct.go, grant.go, void.go, debt.go, and credits.go (the questions). World, Script
// and Runner make random scripts as plain data, which another program can replay.
package creditmodel
