// Package racetest holds what several nodes answer at once against the rules, on
// PostgreSQL, where a transaction sees what others commit while it waits.
//
// The key decision: no test here waits for a race to happen. In a schedule
// (schedule_test.go) a hook in the transaction makes the change at the one point
// that matters, after facts were read and before the lock is had, and goes on
// once the change is acknowledged. Beside them three nodes whose clocks are apart
// work at random on few customers, and every answer, refusals too, is held
// against a linearizable model (linear_test.go); ALLOT_RACE_ROUNDS=n runs n
// rounds in place of the few that every test run has.
//
// There is no code here but tests.
package racetest
