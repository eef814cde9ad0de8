// Package clock guards what a server takes for the time, so that a wrong clock does not
// poison facts.
//
// The key decision: a clock is read as two numbers, what the wall shows and how much time
// has gone by since the machine began, asleep or awake. Nobody sets the second one. As long
// as both have gone on alike the wall is believed; where they part by more than the skew,
// [Guard.Now] goes on by what has gone by, and [Guard.Check], which a store asks before it
// writes, refuses. Nothing is stamped with a time that was not believed, so there is no
// moment between a jump and its notice.
//
// Two more things are held against the wall: the newest time that is known to have been
// stamped ([Guard.Saw]), which catches a clock that was set back before the start; and the
// clock of a database that several servers share ([Guard.Measured]).
//
// Start reading at [Guard].
package clock
