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

// Whatever a parameter is refused for, the message names it.
func TestErrorsNameTheirParameter(t *testing.T) {
	for _, c := range []struct{ code, message, want string }{
		{"UNITS_INVALID", "what is used of a window is at most 9", "units: what is used of a window is at most 9"},
		{"UNITS_INVALID", "units must be above 0", "units must be above 0"},
		{"VERSION_INVALID", "plan pro has the versions 1 to 2", "version: plan pro has the versions 1 to 2"},
		{"ID_INVALID", "the customer did not have it", "id: the customer did not have it"},
		{"MAX_REQUIRED", "give max (a number)", "give max (a number)"},
		{"IDEMPOTENCY_KEY_INVALID", "Idempotency-Key must be given once", "Idempotency-Key must be given once"},
		{"CATALOG_INVALID", "line 1, column 1: it is empty", "line 1, column 1: it is empty"},
		{"CUSTOMER_NOT_FOUND", "there is none", "there is none"},
	} {
		for _, err := range []error{&Error{Kind: Invalid, Code: c.code, Message: c.message}, Errors{{Kind: Invalid, Code: c.code, Message: c.message}}} {
			if got := new(door).errors(new(served), err)[0].Message; got != c.want {
				t.Errorf("%s %q: %q, want %q", c.code, c.message, got, c.want)
			}
		}
	}
	d := &door{Config: Config{Explain: func(error) Errors { return Errors{{Kind: Invalid, Code: "AT_INVALID", Message: "too early"}} }}}
	if got := d.errors(new(served), errBusy)[0].Message; got != "at: too early" {
		t.Errorf("an explained error: %q", got)
	}
	if parameterOf(api.CodeCatalogInvalid) != "" {
		t.Error("a fault of a catalog file has its own place")
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
