// Package racetest holds what several nodes answer at once against the rules, on
// PostgreSQL, where a transaction sees what others commit while it waits, and on
// SQLite.
//
// The key decision: no test of a schedule waits for a race to happen. In a schedule
// (schedule_test.go) a hook in the transaction makes the change at the one point
// that matters, after facts were read and before the lock is had, and goes on
// once the change is acknowledged; or the schedule is made in the database, of rows
// that are held and of who waits for whom, for whatever way usage is written
// (standoff_test.go). Beside them three nodes whose clocks are apart
// work at random on few customers (linear_test.go), also while the database crashes,
// connections end and callers give up (fault_test.go). Every answer, refusals too, is
// held against a linearizable model, a pure function of what is asked and answered
// (model_test.go, itself tested in law_test.go); the histories, one for each feature of a
// customer, and the laws that they keep are in history_test.go.
//
// credit_*_test.go are the same of credits: histories of one customer each, against the model of
// credit_law_test.go and credit_steps_test.go (itself tested in credit_laws_test.go). What was not
// answered is looked up in the log, by who asked.
//
// A round has a seed, which says what is asked, though not what meets what. Every test
// run has a few; this runs many, from a seed on:
//
//	ALLOT_RACE_ROUNDS=500 ALLOT_RACE_SEED=1 go run ./internal/pgtest/with \
//		go test ./internal/service/racetest -run Linearizable -count 1 -timeout 4h -v
//
// With -v each round says how many histories and operations were held, and how many
// operations have no answer. A test that fails prints the history in the order that
// explains most of it, what does not fit, and the terms by revision.
//
// Beside what threads and databases make of it there is a simulation (sim_test.go): one
// goroutine, three nodes, and a seed that decides all of what meets what, what is cut and who
// hears of it late. It is held against the same laws, fails the same way again, and is itself
// tested by faults that it has to find.
//
//	make simulate SEEDS=10000
//
// There is no code here but tests.
package racetest
