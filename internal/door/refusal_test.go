package door

import (
	"testing"

	"github.com/allot-dev/allot/api"
)

// A kind that a dialect has no status for is a fault of ours, and never a status
// of 0.
func TestEveryKindHasAStatus(t *testing.T) {
	for _, dialect := range []*Dialect{{}, &strict} {
		for kind := Internal; kind <= Unavailable+1; kind++ {
			status, body := new(door).refusal(&served{Route: Route{Dialect: dialect}}, "r", &Error{Kind: kind, Code: "A_B", Message: "some message"})
			if status < 400 || len(body.Errors) != 1 {
				t.Errorf("kind %d: %d %v", kind, status, body)
			}
			if shown := body.Errors[0].Code == "A_B"; shown != (dialect.status(kind) != 0) || !shown && status != 500 {
				t.Errorf("kind %d: %d %v", kind, status, body)
			}
		}
	}
}

// An API whose refusals have a code and a message, as Kinde's have, says nothing more.
func TestDetailsAreTheDialects(t *testing.T) {
	e := &Error{Kind: Invalid, Code: "A_B", Message: "some message", Existing: "thing_1", Line: 3, Column: 7}
	for details, want := range map[bool]api.Error{
		false: {Code: "A_B", Message: "some message"},
		true:  {Code: "A_B", Message: "some message", ExistingID: "thing_1", Line: 3, Column: 7},
	} {
		dialect := strict
		dialect.Details = details
		if _, body := new(door).refusal(&served{Route: Route{Dialect: &dialect}}, "r", e); body.Errors[0] != want {
			t.Errorf("details %v: %+v, want %+v", details, body.Errors[0], want)
		}
	}
}
